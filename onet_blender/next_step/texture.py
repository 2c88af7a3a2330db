"""UVs and a texture with a mesh's colours, unwrapped and baked by Blender."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from onet_core.errors import InputError

from ..scene.meshes import COLOURS
from ..scene.presenting import colour_material
from .quads import own_mesh

# Between islands of the unwrapped mesh, as a share of the texture: so that colours don't bleed.
ISLAND_MARGIN = 0.003
PIXELS_OF_BLEED = 8
ANGLE = 1.15  # radians, Blender's own default
LAYER = "UVMap"


def bake(context: bpy.types.Context, item: bpy.types.Object, pixels: int) -> bpy.types.Image:
    """Unwraps an object's mesh and bakes its colours to a packed square image.

    The object gets a material that shows it; its colours stay. Raises InputError where there are
    no colours, or where Blender can't bake.
    """
    mesh = own_mesh(item)
    if COLOURS not in mesh.color_attributes or not len(mesh.polygons):
        raise InputError(
            "{name} has no colours to bake: reconstruct it from something that has some.",
            name=item.name,
        )
    with alone(context, item):
        unwrap(item)
        image = bpy.data.images.new(f"{item.name} Colour", pixels, pixels)
        try:
            _bake_into(context, item, image)
        except RuntimeError as error:
            bpy.data.images.remove(image)
            raise InputError(
                "Blender can't bake the texture: {error}", error=str(error).strip()
            ) from error
    image.pack()
    mesh.materials.clear()
    mesh.materials.append(textured(item.name, image))
    return image


def unwrap(item: bpy.types.Object) -> None:
    """Gives the active object's mesh UVs, in place of those it has."""
    mesh = item.data
    layer = mesh.uv_layers.get(LAYER) or mesh.uv_layers.new(name=LAYER)
    mesh.uv_layers.active = layer
    layer.active_render = True
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.uv.smart_project(angle_limit=ANGLE, island_margin=ISLAND_MARGIN)
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")


def textured(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """A material whose base colour is an image."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.8
    picture = tree.nodes.new("ShaderNodeTexImage")
    picture.image = image
    picture.location = (shader.location.x - 300, shader.location.y)
    tree.links.new(picture.outputs["Color"], shader.inputs["Base Color"])
    return material


def _bake_into(context: bpy.types.Context, item: bpy.types.Object, image: bpy.types.Image) -> None:
    """Bakes by Cycles, from a material that shows the colours as they are."""
    scene, mesh = context.scene, item.data
    former = list(mesh.materials)
    source = colour_material().copy()
    target = source.node_tree.nodes.new("ShaderNodeTexImage")
    target.image = image
    source.node_tree.nodes.active = target
    mesh.materials.clear()
    mesh.materials.append(source)
    engine, samples = scene.render.engine, None
    try:
        scene.render.engine = "CYCLES"
        samples, scene.cycles.samples = scene.cycles.samples, 1
        bpy.ops.object.bake(
            type="DIFFUSE", pass_filter={"COLOR"}, margin=PIXELS_OF_BLEED,
            use_selected_to_active=False, target="IMAGE_TEXTURES", save_mode="INTERNAL",
        )  # fmt: skip
    finally:
        if samples is not None:
            scene.cycles.samples = samples
        scene.render.engine = engine
        mesh.materials.clear()
        for material in former:
            mesh.materials.append(material)
        bpy.data.materials.remove(source)


@contextmanager
def alone(context: bpy.types.Context, item: bpy.types.Object) -> Iterator[None]:
    """Has an object be active, visible and the only one selected for a while."""
    layer = context.view_layer
    selected = [other for other in layer.objects if other.select_get()]
    hidden, active = item.hide_render, layer.objects.active
    for other in selected:
        other.select_set(False)
    item.hide_render = False
    item.select_set(True)
    layer.objects.active = item
    try:
        yield
    finally:
        item.select_set(False)
        for other in selected:
            other.select_set(True)
        item.hide_render, layer.objects.active = hidden, active
