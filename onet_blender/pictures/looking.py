"""What the network would see of the panel's picture: asked for by a button, and ahead of it.

As soon as a picture or its mask is chosen the worker is asked beside the interface, so that the
cut-out is shown before a mesh is made. Nobody waits for that; what is wrong the buttons say.
"""

from __future__ import annotations

from typing import Any

import bpy

from onet_core.engine.client import Answer, Job
from onet_core.engine.protocol import Arrays
from onet_core.errors import OnetError
from onet_core.pipeline.findings import Findings
from onet_core.sentences import Sentence

from .. import activity
from ..runtime import engine_session
from ..runtime.chosen import preferences, runtime
from ..scene import reconstruction
from ..scene.preparation import Preparation
from . import images
from .doubts import in_one

LOOK = "onet.look"
_SECONDS_TO_SETTLE, _SECONDS_BETWEEN_POLLS = 0.3, 0.1

_under_way: Preparation[Arrays] | None = None


def looked_at(image: bpy.types.Image, choices: Any) -> Preparation[Arrays]:
    """Asks what the network would see of a picture; choices: `Scene.onet`. Raises OnetError."""
    settings = {"cut_out": choices.cut_out}
    asked = {**reconstruction.options(choices=settings), "name": image.name}

    def start(arrays: Arrays) -> Job:
        return engine_session.client(runtime()).start("look", asked, arrays)

    return Preparation(images.arrays_in_pieces(image, choices.mask), start)


def shown(answer: Answer) -> Sentence:
    """Keeps the picture of an answer for the panels, and what to say of it."""
    images.show_seen(answer.arrays["seen"])
    found = Findings(
        background=answer.values["background"],
        doubts=tuple(Sentence.from_json(one) for one in answer.values["doubts"]),
    )
    return in_one(found.sentences())


def look_ahead() -> None:
    """Looks at the panel's picture soon, where the preferences want things done ahead."""
    chosen = preferences()
    if bpy.app.background or chosen is None or not chosen.start_ahead:
        return
    stop()
    bpy.app.timers.register(_begin, first_interval=_SECONDS_TO_SETTLE)


def stop() -> None:
    """Nobody wants to know any more."""
    global _under_way
    for step in (_begin, _go_on):
        if bpy.app.timers.is_registered(step):
            bpy.app.timers.unregister(step)
    if _under_way is not None:
        _under_way.cancel()
        _under_way = None


def _begin() -> None:
    global _under_way
    choices = bpy.context.scene.onet
    if choices.picture is None or choices.input_kind != "IMAGE" or runtime().problem:
        return
    try:
        _under_way = looked_at(choices.picture, choices)
    except OnetError:
        return
    bpy.app.timers.register(_go_on, first_interval=_SECONDS_BETWEEN_POLLS)


def _go_on() -> float | None:
    global _under_way
    if _under_way is None:
        return None
    _under_way.poll()
    if not _under_way.done:
        return _SECONDS_BETWEEN_POLLS
    looking, _under_way = _under_way, None
    try:
        activity.tell(LOOK, shown(looking.result()))
    except OnetError as error:
        activity.tell(LOOK, error.sentence)
    return None


def register() -> None:
    """Nothing is looked at yet."""


def unregister() -> None:
    stop()
