"""Set Up from nothing, without a network: the runtime's packages came with the extension."""

from __future__ import annotations

import os
from typing import Any

import bpy
from hands import (
    MODULE,
    Steps,
    busy,
    extension,
    find_button,
    message,
    notes,
    open_tab,
    picture,
    sidebar,
    stalls,
    watch_everything,
)


def scenario() -> Steps:
    watch_everything()
    notes["online"] = bpy.app.online_access
    yield from open_tab()
    notes["before"] = str(extension("runtime.chosen").runtime().problem)
    yield from find_button("onet.set_up_runtime")
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=manager.windows[0]):
        bpy.ops.onet.open_preferences()
    yield lambda: len(manager.windows) == 2
    choices = bpy.context.preferences.addons[MODULE].preferences
    choices.setup_python = os.environ["BASE_PYTHON"]
    yield 0.5
    yield from picture("1-before")
    stages: list[str] = []

    def at_work() -> bool:
        work = extension("activity").current()
        if work is not None and str(work.stage) not in stages:
            stages.append(str(work.stage))
        return work is not None

    with bpy.context.temp_override(window=manager.windows[1]):
        bpy.ops.onet.set_up_runtime("INVOKE_DEFAULT")
    yield at_work
    yield from picture("2-at-work")
    yield lambda: not at_work()
    notes["stages"] = stages
    notes["message"] = message("onet.set_up_runtime")
    chosen = extension("runtime.chosen").runtime()
    notes["python"], notes["problem"] = str(chosen.python), str(chosen.problem)
    notes["folder"] = bpy.utils.extension_path_user(MODULE)
    yield 0.5
    yield from picture("3-after")
    if os.environ["REAL_WHEELS"]:
        yield from used(manager.windows[1])
    with bpy.context.temp_override(window=manager.windows[1]):
        bpy.ops.onet.remove_runtime("INVOKE_DEFAULT", is_confirmed=True)
    yield lambda: not busy()
    notes["removed"] = message("onet.remove_runtime")
    notes["after"] = str(extension("runtime.chosen").runtime().problem)
    stalls.note("set up")
    yield from picture("4-removed")


def used(window: Any) -> Steps:
    """What was set up from the real packages is checked, and makes a mesh of an example."""
    with bpy.context.temp_override(window=window):
        bpy.ops.onet.check_runtime("INVOKE_DEFAULT")
    yield lambda: not busy()
    notes["check"] = message("onet.check_runtime")
    yield from picture("5-checked")
    area, region = sidebar()
    with bpy.context.temp_override(
        window=bpy.context.window_manager.windows[0], area=area, region=region
    ):
        bpy.ops.onet.open_file(filepath=f"{os.environ['EXAMPLES']}/chair_scan.ply")
    yield lambda: not busy() and message("onet.reconstruct")
    made = bpy.context.view_layer.objects.active
    notes["made"] = {"fit": made.onet.fit, "faces": len(made.data.polygons)}
    yield from picture("6-made")
