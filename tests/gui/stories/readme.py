"""The README's pictures: what ships, used on an example, in a window of a usual size."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
from hands import (
    Steps,
    busy,
    click_header,
    extension,
    message,
    notes,
    open_tab,
    picture,
    press_button,
    sidebar,
    use_runtime,
)

EXAMPLES = Path(os.environ["EXAMPLES"])
CENTIMETRE = 0.01


def scenario() -> Steps:
    use_runtime()
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    yield from open_tab()
    yield from a_scan()
    yield from a_morph()
    notes["worker"] = extension("runtime.engine_session").process_id()


def look_at_all() -> None:
    window, (area, _) = bpy.context.window_manager.windows[0], sidebar()
    region = next(part for part in area.regions if part.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.view3d.view_all()
    area.tag_redraw()


def a_scan() -> Steps:
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        bpy.ops.wm.ply_import(filepath=str(EXAMPLES / "chair_scan.ply"))
    scan = bpy.context.view_layer.objects.active
    scan.scale = (CENTIMETRE,) * 3
    sidebar()[0].tag_redraw()
    yield 1.0
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and len(bpy.data.objects) == 2
    yield 0.5
    made = bpy.context.view_layer.objects.active
    notes["scan"] = {"faces": len(made.data.polygons), "fit": made.onet.fit}
    scan.hide_set(True)
    look_at_all()
    yield 1.0
    yield from picture("1-scan")


def a_morph() -> Steps:
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    choices = bpy.context.scene.onet
    choices.generator, choices.seed, choices.count = "car", 1, 2
    yield from click_header(0)
    yield from click_header(1)
    yield from press_button("onet.generate")
    yield lambda: not busy() and len(bpy.data.objects) == 2
    yield 0.5
    notes["generated"] = message("onet.generate")
    yield from click_header(1)
    yield from click_header(2)
    yield from press_button("onet.morph")
    yield lambda: not busy() and len(bpy.data.objects) == 3
    made = bpy.context.view_layer.objects.active
    made.onet.morph.value = 0.5
    yield lambda: not extension("morph.live").waiting()
    look_at_all()
    yield 1.0
    yield from picture("2-morph")
