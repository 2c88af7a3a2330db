"""What the panels of the sidebar's tab "ONet" share."""

from __future__ import annotations

import bpy

from .. import activity
from ..languages.translate import translated
from ..runtime import engine_session
from .mending import draw_mending
from .text import draw_text

# Beside what a panel of the sidebar shows: its edges and the tabs.
PIXELS_OF_MARGIN = 60
# Below this labels and values side by side are cut off.
PIXELS_OF_A_NARROW_SIDEBAR = 190


class OnetPanel:
    """Where all panels of the extension are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ONet"
    layout: bpy.types.UILayout


def draw_button(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    operator: str,
    icon: str,
    enabled: bool = True,
    others: tuple[str, ...] = (),
    text: str = "",
) -> None:
    """The panel's one button, or in its place the progress of what it started.

    others: operators whose progress is shown here too.
    """
    running = activity.current()
    row = layout.row(align=True)
    row.scale_y = 1.5
    if running is not None and running.owner in (operator, *others):
        row.progress(factor=running.fraction, text=translated(running.stage))
        cell = row.row(align=True)
        cell.enabled = not running.cancelling
        cell.operator("onet.cancel", text="", icon="CANCEL")
    else:
        row.enabled = running is None and enabled
        row.active_default = True
        if text:
            row.operator(operator, text=text, icon=icon)
        else:
            row.operator(operator, icon=icon)
    # Blender 4 takes the bar, if the mouse is over it when it goes, for the next item of the layout
    # that has no property or operator, and draws that as a bar: here it is one that can't be seen.
    layout.separator(factor=0.01)


def draw_outcome(layout: bpy.types.UILayout, context: bpy.types.Context, *operators: str) -> None:
    """What came out of the operators last, with the button that mends it where there is one."""
    for operator in operators:
        message = activity.message(operator)
        if message:
            draw_text(layout, message, room(context))
            draw_mending(layout, message)


def draw_work(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    operator: str,
    icon: str,
    enabled: bool = True,
) -> None:
    """The button, or the progress of its work; below it the last result."""
    engine_session.start_ahead()
    draw_mode(layout, context)
    draw_button(layout, context, operator, icon, enabled)
    draw_outcome(layout, context, operator)


def draw_mode(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Where Blender is in another mode than the one that is needed, the way back."""
    if context.mode != "OBJECT":
        draw_text(layout, "Go to object mode first", room(context), icon="INFO")
        layout.operator(
            "object.mode_set", text="Object Mode", icon="OBJECT_DATAMODE"
        ).mode = "OBJECT"


def split_column(layout: bpy.types.UILayout, context: bpy.types.Context) -> bpy.types.UILayout:
    """A column with labels on the left, as Blender's own panels have it, if there is room."""
    column = layout.column()
    column.use_property_split = not is_narrow(context)
    column.use_property_decorate = False
    return column


def draw_choice(
    column: bpy.types.UILayout, owner: bpy.types.bpy_struct, name: str, **shown: str
) -> None:
    """A property with its name on the left, or above it where there is no room beside it."""
    if column.use_property_split:
        column.prop(owner, name, **shown)
    else:
        column.label(text=owner.bl_rna.properties[name].name)
        column.prop(owner, name, text="", **shown)


def room(context: bpy.types.Context) -> float:
    """How wide a line of the sidebar is, in pixels."""
    return context.region.width - PIXELS_OF_MARGIN * context.preferences.system.ui_scale


def is_narrow(context: bpy.types.Context) -> bool:
    """Whether the sidebar has been made so narrow that buttons side by side are cut off."""
    return room(context) < PIXELS_OF_A_NARROW_SIDEBAR * context.preferences.system.ui_scale
