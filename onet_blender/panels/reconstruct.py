"""The sidebar's panel that makes meshes from objects and pictures, and reports on them."""

from __future__ import annotations

import bpy

from onet_core.kinds import INPUT_IDENTIFIERS
from onet_core.sentences import NOTHING, Sentence
from onet_core.settings import TABLE

from .. import activity
from ..live import watch
from ..pictures import images as pictures
from ..pictures.doubts import doubts_of
from ..properties.mesh_settings import draw_setting, settings_of
from ..registration import register_classes, unregister_classes
from ..runtime import engine_session, estimate
from ..runtime.chosen import runtime
from ..scene import handwork
from ..scene.reconstruction import findings
from ..scene.sources import SOURCE_TYPES, chosen_objects
from .masks import draw_cut_out
from .presets import ONET_PT_presets
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

SCALE_OF_SEEN = 6.0
RECONSTRUCT, OPEN_FILE = "onet.reconstruct", "onet.open_file"
# What stands to the left of a group's check boxes.
HEADINGS = {"mesh": "Mesh", "points": "Points", "finishing": "Finish", "colours": "Keep",
            "placing": "Result"}  # fmt: skip


class ONET_PT_reconstruct(OnetPanel, bpy.types.Panel):
    bl_label = "Reconstruct"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not runtime().problem

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        if not is_narrow(context):
            ONET_PT_presets.draw_panel_header(self.layout)
            self.layout.popover("ONET_PT_about_reconstruct", text="", icon="INFO")

    def draw(self, context: bpy.types.Context) -> None:
        layout, choices = self.layout, context.scene.onet
        engine_session.start_ahead()
        obstacle = what_is_missing(context)
        # First of all, so that nothing moves it.
        draw_button(
            layout,
            context,
            RECONSTRUCT,
            "MESH_MONKEY",
            enabled=not obstacle,
            others=(OPEN_FILE, watch.OPERATOR),
        )
        if is_narrow(context):
            layout.prop(choices, "input_kind", text="")
        else:
            layout.row().prop(choices, "input_kind", expand=True)
        if choices.input_kind == "IMAGE":
            draw_picture(layout, context)
        column, count = split_column(layout, context), 1
        if choices.input_kind != "IMAGE":
            sources = chosen_objects(context)
            names = sources[0].name if len(sources) == 1 else ""
            draw_choice(column, choices, "source", placeholder=names)
            count = max(1, len(sources))
            if count > 1:
                message = Sentence("{count} objects are selected", count=count)
                draw_text(layout, message, room(context), icon="INFO")
        draw_choice(column, choices, "quality")
        draw_setting(column, choices, "faces")
        message = estimate.sentence(choices.input_kind, choices.resolution, count)
        if message:
            draw_text(layout, message, room(context), icon="TIME")
        if estimate.is_long(choices.input_kind, choices.resolution):
            column = split_column(layout, context)
            column.prop(choices, "draft_first")
        draw_mode(layout, context)
        if obstacle:
            draw_text(layout, obstacle, room(context), icon="INFO")
        draw_outcome(layout, context, OPEN_FILE, RECONSTRUCT, watch.OPERATOR)


class ONET_PT_reconstruct_advanced(OnetPanel, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "ONET_PT_reconstruct"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  # Blender reads a plain set

    def draw(self, context: bpy.types.Context) -> None:
        if is_narrow(context):
            # They have no room in the panel's head.
            self.layout.popover("ONET_PT_presets", text="Presets", icon="PRESET")
            self.layout.popover("ONET_PT_about_reconstruct", text="Model", icon="INFO")
        draw_settings(split_column(self.layout, context), context)
        self.layout.operator("onet.import_model", icon="IMPORT")


def draw_settings(column: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """All settings of the chosen kind of input but the main panel's, in groups."""
    choices = context.scene.onet
    draw_choice(column, choices, "model")
    names = [name for name in settings_of(choices.input_kind) if name != "faces"]
    for group, heading in HEADINGS.items():
        of_group = [name for name in names if TABLE[name].group == group]
        switches = [name for name in of_group if TABLE[name].type is bool]
        for name in of_group:
            if name not in switches:
                draw_setting(column, choices, name)
        # A column of its own: its heading stands left of the first box.
        boxes = column.column(heading=heading, align=True)
        for name in switches:
            draw_setting(boxes, choices, name)


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
        for sentence in doubts_of(item):
            draw_text(layout, sentence, width, icon="ERROR")
        for sentence in findings(item):
            draw_text(layout, sentence, width, icon="INFO")
        if handwork.is_changed(item):
            draw_text(layout, "Changed by hand since it was made", width, icon="INFO")
        outdated = watch.is_outdated(item)
        if outdated and not kept.live:
            changed = Sentence("{source} has changed since", source=kept.source)
            draw_text(layout, changed, width, icon="INFO")
        column = layout.column(align=True)
        if is_narrow(context):
            column.operator("onet.reconstruct_again", text="Again", icon="FILE_REFRESH")
            column.operator("onet.take_settings", text="Its Settings", icon="EYEDROPPER")
        else:
            column.operator("onet.reconstruct_again", icon="FILE_REFRESH")
            column.operator("onet.take_settings", icon="EYEDROPPER")
        if kept.made_from:
            layout.prop(kept, "live")


def draw_picture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The picture with a thumbnail, its mask, and what the network sees of it."""
    choices = context.scene.onet
    layout.template_ID_preview(choices, "picture", open="image.open", rows=3, cols=6)
    layout.menu("ONET_MT_pictures", icon="IMAGE_DATA")
    if choices.picture is not None:
        column = split_column(layout, context)
        column.prop(choices, "mask")
        draw_cut_out(layout, context)
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
    items = chosen_objects(context)
    if not items:
        return Sentence("Select an object first")
    for item in items:
        if item.type not in SOURCE_TYPES[choices.input_kind]:
            return Sentence("{name} has nothing to reconstruct: select a mesh", name=item.name)
    return NOTHING


CLASSES = (ONET_PT_reconstruct, ONET_PT_reconstruct_advanced, ONET_PT_result)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
