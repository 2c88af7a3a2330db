"""What an artist sees right after a result: the result itself, in its colours."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector

from .framing import views
from .meshes import COLOURS

MATERIAL = "ONet Colours"
# Of its size: a middle that is nearer to the origin than that is told as 0.
NO_DISTANCE = 0.005


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
    for space, _, _ in views():
        # Solid views show one colour for each material unless they are set otherwise.
        if space.shading.color_type == "MATERIAL":
            space.shading.color_type = "VERTEX"


def show_textures() -> None:
    """Has Solid views that show colours show textures instead."""
    for space, _, _ in views():
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
    size, middle = high - low, (low + high) / 2
    middle[np.abs(middle) < NO_DISTANCE * size.max()] = 0
    return " x ".join(map(_length, size)), ", ".join(map(_length, middle))


def _length(value: float) -> str:
    units = bpy.context.scene.unit_settings
    if units.system == "NONE":
        return f"{value:.3g}"
    return bpy.utils.units.to_string(
        units.system, "LENGTH", value * units.scale_length, precision=3, compatible_unit=False
    )
