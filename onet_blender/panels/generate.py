"""The sidebar's panel that invents shapes."""

from __future__ import annotations

import bpy

from onet_core.sentences import Sentence

from .. import activity
from ..languages.translate import translated
from ..properties.model_list import about_chosen
from ..registration import register_classes, unregister_classes
from ..runtime.chosen import runtime
from ..scene.generation import replaceable
from .shared import OnetPanel, draw_work, room, split_column
from .text import draw_text


class ONET_PT_generate(OnetPanel, bpy.types.Panel):
    bl_label = "Generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  # Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not runtime().problem

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        choices = context.scene.onet
        column = split_column(layout, context)
        column.prop(choices, "generator")
        draw_text(column, about_chosen("NONE", choices.generator), room(context))
        row = column.row(align=True)
        row.prop(choices, "seed")
        # Blender has no dice among its icons.
        row.operator("onet.roll_dice", text="", icon="FILE_REFRESH")
        column.prop(choices, "count")
        if choices.count > 1:
            column.prop(choices, "spacing")
        column.prop(choices, "quality")
        draw_work(layout, context, "onet.generate", "SHADERFX")
        active = replaceable(context.active_object)
        if activity.current() is None and active is not None and choices.count == 1:
            text = translated(Sentence("Give the Shape to {name}", name=active.name))
            layout.operator("onet.generate", text=text, icon="FILE_REFRESH").replace = True


CLASSES = (ONET_PT_generate,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
