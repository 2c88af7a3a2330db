"""What the panels of the sidebar's tab "ONet" share."""

from __future__ import annotations

import bpy

from .. import activity
from ..languages.translate import translated
from ..runtime import engine_session
from .text import draw_text

# Beside what a panel of the sidebar shows: its edges and the tabs. Of a box's own edges.
PIXELS_OF_MARGIN, PIXELS_OF_BOX = 60, 16
# Below this labels and values side by side are cut off.
PIXELS_OF_A_NARROW_SIDEBAR = 190
MISSING_RUNTIME = "ONet needs a Python of its own with PyTorch (0.2 GB or more, some minutes)."


class OnetPanel:
    """Where all panels of the extension are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ONet"
    layout: bpy.types.UILayout


def draw_missing_runtime(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What to press where nothing can be computed yet."""
    box = layout.box()
    box.label(text="One step is missing", icon="INFO")
    scale = context.preferences.system.ui_scale
    draw_text(box, MISSING_RUNTIME, room(context) - PIXELS_OF_BOX * scale)
    row = box.row()
    row.scale_y = 1.5
    row.operator("onet.open_preferences", icon="PREFERENCES")


def draw_work(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    operator: str,
    icon: str,
    enabled: bool = True,
) -> None:
    """The button, or the progress of its work; below it the last result."""
    engine_session.start_ahead()
    running = activity.current()
    if context.mode != "OBJECT":
        draw_text(layout, "Go to object mode first", room(context), icon="INFO")
    row = layout.row(align=True)
    row.scale_y = 1.5
    if running is not None and running.owner == operator:
        row.progress(factor=running.fraction, text=translated(running.stage))
        cell = row.row(align=True)
        cell.enabled = not running.cancelling
        cell.operator("onet.cancel", text="", icon="CANCEL")
    else:
        row.enabled = running is None and enabled
        row.operator(operator, icon=icon)
    # Blender 4 takes the bar, if the mouse is over it when it goes, for the next item of the layout
    # that has no property or operator, and draws that as a bar: here it is one that can't be seen.
    layout.separator(factor=0.01)
    draw_text(layout, activity.message(operator), room(context))
    if running is None and engine_session.running():
        layout.operator("onet.free_memory", icon="TRASH")


def split_column(layout: bpy.types.UILayout, context: bpy.types.Context) -> bpy.types.UILayout:
    """A column with labels on the left, as Blender's own panels have it, if there is room."""
    column = layout.column()
    column.use_property_split = not is_narrow(context)
    column.use_property_decorate = False
    return column


def room(context: bpy.types.Context) -> float:
    """How wide a line of the sidebar is, in pixels."""
    return context.region.width - PIXELS_OF_MARGIN * context.preferences.system.ui_scale


def is_narrow(context: bpy.types.Context) -> bool:
    """Whether the sidebar has been made so narrow that buttons side by side are cut off."""
    return room(context) < PIXELS_OF_A_NARROW_SIDEBAR * context.preferences.system.ui_scale
