"""Blender is closed while the worker is at work."""

from __future__ import annotations

import bpy
from hands import (
    Steps,
    add_points,
    busy,
    extension,
    notes,
    open_tab,
    picture,
    press_button,
    sidebar,
    use_runtime,
)


def scenario() -> Steps:
    use_runtime()
    yield from open_tab()
    add_points()
    bpy.context.scene.onet.model = "cube_points"
    bpy.context.scene.onet.quality = "HIGH"
    bpy.context.scene.onet.draft_first = False
    bpy.context.scene.onet.resolution = 512
    sidebar()[0].tag_redraw()
    yield 1.0
    yield from press_button("onet.reconstruct")
    yield lambda: busy() and extension("activity").current().fraction > 0.1
    notes["worker"] = extension("runtime.engine_session").process_id()
    yield from picture("1-at-work")
    notes["at work"] = busy()
