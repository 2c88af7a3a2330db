"""What stays out of the way until somebody asks: the model behind a panel, and help."""

from __future__ import annotations

import bpy

from ..properties.model_list import about_chosen
from ..registration import register_classes, unregister_classes
from .help import draw_help
from .text import draw_text

UNITS_WIDE = 15
PIXELS_OF_A_UNIT = 20
PIXELS_OF_EDGES = 30


class AboutPanel:
    """A popover behind an (i), wide enough for sentences."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"
    bl_options = {"INSTANCED"}  # noqa: RUF012  # Blender reads a plain set
    bl_ui_units_x = UNITS_WIDE
    layout: bpy.types.UILayout

    def draw_about(self, context: bpy.types.Context, kind: str, name: str) -> None:
        """A model to choose, what it learned from, and where to find more."""
        layout, choices = self.layout, context.scene.onet
        layout.prop(choices, name)
        scale = context.preferences.system.ui_scale
        width = (UNITS_WIDE * PIXELS_OF_A_UNIT - PIXELS_OF_EDGES) * scale
        draw_text(layout, about_chosen(kind, getattr(choices, name)), width)
        layout.separator()
        column = layout.column(align=True)
        draw_help(column)
        column.operator("onet.open_preferences", text="Preferences of ONet", icon="PREFERENCES")


class ONET_PT_about_reconstruct(AboutPanel, bpy.types.Panel):
    bl_label = "About the Model"

    def draw(self, context: bpy.types.Context) -> None:
        self.draw_about(context, context.scene.onet.input_kind, "model")


class ONET_PT_about_generate(AboutPanel, bpy.types.Panel):
    bl_label = "About the Category"

    def draw(self, context: bpy.types.Context) -> None:
        self.draw_about(context, "NONE", "generator")


CLASSES = (ONET_PT_about_reconstruct, ONET_PT_about_generate)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
