"""What an object keeps about its morph: `Object.onet.morph`."""

from __future__ import annotations

import bpy

from ..registration import register_classes, unregister_classes

SHAPE_KEYS, MESHES = "SHAPE_KEYS", "MESHES"
MOST_STEPS = 500


class BakeChoices:
    """What a morph is baked to: the same in the panel and the operator."""

    form: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="As",
        description="Result of the baking",
        items=(
            (
                SHAPE_KEYS,
                "Shape Keys",
                "One object whose vertices move; all steps have the faces of the first",
            ),
            (
                MESHES,
                "Meshes",
                "An object for each step, seen one after the other; exact, also where holes open",
            ),
        ),
        options={"SKIP_SAVE"},
    )
    steps: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Steps",
        description="Number of shapes, spread evenly over the frames of the scene",
        min=2,
        soft_max=50,
        max=MOST_STEPS,
        default=12,
        options={"SKIP_SAVE"},
    )


class MorphStop(bpy.types.PropertyGroup):
    """One of the shapes that a morph goes through; its name is that of the object it came from."""

    code: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Code", description="The numbers that the model describes this shape by"
    )


def _value_changed(self: MorphProperties, context: bpy.types.Context) -> None:
    from . import live  # which needs the properties

    live.slider_moved(self.id_data)


class MorphProperties(BakeChoices, bpy.types.PropertyGroup):
    """The shapes, the slider, and what the mesh shows by now."""

    stops: bpy.props.CollectionProperty(  # type: ignore[valid-type]
        type=MorphStop, name="Shapes", description="The shapes that the slider goes through"
    )
    value: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Morph",
        description="From the first shape (0) to the last (1); can be keyframed",
        min=0.0,
        max=1.0,
        precision=3,
        subtype="FACTOR",
        update=_value_changed,
    )
    preview: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Preview",
        description="Cells of the grid along each axis while the slider moves",
        min=8,
        soft_min=32,
        soft_max=128,
        max=512,
        default=64,
    )
    shown: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Shown", description="Which step the mesh is that of, see `Step.digest`"
    )


CLASSES = (MorphStop, MorphProperties)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
