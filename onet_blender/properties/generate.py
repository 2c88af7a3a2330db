"""The panel's choices about generating, a part of `Scene.onet`."""

from __future__ import annotations

from typing import Any

import bpy

from onet_core.settings import TABLE

from .mesh_settings import SAMPLING, with_settings
from .model_list import Item, model_items

SPACING: float = TABLE["spacing"].default


def _generative_models(self: Any, context: bpy.types.Context | None) -> list[Item]:
    return model_items("NONE")


@with_settings(SAMPLING)
class GenerateChoices:
    """Which shapes are drawn, how they are laid out, and by which network."""

    generator: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Category",
        description="The trained network that invents shapes",
        items=_generative_models,
    )
