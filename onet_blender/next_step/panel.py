"""The sidebar's panel with what comes next."""

from __future__ import annotations

import bpy

from .. import activity
from ..panels.shared import OnetPanel, draw_outcome
from ..registration import register_classes, unregister_classes
from ..runtime.chosen import runtime
from ..scene.meshes import COLOURS
from .operators import OWNER

PAINT = "onet.paint"


class ONET_PT_next_step(OnetPanel, bpy.types.Panel):
    bl_label = "Next Step"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  # Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        item = context.active_object
        return not runtime().problem and item is not None and item.type == "MESH"

    def draw(self, context: bpy.types.Context) -> None:
        layout, choices = self.layout, context.scene.onet
        row = layout.row(align=True)
        row.operator("onet.quads", icon="MESH_GRID").faces = choices.quads
        row.prop(choices, "quads", text="")
        column = layout.column(align=True)
        column.operator("onet.ready", icon="CHECKMARK")
        if context.active_object.onet.kind == "IMAGE":
            cell = column.row()
            cell.enabled = activity.current() is None
            cell.operator(PAINT, icon="IMAGE_DATA")
        cell = column.row()
        cell.enabled = COLOURS in context.active_object.data.color_attributes
        cell.operator("onet.texture", icon="UV")
        column.operator("onet.levels", icon="MOD_DECIM")
        draw_outcome(layout, context, OWNER, PAINT)


CLASSES = (ONET_PT_next_step,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
