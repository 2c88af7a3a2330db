"""The sidebar's panel with what comes next."""

from __future__ import annotations

import bpy

from .. import activity
from ..panels.shared import OnetPanel, draw_outcome, is_narrow
from ..registration import register_classes, unregister_classes
from ..runtime.chosen import runtime
from ..scene.meshes import COLOURS
from .operators import OWNER

PAINT = "onet.paint"
ICONS = {
    "onet.quads": "MESH_GRID",
    "onet.ready": "CHECKMARK",
    PAINT: "IMAGE_DATA",
    "onet.texture": "UV",
    "onet.levels": "MOD_DECIM",
}


class ONET_PT_next_step(OnetPanel, bpy.types.Panel):
    bl_label = "Next Step"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  # Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        item = context.active_object
        return not runtime().problem and item is not None and item.type == "MESH"

    def draw(self, context: bpy.types.Context) -> None:
        layout, choices = self.layout, context.scene.onet
        narrow = is_narrow(context)
        # Beside an icon there is no room for the words of some buttons.
        icons = {} if narrow else ICONS
        place = layout.column(align=True) if narrow else layout.split(factor=0.66, align=True)
        place.operator("onet.quads", icon=icons.get("onet.quads", "NONE")).faces = choices.quads
        place.prop(choices, "quads", text="Quads" if narrow else "")
        column = layout.column(align=True)
        column.operator("onet.ready", icon=icons.get("onet.ready", "NONE"))
        if context.active_object.onet.kind == "IMAGE":
            cell = column.row()
            cell.enabled = activity.current() is None
            cell.operator(PAINT, icon=icons.get(PAINT, "NONE"))
        cell = column.row()
        cell.enabled = COLOURS in context.active_object.data.color_attributes
        cell.operator("onet.texture", icon=icons.get("onet.texture", "NONE"))
        column.operator("onet.levels", icon=icons.get("onet.levels", "NONE"))
        draw_outcome(layout, context, OWNER, PAINT)


CLASSES = (ONET_PT_next_step,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
