"""What the panels of the sidebar's tab "ONet" share."""

from __future__ import annotations

import bpy

from . import activity, engine_session
from .sentences import translated
from .text import draw_text

PIXELS_PER_CHARACTER = 7.0
PIXELS_OF_MARGIN = 50
MISSING_RUNTIME = (
    "The networks run in a Python with PyTorch beside Blender. Set Up in the preferences makes it:"
)


class OnetPanel:
    """Where all panels of the extension are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ONet"
    layout: bpy.types.UILayout


def draw_missing_runtime(layout: bpy.types.UILayout, width: int) -> None:
    """What to press where nothing can be computed yet."""
    box = layout.box()
    box.label(text="One step is missing", icon="INFO")
    draw_text(box, MISSING_RUNTIME, width)
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
    """The button, or the progress of what it started; below it what came out last."""
    engine_session.start_ahead()
    running = activity.current()
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
    draw_text(layout, activity.message(operator), characters(context))
    if running is None and engine_session.running():
        layout.operator("onet.free_memory", icon="TRASH")


def split_column(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """A column with labels on the left, as Blender's own panels have it."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    return column


def characters(context: bpy.types.Context) -> int:
    """How many characters a line of the sidebar holds, roughly."""
    scale = context.preferences.system.ui_scale
    return max(20, int((context.region.width / scale - PIXELS_OF_MARGIN) / PIXELS_PER_CHARACTER))
