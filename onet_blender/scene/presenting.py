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
# Of its box: less of it inside the view is out of view.
MOST_OF_IT = 0.8
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


def size_and_place(item: bpy.types.Object) -> tuple[str, str]:
    """How large an object is along the world's axes, and where its middle is, in the scene's units.

    Without units these are numbers.
    """
    corners = np.array([item.matrix_world @ Vector(corner) for corner in item.bound_box])
    low, high = corners.min(axis=0), corners.max(axis=0)
    return " x ".join(map(_length, high - low)), ", ".join(map(_length, (low + high) / 2))


def _length(value: float) -> str:
    units = bpy.context.scene.unit_settings
    if units.system == "NONE":
        return f"{value:.3g}"
    return bpy.utils.units.to_string(
        units.system, "LENGTH", value * units.scale_length, precision=3, compatible_unit=False
    )


def bring_into_view(item: bpy.types.Object, always: bool = False) -> None:
    """Frames an object in every 3D view that does not show it, or shows it too small to see.

    always: in every 3D view. Without a window there is nothing to do.
    """
    corners = [item.matrix_world @ Vector(corner) for corner in item.bound_box]
    size = max((corner - corners[0]).length for corner in corners)
    for space, area, window in _views():
        view = space.region_3d
        if not always and is_seen(view.perspective_matrix, corners):
            continue
        space.clip_end = max(space.clip_end, SIZES_OF_DEPTH * size)
        space.clip_start = min(space.clip_start, size / 100)
        region = next(part for part in area.regions if part.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.view3d.view_selected(use_all_regions=False)


def is_seen(perspective: Any, corners: list[Vector]) -> bool:
    """Whether a view shows most of the box of these corners, large enough to make it out.

    perspective: the view's matrix (4, 4) from the world to clip space.
    """
    shown, whole = shares_of_view(perspective, corners)
    return shown >= LEAST_SHARE_OF_VIEW and shown >= MOST_OF_IT * whole


def shares_of_view(perspective: Any, corners: list[Vector]) -> tuple[float, float]:
    """How much of a view the box of these corners covers, and how much with what lies outside.

    As shares of the view; 0 and 0 where some of it is behind the eye.
    """
    seen = np.array([perspective @ corner.to_4d() for corner in corners])
    if (seen[:, 3] <= 0).any():  # behind the eye
        return 0.0, 0.0
    flat = seen[:, :2] / seen[:, 3:]
    low, high = flat.min(0), flat.max(0)
    shown = high.clip(-1, 1) - low.clip(-1, 1)
    return float(np.prod(shown) / 4), float(np.prod(high - low) / 4)


def _views() -> Iterator[tuple[Any, bpy.types.Area, bpy.types.Window]]:
    """Every 3D view of every window; none in background mode."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                yield area.spaces.active, area, window
