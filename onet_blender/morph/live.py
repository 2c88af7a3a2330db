"""Sliders that are dragged: previews while they move, the full mesh when they rest.

Never more than one step is under way, and what is asked for next is what the sliders say then: the
newest value wins, and nothing queues. A timer of Blender's looks after it, so that Blender itself
never waits. In background mode there are no timers; there a slider's mesh is computed at once.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future

import bpy

from onet_core.engine.client import Job
from onet_core.errors import Cancelled, OnetError
from onet_core.sentences import NOTHING, Sentence

from .. import activity
from ..scene.meshes import MeshArrays
from .steps import Step, cache, compute, is_morph, preview_of, shape_of, show, shows, step_of

OPERATOR = "onet.morph"  # whose panel shows what went wrong
SECONDS_TO_REST = 0.3
SECONDS_BETWEEN_LOOKS = 0.01
SECONDS_WHILE_BUSY = 0.1

# When the sliders of these objects, by name, were moved last.
_moved: dict[str, float] = {}
_running: tuple[str, Step, Job] | None = None
# The mesh of that step, once the worker has answered.
_shape: Future[MeshArrays] | None = None
_cancelling = False
# A render computes its frames in a thread of its own, and the client belongs to one thread.
rendering = False


def slider_moved(item: bpy.types.Object) -> None:
    """Has the mesh follow the slider; does not wait, except in background mode."""
    if not is_morph(item) or not item.onet.morph.stops:
        return
    if bpy.app.background:
        show_now(item)
        return
    _moved[item.name] = time.monotonic()
    if not bpy.app.timers.is_registered(_look):
        # Persistent: opening a file would end the timer in the middle of a job.
        bpy.app.timers.register(_look, persistent=True)


def show_now(item: bpy.types.Object, value: float | None = None) -> None:
    """Gives the object its mesh in full, waiting for it; errors are shown, not raised.

    For handlers and background mode, where nobody could catch it.
    """
    step = step_of(item, value)
    try:
        if not shows(item, step):
            show(item, step, compute(step))
    except OnetError as error:
        tell(item.name, error)


def tell(name: str, error: OnetError) -> None:
    """Puts a sentence where it is seen: in the panel, and in the log of a render."""
    message = Sentence("{name}: {reason}", name=name, reason=error.sentence)
    activity.tell(OPERATOR, message)
    print(f"ONet: {message}", file=sys.stderr, flush=True)


def waiting() -> bool:
    """Whether a slider's mesh is still to come."""
    return bool(_moved) or _running is not None


def stop() -> None:
    """Forgets all sliders and cancels what is under way."""
    global _running, _shape
    if _running is not None:
        _running[2].cancel()
        _running = _shape = None
    _moved.clear()
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)


def _look() -> float | None:
    """The timer: goes on with what there is to do; None ends it."""
    if rendering:
        return SECONDS_WHILE_BUSY
    if _running is not None:
        _go_on()
    if _running is None:
        for name in sorted(_moved, key=lambda name: -_moved[name]):
            if _begin(name):
                break
    if not waiting():
        return None
    return SECONDS_WHILE_BUSY if activity.current() is not None else SECONDS_BETWEEN_LOOKS


def _begin(name: str) -> bool:
    """Starts what the object needs next, if anything; whether the worker is at work now."""
    global _running, _cancelling
    item = bpy.data.objects.get(name)
    if item is None or not is_morph(item) or not item.onet.morph.stops:
        del _moved[name]
        return False
    if item.mode != "OBJECT" or activity.current() is not None:
        return False
    full = step_of(item)
    preview = preview_of(item)
    rests = time.monotonic() - _moved[name] > SECONDS_TO_REST
    try:
        for step in (full, preview):
            if shows(item, step):
                break
            shape = cache.get(step)
            if shape is not None:
                show(item, step, shape)
                break
        if shows(item, full):
            if rests:
                del _moved[name]
            return False
        if shows(item, preview) and not rests:
            return False
        step = full if shows(item, preview) else preview
        _running = (name, step, step.start())
        _cancelling = False
    except OnetError as error:
        del _moved[name]
        tell(name, error)
        return False
    return True


def _go_on() -> None:
    """Takes in what the worker has said about the step that is under way."""
    global _running, _shape, _cancelling
    assert _running is not None
    name, step, job = _running
    job.poll()
    item = bpy.data.objects.get(name)
    outdated = item is None or not is_morph(item) or step_of(item).value != step.value
    if not job.done:
        # A preview is nearly there whenever it is outdated, and better than a mesh that stands
        # still; a full mesh is not worth waiting for.
        if outdated and not step.is_preview and not _cancelling:
            job.cancel()
            _cancelling = True
        return
    try:
        if _shape is None:
            _shape = shape_of(job.result())
        if not _shape.done():
            return
        shape, _running, _shape = _shape.result(), None, None
        cache.put(step, shape)
        if item is not None and is_morph(item) and item.mode == "OBJECT":
            show(item, step, shape)
            if activity.message(OPERATOR):
                activity.tell(OPERATOR, NOTHING)
    except Cancelled:
        _running = None
    except OnetError as error:
        _running = None
        _moved.pop(name, None)
        tell(name, error)
