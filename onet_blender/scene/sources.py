"""What a mesh is made from: the objects that are chosen, and those that results came from.

A result knows its source by a mark that the source carries, not by a pointer: what is pointed at
lives on in the file after it was deleted, and comes along wherever the result is pasted.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable
from typing import Any

import bpy
import numpy as np
from bpy.app.handlers import persistent
from numpy.typing import NDArray

from onet_core.kinds import INPUTS

from .scene_io import geometry_of, parts_of, places_of

OVERLAID = ("POINTS", "VOXELS")
# Of each kind of input, the types of objects that can be one.
SOURCE_TYPES = {kind.identifier: kind.objects for kind in INPUTS if kind.objects}


def remember_source(made: bpy.types.Object, source: bpy.types.Object | None) -> None:
    """Has a result know what it was made from; None for no object.

    Objects of other files can't be marked: those are pointed at.
    """
    kept = made.onet
    kept.source_object, kept.source_mark = None, ""
    if source is None:
        return
    if is_own(source):
        kept.source_mark = _own_mark(source)
    else:
        kept.source_object = source


def _own_mark(source: bpy.types.Object) -> str:
    """The mark of an object, a fresh one where it has none or shares that with its duplicates."""
    mark = source.onet.mark
    if mark and not any(
        item != source and item.onet.mark == mark for item in filter(is_own, bpy.data.objects)
    ):
        return str(mark)
    results = [
        item for item in filter(is_own, bpy.data.objects) if mark and source_of(item) == source
    ]
    source.onet.mark = uuid.uuid4().hex
    for item in results:
        item.onet.source_mark = source.onet.mark
    return str(source.onet.mark)


def source_of(made: bpy.types.Object) -> bpy.types.Object | None:
    """What a result was made from, None where that is gone."""
    kept = made.onet
    if kept.source_mark:
        named = bpy.data.objects.get(kept.source)
        if named is not None and named.onet.mark == kept.source_mark and named.users_scene:
            return named
        marked = [item for item in bpy.data.objects if item.onet.mark == kept.source_mark]
        # Of another file there may be an object beside the override that stands in the scene.
        marked.sort(key=lambda item: not item.users_scene)
        return next((item for item in marked if is_there(item)), None)
    source = kept.source_object
    return source if source is not None and is_there(source) else None


def twins_of(made: bpy.types.Object, layer: bpy.types.ViewLayer) -> list[bpy.types.Object]:
    """Results of the same source that stand where this one does, and would flicker through it."""
    mark = made.onet.source_mark
    return [
        item
        for item in layer.objects
        if mark
        and item != made
        and item.onet.source_mark == mark
        and np.allclose(item.matrix_world, made.matrix_world, atol=1e-6)
    ]


def digest(source: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Callable[[], str]:
    """What makes a short text that changes with an object's evaluated geometry; needs no Blender.

    The text is empty where there is no geometry. Where it stands does not count. Colours, materials
    and a Volume's densities are not looked at.
    """
    read: list[tuple[NDArray[np.float32], str]] = []
    inverse = source.evaluated_get(depsgraph).matrix_world.inverted_safe()
    for part, matrix in parts_of(source, depsgraph):
        with geometry_of(part) as data:
            if isinstance(data, bpy.types.Mesh):
                vertices, faces = len(data.vertices), len(data.polygons)
            elif isinstance(data, bpy.types.PointCloud):
                vertices, faces = len(data.points), 0
            else:
                continue
            # The places of instances; rounding is no change.
            stands = [f"{round(value, 4) + 0.0:g}" for row in inverse @ matrix for value in row]
            read.append((places_of(data.attributes, vertices), f"{faces} {' '.join(stands)}"))

    def mark() -> str:
        found, count = 0, 0
        for places, about in read:
            found = zlib.crc32(about.encode(), zlib.crc32(places.tobytes(), found))
            count += len(places)
        return f"{count} {found:08x}" if count else ""

    return mark


def is_there(item: bpy.types.Object) -> bool:
    """Whether an object is in a scene: a deleted one lives on while something points at it."""
    return bool(item.users_scene) or item.library is not None


def is_own(item: bpy.types.Object) -> bool:
    """Whether an object is of this file, neither linked nor an override."""
    return item.library is None and item.override_library is None


def chosen_objects(context: bpy.types.Context, kind: str = "") -> list[bpy.types.Object]:
    """What would be reconstructed: the panel's object, else the active and all selected ones.

    A result stands for what it was made from, and for nothing where that is gone. kind: POINTS or
    VOXELS, by default the panel's; of several objects those are left out that are of no use.
    """
    panel = context.scene.onet
    if panel.source is not None and is_there(panel.source):
        return [panel.source]
    active = context.active_object
    if active is None:
        return []
    chosen = [active]
    if active.select_get():
        chosen += [item for item in context.selected_objects if item != active]
    sources = {item.name: item for item in map(_stands_for, chosen) if item is not None}
    types = SOURCE_TYPES.get(kind or panel.input_kind, ())
    usable = [item for item in sources.values() if item.type in types]
    return usable or list(sources.values())[:1]


def _stands_for(item: bpy.types.Object) -> bpy.types.Object | None:
    return source_of(item) if item.onet.kind in OVERLAID else item


@persistent
def _on_save(*_: Any) -> None:
    """Deleted objects are not kept in the file by what was made from them."""
    for scene in bpy.data.scenes:
        chosen = scene.onet.source
        if scene.library is None and chosen is not None and not is_there(chosen):
            scene.onet.source = None
    for item in filter(is_own, bpy.data.objects):
        pointed = item.onet.source_object
        if pointed is not None and not is_there(pointed):
            item.onet.source_object = None


@persistent
def _on_load(*_: Any) -> None:
    """Files of earlier versions point at their sources."""
    for item in filter(is_own, bpy.data.objects):
        if item.onet.source_object is not None:
            remember_source(item, item.onet.source_object)


def register() -> None:
    bpy.app.handlers.save_pre.append(_on_save)
    bpy.app.handlers.load_post.append(_on_load)


def unregister() -> None:
    bpy.app.handlers.save_pre.remove(_on_save)
    bpy.app.handlers.load_post.remove(_on_load)
