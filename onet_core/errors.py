"""Errors that a user can act on: each message says what is wrong with what, and what to do.

Everything that bad input can cause is an `OnetError`. The command line prints it as one line and
exits with status 2, the worker sends it as data, Blender's operators report it in the user's
language. So the message is a template and its values, never an f-string:

    raise InputError("{name} has only {count:,} points.", name=path.name, count=len(points))

`str(error)` is the sentence in English; `error.sentence` can be translated. Words that differ
(one point, two points) are templates of their own. An error among the values is filled in as the
sentence it is. Every template that Blender can show has a German one in
`onet_blender/languages/german_sentences.py`; a test compares the two.
"""

from __future__ import annotations

from .sentences import Sentence


class OnetError(Exception):
    """Base of all errors with a message for the user.

    template: the message, with the names of `values` in braces; without values it is taken as it
    is. Instead of both, a `Sentence`.
    """

    def __init__(self, template: str | Sentence = "", /, **values: object) -> None:
        if not isinstance(template, Sentence):
            sentences = {
                name: value.sentence if isinstance(value, OnetError) else value
                for name, value in values.items()
            }
            template = Sentence(template, **sentences)
        self.sentence: Sentence = template
        super().__init__(str(template))


class InputError(OnetError):
    """The picture, point cloud, voxel grid or mesh that was given can't be used."""


class NoPointsError(InputError):
    """The point cloud that was given is empty: of a movement, a frame to be left out."""


class Damage(OnetError, ValueError):
    """What is wrong inside a file, as half a sentence: a reader catches it and names the file."""


class ModelError(OnetError):
    """A weights file is missing, damaged, hostile, or of another kind than was asked for."""


class NoSurfaceError(OnetError):
    """The network's field has no surface at the threshold."""


class DeviceError(OnetError):
    """The device that was asked for is not there, or ran out of memory."""


class EngineError(OnetError):
    """The worker process could not be started, died, or does not answer."""


class Cancelled(OnetError):
    """The user stopped the work."""

    def __init__(self, template: str | Sentence = "Cancelled.", /, **values: object) -> None:
        super().__init__(template, **values)
