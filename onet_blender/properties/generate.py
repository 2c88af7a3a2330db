"""The panel's choices about generating, a part of `Scene.onet`."""

from __future__ import annotations

from typing import Any

import bpy

from onet_core.settings import TABLE

from ..pictures import thumbnails
from .mesh_settings import SAMPLING, with_settings
from .model_list import Item, model_items

SPACING: float = TABLE["spacing"].default


def _generative_models(self: Any, context: bpy.types.Context | None) -> list[Item]:
    return model_items("NONE")


def _choices(self: Any, context: bpy.types.Context | None) -> list[thumbnails.Item]:
    return thumbnails.items_for(self.generator, self.seed)


def _choice(self: Any) -> int:
    seeds = thumbnails.seeds_of(self.generator)
    return seeds.index(self.seed) if self.seed in seeds else len(seeds)


def _set_choice(self: Any, number: int) -> None:
    seeds = thumbnails.seeds_of(self.generator)
    if number < len(seeds):
        self.seed = seeds[number]


@with_settings(SAMPLING)
class GenerateChoices:
    """Which shapes are drawn, how they are laid out, and by which network."""

    generator: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Category",
        description="The trained network that generates shapes",
        items=_generative_models,
    )
    choice: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Shape",
        description="A seed, chosen by its shape",
        items=_choices,
        get=_choice,
        set=_set_choice,
    )
