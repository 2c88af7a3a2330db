"""What an artist sees right after a result: the result itself, in its colours, within the view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from .meshes import COLOURS

MATERIAL = "ONet Colours"
# A result that covers less of the view than this can't be made out.
LEAST_SHARE_OF_VIEW = 0.005
# How far a view has to reach, in sizes of what it is to show.
SIZES_OF_DEPTH = 20.0


def hide(item: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> None:
    """Hides an object in a view layer and in renders; its eye in the outliner brings it back."""
    if item.name in view_layer.objects:
        item.hide_set(True, view_layer=view_layer)
    item.hide_render = True


def show_as_wire(item: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> None:
    """Brings a hidden object back as wire, which hides nothing behind it."""
    if item.name in view_layer.objects:
        item.hide_set(False, view_layer=view_layer)
    item.display_type = "WIRE"


def show_colours(mesh: bpy.types.Mesh) -> None:
    """Gives a mesh that has colours and no material one that shows them."""
    if COLOURS not in mesh.color_attributes or len(mesh.materials):
        return
    mesh.materials.append(colour_material())
    for space, _, _ in _views():
        # Solid views show one colour for each material unless they are set otherwise.
        if space.shading.color_type == "MATERIAL":
            space.shading.color_type = "VERTEX"


def show_textures() -> None:
    """Has Solid views that show colours show textures instead."""
    for space, _, _ in _views():
        if space.shading.color_type == "VERTEX":
            space.shading.color_type = "TEXTURE"


def colour_material() -> bpy.types.Material:
    """The material whose base colour is the mesh's colour attribute; made when first needed."""
    known = bpy.data.materials.get(MATERIAL)
    if known is not None and known.library is None:
        return known
    material = bpy.data.materials.new(MATERIAL)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.8
    colours = nodes.new("ShaderNodeVertexColor")
    colours.layer_name = COLOURS
    colours.location = (shader.location.x - 220, shader.location.y)
    links.new(colours.outputs["Color"], shader.inputs["Base Color"])
    return material


def bring_into_view(item: bpy.types.Object, always: bool = False) -> None:
    """Frames an object in every 3D view that does not show it, or shows it too small to see.

    always: in every 3D view. Without a window there is nothing to do.
    """
    corners = [item.matrix_world @ Vector(corner) for corner in item.bound_box]
    size = max((corner - corners[0]).length for corner in corners)
    for space, area, window in _views():
        view = space.region_3d
        if not always and share_of_view(view.perspective_matrix, corners) >= LEAST_SHARE_OF_VIEW:
            continue
        space.clip_end = max(space.clip_end, SIZES_OF_DEPTH * size)
        space.clip_start = min(space.clip_start, size / 100)
        region = next(part for part in area.regions if part.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.view3d.view_selected(use_all_regions=False)


def share_of_view(perspective: Any, corners: list[Vector]) -> float:
    """How much of a view the box of these corners covers, 0 to 1.

    perspective: the view's matrix (4, 4) from the world to clip space.
    """
    seen = np.array([perspective @ corner.to_4d() for corner in corners])
    if (seen[:, 3] <= 0).any():  # behind the eye
        return 0.0
    flat = seen[:, :2] / seen[:, 3:]
    low, high = flat.min(0).clip(-1, 1), flat.max(0).clip(-1, 1)
    return float(np.prod(high - low) / 4)


def _views() -> Iterator[tuple[Any, bpy.types.Area, bpy.types.Window]]:
    """Every 3D view of every window; none in background mode."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                yield area.spaces.active, area, window
