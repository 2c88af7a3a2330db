"""How a mesh is made: Blender's properties for the table of settings, `onet_core.settings`.

Blender's properties can't hold None. What is automatic is held as `Setting.blank`, and the panel
shows a check box beside it, `use_<name>`, that is made of the value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import bpy

from onet_core.kinds import INPUT_NAMES, kind_of
from onet_core.setting_type import BLENDER, NONE, Setting
from onet_core.settings import MESH_SETTINGS, TABLE, offered

from ..panels.text import fits_beside

SETTINGS = tuple(item.name for item in offered(BLENDER))
"""What panel, operators and results share, in the table's order."""

OF_INPUTS = tuple(item.name for item in offered(BLENDER, *INPUT_NAMES))
OF_SAMPLES = tuple(item.name for item in offered(BLENDER, NONE))
SAMPLING = tuple(item.name for item in offered(BLENDER, group="generate"))

# Longer words for what is automatic would be cut off.
MOST_LETTERS = 10

C = TypeVar("C", bound=type)


def with_settings(
    names: Iterable[str], *, switches: bool = False, formers: bool = False
) -> Callable[[C], C]:
    """Gives a class of Blender's, not registered yet, a property for each setting.

    switches: also `use_<name>` for those that can be automatic; formers: also, hidden, the names
    that files of earlier versions hold, see `former`.
    """

    def add(cls: C) -> C:
        made: dict[str, Any] = {}
        for item in map(TABLE.__getitem__, names):
            made[item.name] = _property(item)
            if switches and item.automatic:
                made[switch_of(item.name)] = _switch(item)
            for former in item.formerly:
                if formers and former.is_in_files:
                    made[former.name] = bpy.props.BoolProperty(options={"HIDDEN"})
        cls.__annotations__ = {**inspect.get_annotations(cls), **made}
        return cls

    return add


def settings_of(kind: str) -> tuple[str, ...]:
    """The names of the settings that concern IMAGE, POINTS or VOXELS, in the panel's order.

    An empty kind stands for all of them at once.
    """
    kinds = {kind_of(kind).name} if kind else set(INPUT_NAMES)
    return tuple(name for name in OF_INPUTS if kinds <= set(TABLE[name].kinds))


def draw_setting(layout: bpy.types.UILayout, owner: Any, name: str) -> None:
    """A setting; one that can be automatic as a ticked box, and its value once that is unticked."""
    if not TABLE[name].automatic:
        layout.prop(owner, name)
        return
    if layout.use_property_split and fits_beside(TABLE[name].label):
        row = layout.row(heading=TABLE[name].label)
    else:
        layout.label(text=TABLE[name].label)
        row = layout.row()
    words, is_by_hand = TABLE[name].automatic, getattr(owner, switch_of(name))
    shown = words.title() if len(words) < MOST_LETTERS else "Automatic"
    # Ticked is what the words beside the box say.
    row.prop(owner, switch_of(name), text="" if is_by_hand else shown, invert_checkbox=True)
    if is_by_hand:
        row.prop(owner, name, text="")


def for_the_worker(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of Blender's values, or of plain ones, that `Settings` takes; None is automatic."""
    made = {
        item.name: item.unpacked(values[item.name]) for item in MESH_SETTINGS if item.name in values
    }
    # Blender makes its own normals, also after the mesh has been edited.
    return {**made, "normals": False}


def for_blender(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as an operator takes them; what is no setting stays."""
    return {
        name: TABLE[name].packed(value) if name in TABLE else value
        for name, value in values.items()
    }


def switch_of(name: str) -> str:
    """The name of the check box beside a setting that can be automatic."""
    return f"use_{name}"


def _property(item: Setting) -> Any:
    """A deferred property.

    SKIP_SAVE concerns operators only: a call that leaves something out takes it from the panel, not
    from the call before.
    """
    about = f"{item.help}. {item.blank:g}: {item.automatic}" if item.automatic else item.help
    common = {"name": item.label, "description": about, "options": {"SKIP_SAVE"}}
    default = item.packed(item.default)
    if item.choices:
        items = tuple((one.value.upper(), one.label, one.help) for one in item.choices)
        return bpy.props.EnumProperty(items=items, default=default.upper(), **common)
    if item.type is bool:
        return bpy.props.BoolProperty(default=default, **common)
    make = {int: bpy.props.IntProperty, float: bpy.props.FloatProperty}[item.type]
    return make(default=default, **_bounds(item), **common)


def _bounds(item: Setting) -> dict[str, Any]:
    """The limits of a number, as far as there are any."""
    low = item.blank if item.automatic else item.low
    high = item.high - 0.01 if item.is_open and item.high is not None else item.high
    found = {"min": low, "max": high, "soft_min": item.soft_low, "soft_max": item.soft_high}
    limits = {name: item.type(value) for name, value in found.items() if value is not None}
    return {**limits, "unit": item.subtype} if item.subtype else limits


def _switch(item: Setting) -> Any:
    def get(self: Any) -> bool:
        return item.unpacked(getattr(self, item.name)) is not None

    def set_(self: Any, value: bool) -> None:
        setattr(self, item.name, item.suggested if value else item.blank)

    return bpy.props.BoolProperty(
        name="Set by Hand",
        description="Remove the tick to choose the value yourself",
        get=get,
        set=set_,
    )
