"""What files keep: the panel's choices in the scene, the origin of a mesh in its object."""

from __future__ import annotations

import bpy

from .model_list import AUTOMATIC, Item, model_items
from .registration import register_classes, unregister_classes

INPUT_KINDS = (
    (
        "IMAGE",
        "Picture",
        "One picture of an object, best in front of a plain background",
        "IMAGE_DATA",
        0,
    ),
    ("POINTS", "Points", "A scan: a point cloud, or the vertices of a mesh", "POINTCLOUD_DATA", 1),
    ("VOXELS", "Voxels", "A blocky model, or any mesh made blocky on the way", "MESH_GRID", 2),
)
QUALITIES = (
    ("DRAFT", "Draft", "Coarse and fast, to see whether it works"),
    ("STANDARD", "Standard", "A good mesh for most uses"),
    ("HIGH", "High", "Fine and slow; needs more memory"),
)
# Cells along an axis of the grid, and steps that polish the mesh afterwards. Measured on a chair's
# scan: 10 steps at 128 take three times as long as all the rest and bring the mesh 2 % closer to
# the surface at 384; they are for whoever asks for the last bit.
QUALITY_SETTINGS = {
    "DRAFT": {"resolution": 64, "refinement_steps": 0},
    "STANDARD": {"resolution": 128, "refinement_steps": 0},
    "HIGH": {"resolution": 256, "refinement_steps": 10},
}


def can_be_source(self: SceneProperties, item: bpy.types.Object) -> bool:
    """Which objects the picker offers."""
    return item.type == "MESH" or (item.type == "POINTCLOUD" and self.input_kind == "POINTS")


def _kind_changed(self: SceneProperties, context: bpy.types.Context) -> None:
    # Another kind of input has other models.
    self.model = AUTOMATIC


def _models_for_input(self: SceneProperties, context: bpy.types.Context | None) -> list[Item]:
    return model_items(self.input_kind)


def _generative_models(self: SceneProperties, context: bpy.types.Context | None) -> list[Item]:
    return model_items("NONE")


class SceneProperties(bpy.types.PropertyGroup):
    """`Scene.onet`: the choices of the panel."""

    input_kind: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="From",
        description="What the mesh is made from",
        items=INPUT_KINDS,
        default="POINTS",
        update=_kind_changed,
    )
    picture: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Picture", description="The picture of one object", type=bpy.types.Image
    )
    source: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Object",
        description="The object to make a mesh from; empty for the active object",
        type=bpy.types.Object,
        poll=can_be_source,
    )
    model: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Model", description="The trained network that is used", items=_models_for_input
    )
    quality: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Quality",
        description="How fine the mesh is, and how long it takes",
        items=QUALITIES,
        default="STANDARD",
    )
    generator: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Model",
        description="The trained network that invents shapes",
        items=_generative_models,
    )
    seed: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Seed", description="Every number is another shape", min=0, default=0
    )
    other_seed: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Other Seed", description="The shape at the other end of the slider", min=0, default=1
    )
    factor: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Blend",
        description="From the shape of the seed (0) to that of the other seed (1)",
        min=0.0,
        max=1.0,
        default=0.0,
        subtype="FACTOR",
    )


class ObjectProperties(bpy.types.PropertyGroup):
    """`Object.onet`: where a mesh came from."""

    kind: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Made From",
        description="IMAGE, POINTS or VOXELS; NONE for a generated shape; empty for other objects",
    )
    model: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Model", description="The network that made this mesh"
    )
    source: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Source", description="The picture, object or seed that this mesh was made from"
    )


CLASSES = (SceneProperties, ObjectProperties)
OWNERS = ((bpy.types.Scene, SceneProperties), (bpy.types.Object, ObjectProperties))


def register() -> None:
    register_classes(CLASSES)
    for owner, group in OWNERS:
        owner.onet = bpy.props.PointerProperty(type=group)


def unregister() -> None:
    for owner, _ in OWNERS:
        del owner.onet
    unregister_classes(CLASSES)
