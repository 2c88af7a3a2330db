"""The sidebar tab "ONet" of the 3D viewport."""

from __future__ import annotations

import bpy

from . import engine_session
from .preferences import runtime
from .registration import register_classes, unregister_classes


class OnetPanel:
    """Where all panels of the extension are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ONet"
    layout: bpy.types.UILayout


class ONET_PT_reconstruct(OnetPanel, bpy.types.Panel):
    bl_label = "Reconstruct"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        choices, session = context.scene.onet, context.window_manager.onet
        if runtime().problem:
            draw_missing_runtime(layout)
            return
        layout.row().prop(choices, "input_kind", expand=True)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        if choices.input_kind == "IMAGE":
            column.template_ID(choices, "picture", open="image.open")
        else:
            active = context.active_object
            column.prop(choices, "source")
            if choices.source is None:
                column.label(text=f"Active: {active.name}" if active else "No object is active")
        column.prop(choices, "model")
        column.prop(choices, "quality")
        draw_button(layout, session, "onet.reconstruct", "MESH_MONKEY")


class ONET_PT_generate(OnetPanel, bpy.types.Panel):
    bl_label = "Generate"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  # Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not runtime().problem

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        choices, session = context.scene.onet, context.window_manager.onet
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(choices, "generator")
        column.prop(choices, "seed")
        column.prop(choices, "other_seed")
        column.prop(choices, "factor", slider=True)
        column.prop(choices, "quality")
        draw_button(layout, session, "onet.generate", "SHADERFX")
        if not session.running:
            active = context.active_object
            row = layout.row()
            row.enabled = active is not None and active.onet.source.startswith("seed")
            row.operator("onet.generate", text="Update the Active Shape").replace = True


def draw_missing_runtime(layout: bpy.types.UILayout) -> None:
    """What to press where nothing can be computed yet."""
    box = layout.box()
    box.label(text="One step is missing", icon="INFO")
    column = box.column(align=True)
    column.label(text="The networks need a Python")
    column.label(text="with PyTorch beside Blender.")
    box.operator("onet.open_preferences", icon="PREFERENCES")


def draw_button(
    layout: bpy.types.UILayout, session: bpy.types.PropertyGroup, operator: str, icon: str
) -> None:
    """The button, or the progress of what it started; below it what came out last."""
    if session.running:
        row = layout.row(align=True)
        row.progress(factor=session.fraction, text=session.stage)
        row.operator("onet.cancel", text="", icon="CANCEL")
    else:
        row = layout.row()
        row.scale_y = 1.5
        row.operator(operator, icon=icon)
    if session.message:
        column = layout.column(align=True)
        for line in wrapped(session.message):
            column.label(text=line)
    if engine_session.running() and not session.running:
        layout.operator("onet.free_memory", icon="TRASH")


def wrapped(text: str, width: int = 38) -> list[str]:
    """The text in lines that fit a sidebar of usual width."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


CLASSES = (ONET_PT_reconstruct, ONET_PT_generate)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
