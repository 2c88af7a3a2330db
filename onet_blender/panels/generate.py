"""The sidebar's panel that generates shapes."""

from __future__ import annotations

import bpy

from onet_core.sentences import Sentence

from .. import activity
from ..languages.translate import translated
from ..pictures import thumbnails
from ..properties.model_list import AUTOMATIC, taken_automatically
from ..registration import register_classes, unregister_classes
from ..runtime import engine_session
from ..runtime.chosen import runtime
from ..scene.generation import replaceable
from . import dice
from .shared import (
    OnetPanel,
    draw_button,
    draw_choice,
    draw_mode,
    draw_outcome,
    is_narrow,
    room,
    split_column,
)
from .text import draw_text

THUMBNAILS = "onet.thumbnails"
SCALE_OF_CHOSEN, SCALE_OF_ALL = 6.0, 5.0


class ONET_PT_generate(OnetPanel, bpy.types.Panel):
    bl_label = "Generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  # Blender reads a plain set

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        if not is_narrow(context):
            self.layout.popover("ONET_PT_about_generate", text="", icon="INFO")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not runtime().problem

    def draw(self, context: bpy.types.Context) -> None:
        layout, choices = self.layout, context.scene.onet
        engine_session.start_ahead()
        draw_button(layout, context, "onet.generate", "SHADERFX", others=(THUMBNAILS,))
        column = split_column(layout, context)
        draw_choice(column, choices, "generator")
        if choices.generator == AUTOMATIC:
            makes = Sentence("Makes: {category}", category=taken_automatically("NONE"))
            draw_text(layout, makes, room(context), icon="INFO")
            column = split_column(layout, context)
        row = column.row(align=True)
        row.prop(choices, "seed")
        row.operator("onet.roll_dice", text="", icon_value=dice.icon())
        seeds = thumbnails.seeds_of(choices.generator)
        shown = "choice" if seeds else "generator"
        layout.template_icon_view(
            choices, shown, show_labels=True, scale=SCALE_OF_CHOSEN, scale_popup=SCALE_OF_ALL
        )
        row = layout.row()
        row.enabled = activity.current() is None
        row.operator(
            THUMBNAILS, text="More Choices" if seeds else "Show Choices", icon="IMGDISPLAY"
        )
        column = split_column(layout, context)
        column.prop(choices, "count")
        if choices.count > 1:
            column.prop(choices, "spacing")
        draw_choice(column, choices, "quality")
        if is_narrow(context):
            layout.popover("ONET_PT_about_generate", text="Category", icon="INFO")
        draw_mode(layout, context)
        draw_outcome(layout, context, "onet.generate", THUMBNAILS)
        active = replaceable(context.active_object)
        if activity.current() is None and active is not None and choices.count == 1:
            text = translated(Sentence("Give the Shape to {name}", name=active.name))
            layout.operator("onet.generate", text=text, icon="FILE_REFRESH").replace = True


CLASSES = (ONET_PT_generate,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
