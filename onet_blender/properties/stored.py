"""What files keep: the panel's choices in the scene, the origin of a mesh in its object."""

from __future__ import annotations

from typing import Any

import bpy

from onet_core.kinds import INPUTS
from onet_core.settings import QUALITIES, TABLE

from .. import activity
from ..morph.properties import MorphProperties
from ..movement.properties import MovementProperties
from ..pictures.images import forget_seen
from ..pictures.looking import look_ahead
from ..pictures.upright import keep_upright
from ..registration import register_classes, unregister_classes
from ..scene import presenting
from ..scene.sources import SOURCE_TYPES, source_of
from .generate import GenerateChoices
from .mesh_settings import SETTINGS, with_settings
from .model_list import AUTOMATIC, Item, model_items

INPUT_KINDS = tuple(
    (kind.identifier, kind.label, kind.help, kind.icon, number)
    for number, kind in enumerate(INPUTS)
)
QUALITY = TABLE["quality"]
# What the choices of a preset look like to the user who has made others.
CUSTOM = ("CUSTOM", "Custom", "As set under Advanced")


def can_be_source(self: SceneProperties, item: bpy.types.Object) -> bool:
    """Which objects the picker offers."""
    return item.type in SOURCE_TYPES.get(self.input_kind, ())


def _kind_changed(self: SceneProperties, context: bpy.types.Context) -> None:
    # Another kind of input has other models.
    self.model = AUTOMATIC
    _source_changed(self, context)


def _source_changed(self: SceneProperties, context: bpy.types.Context) -> None:
    # The message below the button is about the one before.
    activity.forget("onet.reconstruct")


def _picture_changed(self: SceneProperties, context: bpy.types.Context) -> None:
    _source_changed(self, context)
    activity.forget("onet.look")
    forget_seen()
    look_ahead()
    keep_upright(self.picture)


def _live_changed(self: ObjectProperties, context: bpy.types.Context) -> None:
    made = self.id_data
    source = source_of(made)
    if self.live and source is not None:
        presenting.show_as_wire(source, context.view_layer)
    made.update_tag()  # so that it is looked at


def _models_for_input(self: SceneProperties, context: bpy.types.Context | None) -> list[Item]:
    return model_items(self.input_kind)


def _qualities(self: SceneProperties, context: bpy.types.Context | None) -> tuple[Any, ...]:
    items = tuple((one.value.upper(), one.label, one.help) for one in QUALITY.choices)
    # "Custom" can be arrived at, not chosen.
    return items if _quality(self) < len(items) else (*items, CUSTOM)


def _quality(self: SceneProperties) -> int:
    for number, one in enumerate(QUALITY.choices):
        if all(_is_as_in_preset(self, *pair) for pair in QUALITIES[one.value].items()):
            return number
    return len(QUALITY.choices)


def _is_as_in_preset(self: SceneProperties, name: str, wanted: int | None) -> bool:
    value = TABLE[name].unpacked(getattr(self, name))
    # Files of 0.1.0 hold 0 refinement steps where this is automatic now.
    return value == wanted or (wanted is None and value == 0)


def _set_quality(self: SceneProperties, number: int) -> None:
    if number < len(QUALITY.choices):
        for name, value in QUALITIES[QUALITY.choices[number].value].items():
            setattr(self, name, TABLE[name].packed(value))


@with_settings(SETTINGS, switches=True, formers=True)
class SceneProperties(GenerateChoices, bpy.types.PropertyGroup):
    """`Scene.onet`: the choices of the panel."""

    input_kind: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="From",
        description="Kind of input that the mesh is made from",
        items=INPUT_KINDS,
        default="POINTS",
        update=_kind_changed,
    )
    picture: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Picture",
        description="The picture of one object",
        type=bpy.types.Image,
        update=_picture_changed,
    )
    source: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Object",
        description="The object to make a mesh from; empty for the active object",
        type=bpy.types.Object,
        poll=can_be_source,
        update=_source_changed,
    )
    model: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Model", description="The trained network that is used", items=_models_for_input
    )
    quality: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name=QUALITY.label,
        description=QUALITY.help,
        items=_qualities,
        get=_quality,
        set=_set_quality,
    )
    draft_first: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Draft First",
        description="If the mesh takes long, show a draft until it is ready",
        default=True,
    )
    quads: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Quads",
        description="Approximate number of quads that Remesh to Quads makes",
        default=5000,
        min=50,
        soft_max=50_000,
    )
    movement: bpy.props.PointerProperty(  # type: ignore[valid-type]
        type=MovementProperties, name="Movement", description="Which frames are followed"
    )
    mask: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Mask",
        description="A picture of the same view that is white where the object is; empty to find "
        "the object by transparency or by a plain background",
        type=bpy.types.Image,
        update=_picture_changed,
    )


def choose_kind(choices: SceneProperties, kind: str) -> None:
    """Has the panel be about another kind of input; where it is already, the model stays."""
    if choices.input_kind != kind:
        choices.input_kind = kind


@with_settings(SETTINGS, formers=True)
class ObjectProperties(bpy.types.PropertyGroup):
    """`Object.onet`: where a mesh came from, and the settings that it was made with."""

    kind: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Made From",
        description="IMAGE, POINTS or VOXELS; NONE for a generated shape, MORPH for one with a "
        "slider; empty for other objects",
    )
    model: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Model", description="The network that made this mesh"
    )
    chosen_model: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Chosen Model", description="What was asked for; empty for the one that suits"
    )
    morph: bpy.props.PointerProperty(  # type: ignore[valid-type]
        type=MorphProperties, name="Morph", description="The slider, where the object is a morph"
    )
    code: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Code",
        description="The numbers that the model describes this shape by; empty where it has none",
    )
    source: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Source", description="The picture, object or seed that this mesh was made from"
    )
    mark: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Mark", description="What meshes that were made from this object know it by"
    )
    source_mark: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Source's Mark", description="The mark of the object that this mesh was made from"
    )
    source_object: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Source Object",
        description="The object that this mesh was made from, where it is of another file",
        type=bpy.types.Object,
    )
    picture: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Picture", description="The picture that this mesh was made from", type=bpy.types.Image
    )
    mask: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Mask", description="The mask of the picture", type=bpy.types.Image
    )
    place: bpy.props.FloatVectorProperty(  # type: ignore[valid-type]
        name="Place",
        description="How the mesh was moved within its object since it was made, row by row",
        size=16,
        default=[float(row == column) for row in range(4) for column in range(4)],
    )
    kept_as: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Kept As", description="The object that has the mesh before this one, changed by hand"
    )
    made_as: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Made As",
        description="A mark of the mesh as it was made, to tell whether it was changed since",
    )
    made_from: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Checksum of the Source",
        description="A checksum of the source, to see whether it has changed since",
    )
    live: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Live Update",
        description="Make this mesh again, beside the interface, whenever its source has changed. "
        "The source is shown as wire",
        update=_live_changed,
    )
    fit: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Fit",
        description="Which share of the points lies within 1 % of the size from the mesh; "
        "-1 where that is not known",
        default=-1.0,
        min=-1.0,
        max=1.0,
    )
    left_out: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Left Out", description="How many stray points were left out", min=0
    )
    is_mirrored: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Mirrored", description="Whether the points' mirror image was used too"
    )
    background: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Background", description="What was removed from the picture"
    )
    doubts: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Doubts", description="Why the mesh may not be what was wanted"
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
