"""Operators that begin as soon as nothing else is going on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

from .. import activity
from ..scene.sources import is_there

# At whose button progress and outcome of all that makes meshes are shown.
OWNER = "onet.reconstruct"
SECONDS_TO_SETTLE = 0.3
SECONDS_BETWEEN_TRIES = 0.1

# What is to begin, as operator, arguments and the window that asks; None for nothing.
_wanted: tuple[str, dict[str, Any], int] | None = None


def start_soon(operator: str, arguments: Mapping[str, Any]) -> None:
    """Invokes an operator in the window that asks as soon as nothing else is going on.

    Its earlier job, if that still runs, is cancelled.
    """
    global _wanted
    window = bpy.context.window
    _wanted = operator, dict(arguments), window.as_pointer() if window is not None else 0
    if not bpy.app.timers.is_registered(_start_wanted):
        bpy.app.timers.register(_start_wanted, first_interval=SECONDS_TO_SETTLE)


def _start_wanted() -> float | None:
    global _wanted
    running = activity.current()
    if running is not None:
        if running.owner == OWNER:
            running.cancel()
        return SECONDS_BETWEEN_TRIES
    assert _wanted is not None
    (operator, arguments, asking), _wanted = _wanted, None
    target = bpy.data.objects.get(arguments.get("target", ""))
    if arguments.get("target") and (target is None or not is_there(target)):
        return None  # deleted, or its making taken back
    windows = list(bpy.context.window_manager.windows)
    # It may be closed by now.
    window = next((one for one in windows if one.as_pointer() == asking), windows[0])
    with bpy.context.temp_override(window=window):
        getattr(bpy.ops.onet, operator.removeprefix("onet."))("INVOKE_DEFAULT", True, **arguments)
    return None


def register() -> None:
    """Nothing: the timer comes with what is wanted."""


def unregister() -> None:
    if bpy.app.timers.is_registered(_start_wanted):
        bpy.app.timers.unregister(_start_wanted)
