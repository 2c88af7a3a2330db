"""The image editor's sidebar: where a picture shows its object, shown before a mesh is made."""

from __future__ import annotations

import bpy

from .. import activity
from ..operators.masks import shown_in
from ..pictures import images as pictures
from ..registration import register_classes, unregister_classes
from ..runtime.chosen import runtime
from .masks import draw_cut_out
from .shared import draw_button, draw_outcome, room
from .text import draw_text

SCALE_OF_SEEN = 8.0
BOX, PAINT, LOOK = "onet.mask_box", "onet.mask_paint", "onet.look"


class ONET_PT_image_editor(bpy.types.Panel):
    bl_label = "Object"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = "ONet"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not runtime().problem

    def draw(self, context: bpy.types.Context) -> None:
        layout, image, choices = self.layout, shown_in(context), context.scene.onet
        if image is None:
            draw_text(layout, "Open a picture first", room(context), icon="INFO")
            return
        draw_button(layout, context, BOX, "SELECT_SET", others=(PAINT, LOOK))
        busy = activity.current() is not None
        column = layout.column(align=True)
        column.enabled = not busy
        column.operator(PAINT, icon="BRUSH_DATA")
        row = column.row(align=True)
        row.operator("onet.mask_brush", text="Erase").blend = "ERASE_ALPHA"
        row.operator("onet.mask_brush", text="Bring Back").blend = "ADD_ALPHA"
        draw_cut_out(layout, context)
        if choices.picture == image:
            row = layout.row()
            row.enabled = not busy
            row.operator(LOOK, icon="HIDE_OFF")
            if pictures.seen_icon():
                layout.template_icon(pictures.seen_icon(), scale=SCALE_OF_SEEN)
            row = layout.row()
            row.enabled = not busy
            asked = row.operator("onet.reconstruct", icon="MESH_MONKEY")
            asked.kind, asked.picture = "IMAGE", image.name
            asked.mask = choices.mask.name if choices.mask is not None else ""
        draw_outcome(layout, context, BOX, PAINT, LOOK)


CLASSES = (ONET_PT_image_editor,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
