"""The sidebar's panel that makes meshes from objects and pictures, and reports on them."""

from __future__ import annotations

import bpy

from onet_core.kinds import INPUT_IDENTIFIERS
from onet_core.sentences import NOTHING, Sentence

from .. import activity
from ..pictures import images as pictures
from ..properties.mesh_settings import beside_the_input, draw_setting, settings_of
from ..properties.model_list import about_chosen
from ..properties.stored import SOURCE_TYPES
from ..registration import register_classes, unregister_classes
from ..runtime.chosen import runtime
from ..scene.reconstruction import chosen_object, findings
from .shared import OnetPanel, draw_missing_runtime, draw_work, is_narrow, room, split_column
from .text import draw_text

SCALE_OF_SEEN = 6.0


class ONET_PT_reconstruct(OnetPanel, bpy.types.Panel):
    bl_label = "Reconstruct"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        if runtime().problem:
            draw_missing_runtime(layout, context)
            return
        choices = context.scene.onet
        if is_narrow(context):
            layout.prop(choices, "input_kind", text="")
        else:
            layout.row().prop(choices, "input_kind", expand=True)
        if choices.input_kind == "IMAGE":
            draw_picture(layout, context)
        column = split_column(layout, context)
        if choices.input_kind != "IMAGE":
            active = chosen_object(context)
            column.prop(choices, "source", placeholder=active.name if active is not None else "")
        for name in beside_the_input(choices.input_kind):
            draw_setting(column, choices, name)
        column.prop(choices, "model")
        about = about_chosen(choices.input_kind, choices.model)
        draw_text(column, about, room(context))
        column.prop(choices, "quality")
        obstacle = what_is_missing(context)
        if obstacle:
            draw_text(layout, obstacle, room(context), icon="INFO")
        draw_work(layout, context, "onet.reconstruct", "MESH_MONKEY", enabled=not obstacle)


class ONET_PT_reconstruct_advanced(OnetPanel, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "ONET_PT_reconstruct"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  # Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not runtime().problem

    def draw(self, context: bpy.types.Context) -> None:
        choices = context.scene.onet
        column = split_column(self.layout, context)
        shown = beside_the_input(choices.input_kind)
        for name in settings_of(choices.input_kind):
            if name not in shown:
                draw_setting(column, choices, name)
        self.layout.operator("onet.import_model", icon="IMPORT")


class ONET_PT_result(OnetPanel, bpy.types.Panel):
    bl_label = "Result"
    bl_parent_id = "ONET_PT_reconstruct"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        item = context.active_object
        made = item is not None and item.onet.kind in INPUT_IDENTIFIERS
        return made and not runtime().problem

    def draw(self, context: bpy.types.Context) -> None:
        layout, item = self.layout, context.active_object
        kept, width = item.onet, room(context)
        origin = Sentence(
            "{name}, from {source}, by {model}",
            name=item.name,
            source=kept.source,
            model=kept.model,
        )
        draw_text(layout, origin, width)
        for sentence in findings(item):
            draw_text(layout, sentence, width, icon="INFO")
        layout.operator("onet.reconstruct_again", icon="FILE_REFRESH")
        layout.operator("onet.take_settings", icon="EYEDROPPER")


def draw_picture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The picture with a thumbnail, its mask, and what the network sees of it."""
    choices = context.scene.onet
    layout.template_ID_preview(choices, "picture", open="image.open", rows=3, cols=6)
    layout.menu("ONET_MT_pictures", icon="IMAGE_DATA")
    if choices.picture is not None:
        column = split_column(layout, context)
        column.prop(choices, "mask")
        row = layout.row()
        row.enabled = activity.current() is None
        row.operator("onet.look", icon="HIDE_OFF")
        draw_text(layout, activity.message("onet.look"), room(context))
        if pictures.seen_icon():
            layout.template_icon(pictures.seen_icon(), scale=SCALE_OF_SEEN)


def what_is_missing(context: bpy.types.Context) -> Sentence:
    """Why there is nothing to reconstruct, in a sentence; empty where there is something."""
    choices = context.scene.onet
    if choices.input_kind == "IMAGE":
        return NOTHING if choices.picture is not None else Sentence("Open a picture first")
    item = choices.source or chosen_object(context)
    if item is None:
        return Sentence("Select an object first")
    if item.type not in SOURCE_TYPES[choices.input_kind]:
        return Sentence("{name} has nothing to reconstruct: select a mesh", name=item.name)
    return NOTHING


CLASSES = (ONET_PT_reconstruct, ONET_PT_reconstruct_advanced, ONET_PT_result)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
