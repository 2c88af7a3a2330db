"""Errors that a user can act on: each message says what is wrong with what, and what to do.

Everything that bad input can cause is an `OnetError`. The command line prints it as one line and
exits with status 2, the worker sends it as data, Blender's operators report it.
"""

from __future__ import annotations


class OnetError(Exception):
    """Base of all errors with a message for the user."""


class InputError(OnetError):
    """The picture, point cloud, voxel grid or mesh that was given can't be used."""


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

    def __init__(self, message: str = "Cancelled.") -> None:
        super().__init__(message)
