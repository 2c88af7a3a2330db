"""The sidebar's panel for what moves."""

from __future__ import annotations

import bpy

from onet_core.sentences import Sentence

from ..panels.shared import OnetPanel, draw_work, room, split_column
from ..panels.text import draw_text
from ..registration import register_classes, unregister_classes
from ..runtime.chosen import runtime
from ..scene.sources import SOURCE_TYPES, chosen_objects
from .caching import moves

FOLLOW = "onet.follow_movement"


class ONET_PT_movement(OnetPanel, bpy.types.Panel):
    bl_label = "Movement"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  # Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not runtime().problem

    def draw(self, context: bpy.types.Context) -> None:
        layout, chosen = self.layout, context.scene.onet.movement
        items = [
            item
            for item in chosen_objects(context, "POINTS")
            if item.type in SOURCE_TYPES["POINTS"]
        ]
        column = split_column(layout, context)
        frames = column.column(align=True)
        frames.prop(chosen, "start")
        if len(items) < 2:
            frames.prop(chosen, "end")
        frames.prop(chosen, "step")
        if len(items) > 1:
            message = Sentence("{count} objects, one for each frame, by name", count=len(items))
            draw_text(layout, message, room(context), icon="INFO")
        elif not items:
            draw_text(
                layout, "Select an object that moves, or one for each frame", room(context), "INFO"
            )
        draw_work(layout, context, FOLLOW, "ARMATURE_DATA", enabled=bool(items))
        if moves(context.active_object):
            layout.operator_context = "INVOKE_DEFAULT"
            layout.operator("onet.mesh_cache", icon="FILE_CACHE")


CLASSES = (ONET_PT_movement,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
