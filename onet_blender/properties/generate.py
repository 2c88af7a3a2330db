"""The panel's choices about generating, a part of `Scene.onet`."""

from __future__ import annotations

from typing import Any

import bpy

from .model_list import Item, model_items

MOST_SAMPLES = 100
SPACING = 1.2


def _generative_models(self: Any, context: bpy.types.Context | None) -> list[Item]:
    return model_items("NONE")


class Sampling:
    """Which shapes are drawn, and how they are laid out: the same in the panel and the operator."""

    seed: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Seed",
        description="Every number is another shape; several shapes have numbers in a row",
        min=0,
        max=2**31 - 1 - MOST_SAMPLES,
        options={"SKIP_SAVE"},
    )
    count: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="How Many",
        description="How many shapes are made, each an object of its own",
        min=1,
        max=MOST_SAMPLES,
        default=1,
        options={"SKIP_SAVE"},
    )
    spacing: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Spacing",
        description="How far the shapes of the grid stand from each other",
        min=0.0,
        soft_max=3.0,
        default=SPACING,
        unit="LENGTH",
        options={"SKIP_SAVE"},
    )


class GenerateChoices(Sampling):
    """What the panel keeps beside that."""

    generator: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Category",
        description="The trained network that invents shapes",
        items=_generative_models,
    )
