"""Blender's handlers for sliders that move without a hand on them: frames, files, undo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
from bpy.app.handlers import persistent

from onet_core.errors import OnetError

from . import live
from .steps import cache, is_morph, show, shows, step_of


def _morphs(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    return [item for item in scene.objects if is_morph(item) and item.onet.morph.stops]


@contextmanager
def _spoiling_no_other(item: bpy.types.Object) -> Iterator[None]:
    """Shows what goes wrong with one morph; files may hold anything, and the others go on."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, OnetError):
            error = OnetError("This morph can't be shown ({error}).", error=repr(error)[:200])
        live.tell(item.name, error)


@persistent
def on_frame(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph | None = None) -> None:
    """A frame's mesh: in a render always the full one, in the viewport what is there at once."""
    for item in _morphs(scene):
        with _spoiling_no_other(item):
            seen = item if depsgraph is None else item.evaluated_get(depsgraph)
            _follow(item, seen.onet.morph.value)


def _follow(item: bpy.types.Object, value: float) -> None:
    if bpy.app.background or live.rendering:
        live.show_now(item, value)
        return
    step = step_of(item, value)
    if shows(item, step):
        return
    shape = cache.get(step)
    if shape is not None and item.mode == "OBJECT" and item.data.shape_keys is None:
        show(item, step, shape)
    else:
        live.slider_moved(item)


@persistent
def on_change(*_: Any) -> None:
    """After opening a file, undo and redo: meshes that lag behind their sliders."""
    for scene in bpy.data.scenes:
        for item in _morphs(scene):
            with _spoiling_no_other(item):
                if not shows(item, step_of(item)):
                    live.slider_moved(item)


@persistent
def on_render_start(*_: Any) -> None:
    live.rendering = True


@persistent
def on_render_end(*_: Any) -> None:
    live.rendering = False


HANDLERS = {
    "frame_change_post": on_frame,
    "load_post": on_change,
    "undo_post": on_change,
    "redo_post": on_change,
    "render_init": on_render_start,
    "render_complete": on_render_end,
    "render_cancel": on_render_end,
}


def register() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    live.stop()
    cache.clear()
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
