"""Whether somebody has changed a result by hand since it was made."""

from __future__ import annotations

import zlib
from typing import Any

import bpy
import numpy as np
from bpy.app.handlers import persistent

from .meshes import COLOURS

# What was found of objects, by name, until geometry changes again: panels ask at every drawing.
_found: dict[str, bool] = {}


def digest(item: bpy.types.Object) -> str:
    """A short text that changes with an object's places, faces, colours, seams and weights."""
    mesh = item.data
    places = np.empty((len(mesh.vertices), 3), dtype=np.float32)
    if len(places):
        mesh.attributes["position"].data.foreach_get("vector", places.ravel())
    mark = zlib.crc32(places.tobytes())
    colours = mesh.color_attributes.get(COLOURS)
    if colours is not None:
        painted = np.empty(4 * len(colours.data), dtype=np.float32)
        colours.data.foreach_get("color", painted)
        mark = zlib.crc32(painted.tobytes(), mark)
    names = [layer.name for layer in mesh.uv_layers] + [group.name for group in item.vertex_groups]
    if mesh.shape_keys is not None:
        names += mesh.shape_keys.key_blocks.keys()
    counts = f"{len(mesh.vertices)} {len(mesh.polygons)} {len(mesh.loops)}"
    return f"{counts} {zlib.crc32(' '.join(names).encode(), mark):08x}"


def note(item: bpy.types.Object) -> None:
    """An object's mesh as it is now counts as the one that was made."""
    item.onet.made_as = digest(item)
    _found.pop(item.name, None)


def is_changed(item: bpy.types.Object) -> bool:
    """Whether an object's mesh is not the one that was made; False where that is not known."""
    kept = item.onet
    if not kept.made_as or item.mode != "OBJECT":
        return _found.get(item.name, False)
    if item.name not in _found:
        _found[item.name] = digest(item) != kept.made_as
    return _found[item.name]


def keep(item: bpy.types.Object) -> None:
    """Before an object gets another mesh: what was changed by hand stays, in a hidden object."""
    item.onet.kept_as = ""
    if not is_changed(item):
        return
    kept = item.copy()
    kept.name = f"{item.name} by hand"
    kept.onet.kind = ""
    for home in item.users_collection:
        if home.library is None:
            home.objects.link(kept)
    kept.hide_render = True
    for scene in kept.users_scene:
        for layer in scene.view_layers:
            layer.update()  # it is new there
            if kept.name in layer.objects:
                kept.hide_set(True, view_layer=layer)
    item.onet.kept_as = kept.name


@persistent
def _on_update(scene: Any, depsgraph: bpy.types.Depsgraph) -> None:
    if _found and any(update.is_updated_geometry for update in depsgraph.updates):
        _found.clear()


@persistent
def _on_load(*_: Any) -> None:
    _found.clear()


HANDLERS = {
    "depsgraph_update_post": _on_update,
    "load_post": _on_load,
    "undo_post": _on_load,
    "redo_post": _on_load,
}


def register() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
