"""The sidebar's panel with the slider."""

from __future__ import annotations

import bpy

from .. import activity
from ..panels.shared import OnetPanel, draw_work, room, split_column
from ..panels.text import draw_text
from ..registration import register_classes, unregister_classes
from ..runtime.chosen import runtime
from . import live
from .steps import has_slider, is_morph, linked


class ONET_PT_morph(OnetPanel, bpy.types.Panel):
    bl_label = "Morph"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  # Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not runtime().problem

    def draw(self, context: bpy.types.Context) -> None:
        layout, item = self.layout, context.active_object
        if is_morph(item):
            kept = item.onet
            layout.prop(kept.morph, "value", slider=True)
            names = " - ".join(stop.name for stop in kept.morph.stops)
            draw_text(layout, names, room(context))
            column = split_column(layout, context)
            column.prop(kept.morph, "preview")
            column.prop(kept, "resolution")
            layout.operator("onet.update_morph", icon="FILE_REFRESH")
            draw_text(layout, activity.message(live.OPERATOR), room(context))
            column = split_column(layout, context)
            column.prop(kept.morph, "form")
            column.prop(kept.morph, "steps")
            draw_work(layout, context, "onet.bake_morph", "RENDER_ANIMATION")
            return
        if item is not None and has_slider(item):
            draw_text(layout, linked(item), room(context), "INFO")
            return
        ready = sum(bool(chosen.onet.code) for chosen in context.selected_objects) >= 2
        if not ready:
            draw_text(layout, "Select two generated shapes or more", room(context), "INFO")
        draw_work(layout, context, "onet.morph", "CON_FOLLOWPATH", enabled=ready)


CLASSES = (ONET_PT_morph,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
