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


def scenario() -> Steps:
    use_runtime()
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    yield from open_tab()
    yield from a_scan()
    yield from a_morph()
    notes["worker"] = extension("runtime.engine_session").process_id()


def a_scan() -> Steps:
    """As a file that is dropped or chosen: nothing is scaled, hidden or framed here."""
    window = bpy.context.window_manager.windows[0]
    area, region = sidebar()
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.onet.open_file("INVOKE_DEFAULT", filepath=str(EXAMPLES / "chair_scan.ply"))
    yield lambda: not busy() and message("onet.reconstruct")
    yield 0.5
    made = bpy.context.view_layer.objects.active
    notes["scan"] = {"faces": len(made.data.polygons), "fit": made.onet.fit}
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
    yield 1.0
    yield from picture("2-morph")
