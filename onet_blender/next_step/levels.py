"""Levels of detail for games: the same object at several sizes, by Blender's Decimate."""

from __future__ import annotations

import bpy
from mathutils import Matrix, Vector

from .quads import own_mesh

# Of the faces, from level to level.
RATIOS = (1.0, 0.25, 0.06)
# Between the levels where they stand side by side, in widths of the object.
GAP = 1.2


def make(
    context: bpy.types.Context, item: bpy.types.Object, side_by_side: bool
) -> list[bpy.types.Object]:
    """The levels of an object, finest first, the object itself among them as the first.

    They are named Name_LOD0 and so on, and lie in a collection of the object's name. side_by_side:
    along the world's x axis; else all in the object's place, of which the finest is shown.
    """
    own_mesh(item)
    name = item.name.partition("_LOD")[0]
    homes = [home for home in item.users_collection if home.library is None]
    collection = bpy.data.collections.new(f"{name} LOD")
    (homes[0] if homes else context.scene.collection).children.link(collection)
    for home in homes:
        home.objects.unlink(item)
    collection.objects.link(item)
    item.name = f"{name}_LOD0"
    made = [item]
    for level, ratio in enumerate(RATIOS[1:], start=1):
        lower = item.copy()
        lower.name = f"{name}_LOD{level}"
        collection.objects.link(lower)
        lower.data = _decimated(context, lower, ratio)
        lower.data.name = lower.name
        lower.onet.kind = ""  # a copy: Reconstruct Again is for the finest
        made.append(lower)
    width = _width(item)
    for level, lower in enumerate(made):
        if side_by_side:
            step = Matrix.Translation(Vector((level * GAP * width, 0, 0)))
            lower.matrix_world = step @ item.matrix_world
        elif level:
            lower.hide_set(True)
        lower.select_set(side_by_side or not level)
    context.view_layer.objects.active = item
    return made


def _decimated(context: bpy.types.Context, item: bpy.types.Object, ratio: float) -> bpy.types.Mesh:
    """The mesh of an object in the scene at a share of its faces; colours and UVs carry over."""
    modifier = item.modifiers.new("LOD", "DECIMATE")
    modifier.ratio = ratio
    depsgraph = context.evaluated_depsgraph_get()
    depsgraph.update()
    made = bpy.data.meshes.new_from_object(
        item.evaluated_get(depsgraph), preserve_all_data_layers=True, depsgraph=depsgraph
    )
    item.modifiers.remove(modifier)
    return made


def _width(item: bpy.types.Object) -> float:
    """How far an object reaches along the world's x axis."""
    along = [(item.matrix_world @ Vector(corner)).x for corner in item.bound_box]
    return max(along) - min(along)
