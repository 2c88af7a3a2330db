"""Which results are older than what they were made from, and making those again that are live.

Blender says which objects' geometry it has updated; a timer looks at them once they rest, compares
a mark of what is there with that of what the result was made from, and starts one job at a time.
Nothing waits, and nothing is started while somebody edits, an animation plays or ONet is at work.
"""

from __future__ import annotations

import time
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .. import activity
from ..scene import handwork, sources

OPERATOR = "onet.live_update"
SECONDS_TO_REST = 0.4
SECONDS_BETWEEN_LOOKS = 0.2

# Results whose source may have changed, by name, and when that was said last.
_suspects: dict[str, float] = {}
# The mark of the sources of results as they were found last.
_found: dict[str, str] = {}
# The marks of sources that were tried already: what fails is not tried again before it changes.
_tried: dict[str, str] = {}
# Which result was made again last, or is at the moment.
_started = ""
# Names of results by the mark of their source; None where that is not known.
_results: dict[str, list[str]] | None = None


def is_outdated(item: bpy.types.Object) -> bool:
    """Whether the source of a result is known to have changed since it was made."""
    made_from = item.onet.made_from
    return bool(made_from) and _found.get(item.name, made_from) != made_from


def suspect(item: bpy.types.Object) -> None:
    """Has the source of a result looked at, soon."""
    if bpy.app.background:
        return
    _suspects[item.name] = time.monotonic()
    if not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=SECONDS_TO_REST, persistent=True)


def waiting() -> bool:
    """Whether a source is still to be looked at, or a live result to be made again."""
    return bool(_suspects) or bool(_due())


def _known_results() -> dict[str, list[str]]:
    global _results
    if _results is None:
        _results = {}
        for item in bpy.data.objects:
            if item.onet.source_mark:
                _results.setdefault(item.onet.source_mark, []).append(item.name)
    return _results


def _results_of(mark: str) -> list[bpy.types.Object]:
    named = (bpy.data.objects.get(name) for name in _known_results().get(mark, ()))
    return [item for item in named if item is not None and item.onet.source_mark == mark]


def look_now(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> bool:
    """Looks at the source of a result; whether it has changed since that was made."""
    source = sources.source_of(item)
    if source is not None:
        found = sources.digest(source, depsgraph)()
        if found:
            _found[item.name] = found
    return is_outdated(item)


def _due() -> list[bpy.types.Object]:
    """Live results that are older than their sources and were not tried in vain."""
    items = (bpy.data.objects.get(name) for name in _found)
    return [
        item
        for item in items
        if item is not None
        and item.onet.live
        and is_outdated(item)
        and _tried.get(item.name) != _found[item.name]
        and not handwork.is_changed(item)
    ]


def _look() -> float | None:
    """The timer; None ends it."""
    windows = bpy.context.window_manager.windows
    if not len(windows):
        return None
    with bpy.context.temp_override(window=windows[0]):
        context = bpy.context
        playing = context.screen is not None and context.screen.is_animation_playing
        if context.mode != "OBJECT" or playing or bpy.app.is_job_running("RENDER"):
            return SECONDS_BETWEEN_LOOKS if waiting() else None
        _look_at_one(context)
        _start(context)
    return SECONDS_BETWEEN_LOOKS if waiting() else None


def _look_at_one(context: bpy.types.Context) -> None:
    """Looks at the source of one result: several large ones would hold Blender up."""
    now = time.monotonic()
    name = next((one for one, since in _suspects.items() if now - since > SECONDS_TO_REST), None)
    item = bpy.data.objects.get(name) if name is not None else None
    if name is not None:
        del _suspects[name]
    if item is not None:
        before = is_outdated(item)
        if look_now(item, context.evaluated_depsgraph_get()) != before:
            activity.redraw()


def _start(context: bpy.types.Context) -> None:
    """Starts one job that is due; one that is out of date already is stopped."""
    global _started
    due = [item.name for item in _due()]
    if not due:
        return
    running = activity.current()
    if running is not None:
        if running.owner == OPERATOR and _started in due and not running.cancelling:
            running.cancel()
        return
    _started = due[0]
    _tried[_started] = _found[_started]
    try:
        bpy.ops.onet.live_update("INVOKE_DEFAULT", target=_started)
    except RuntimeError as error:  # Blender's way to hand a report on; the panel shows it
        print(f"ONet: {error}")


@persistent
def _on_update(scene: Any, depsgraph: bpy.types.Depsgraph) -> None:
    global _results
    if bpy.app.background:
        return
    for update in depsgraph.updates:
        if not isinstance(update.id, bpy.types.Object):
            continue
        item = update.id.original
        kept = item.onet
        if kept.source_mark and item.name not in _known_results().get(kept.source_mark, ()):
            _results = None  # a new one, or one with another name
        if kept.live:
            suspect(item)
        if update.is_updated_geometry and kept.mark:
            for result in _results_of(kept.mark):
                suspect(result)


@persistent
def _on_frame(scene: Any, *_: Any) -> None:
    if bpy.app.background:
        return
    for mark in _known_results():
        for item in _results_of(mark):
            if item.onet.live:
                suspect(item)


@persistent
def _on_other_data(*_: Any) -> None:
    """After a step back or forth, or in another file, all may be different."""
    global _results
    _results = None
    _found.clear()
    _tried.clear()
    if not bpy.app.background:
        for item in bpy.data.objects:
            if item.onet.source_mark and item.onet.made_from:
                suspect(item)


@persistent
def _on_new_file(*_: Any) -> None:
    _suspects.clear()
    _on_other_data()


HANDLERS = {
    "depsgraph_update_post": _on_update,
    "frame_change_post": _on_frame,
    "load_post": _on_new_file,
    "undo_post": _on_other_data,
    "redo_post": _on_other_data,
}


def register() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    _suspects.clear()
