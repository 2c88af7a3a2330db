"""Invented shapes and the slider between them: dragged, keyframed, taken back, played."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from hands import (
    Steps,
    ask,
    busy,
    click_header,
    extension,
    find_property,
    measure,
    note_pulse,
    notes,
    open_tab,
    picture,
    point,
    press,
    press_button,
    sidebar,
    stalls,
    use_runtime,
    watch_everything,
)

RECONSTRUCT, GENERATE, MORPH = range(3)


def scenario() -> Steps:
    use_runtime()
    # Else Blender holds the mouse while a slider is dragged, and moves add up.
    bpy.context.preferences.inputs.use_mouse_continuous = False
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    yield from open_tab()
    watch_everything()
    yield from generated()
    yield from morphed()
    yield from dragged()
    yield from keyframed()
    notes["worker"] = extension("runtime.engine_session").process_id()


def size_of(item: Any) -> float:
    """The height of an object's mesh."""
    heights = np.empty(3 * len(item.data.vertices), dtype=np.float32)
    item.data.vertices.foreach_get("co", heights)
    return float(np.ptp(heights[2::3]))


def generated() -> Steps:
    choices = bpy.context.scene.onet
    choices.generator, choices.seed, choices.count = "sized", 3, 2
    choices.quality = "STANDARD"
    yield from click_header(RECONSTRUCT)
    yield from click_header(GENERATE)
    yield from picture("1-generate")
    yield from press_button("onet.generate")
    yield lambda: not busy() and len(bpy.data.objects) == 2
    yield 0.3
    stalls.note("generate")
    notes["generated"] = {item.name: size_of(item) for item in bpy.data.objects}
    notes["selected"] = len(bpy.context.selected_objects)
    yield from picture("2-generated")


def morphed() -> Steps:
    yield from click_header(GENERATE)
    yield from click_header(MORPH)
    yield from press_button("onet.morph")
    yield lambda: not busy() and len(bpy.data.objects) == 3
    yield 0.5
    stalls.note("make a morph")
    made = bpy.context.view_layer.objects.active
    notes["morph"] = {"name": made.name, "stops": len(made.onet.morph.stops)}
    yield from picture("3-morph")


def slider() -> Any:
    """The ends of the slider's button."""
    _, middle = yield from find_property("onet.morph.value")
    _, region = sidebar()
    return (region.x + 40, middle), (region.x + region.width - 60, middle)


def shown() -> tuple[float, float, int]:
    item = bpy.context.view_layer.objects.active
    return float(item.onet.morph.value), size_of(item), len(item.data.polygons)


def at_rest() -> bool:
    return not extension("morph.live").waiting()


def drag(start: tuple[float, float], end: tuple[float, float], seen: list[Any]) -> Steps:
    """Moves the mouse with its button down; what is shown meanwhile goes to `seen`."""
    top = bpy.context.window_manager.windows[0].height - 1
    yield from point(*start)
    yield from ask(xdotool=["mousedown", 1])
    steps = 12
    for step in range(1, steps + 1):
        x = start[0] + (end[0] - start[0]) * step / steps
        yield from ask(xdotool=["mousemove", int(x), int(top - start[1])])
        yield 0.25
        seen.append(shown())
    yield from ask(xdotool=["mouseup", 1])
    yield at_rest
    yield 0.3


def dragged() -> Steps:
    """The mesh follows the mouse, gets fine when it rests, and undo takes slider and mesh back."""
    left, right = yield from slider()
    before, seen = shown(), []
    measure()
    yield from drag(left, right, seen)
    note_pulse("pulse of dragging")
    stalls.note("drag the slider")
    notes["dragged"] = {"before": before, "meanwhile": seen, "after": shown()}
    yield from picture("4-dragged")
    yield from press("ctrl+z")
    yield lambda: shown()[0] < 0.05
    yield at_rest
    yield 0.3
    notes["undone"] = shown()
    yield from picture("5-undone")
    yield from press("ctrl+shift+z")
    yield lambda: shown()[0] > 0.5
    yield at_rest
    yield 0.3
    notes["redone"] = shown()


def keyframed() -> Steps:
    """A key at the left in frame 1, one at the right in frame 11; then the frames are stepped."""
    scene = bpy.context.scene
    left, right = yield from slider()
    for frame, (start, end) in ((1, (right, left)), (11, (left, right))):
        scene.frame_set(frame)
        yield from drag(start, end, [])
        # Over the slider, not over the view.
        yield from point(*end)
        yield from ask(xdotool=["key", "i"])
        yield 0.4
    item = bpy.context.view_layer.objects.active
    curves = extension("morph.baking").curves_of(item) if item.animation_data else []
    notes["keys"] = [
        [list(key.co) for key in curve.keyframe_points]
        for curve in curves
        if curve.data_path == "onet.morph.value"
    ]
    yield from picture("6-keyframed")
    frames = {}
    for _ in range(5):
        yield from press("Left")
        yield at_rest
        yield 0.3
        frames[scene.frame_current] = shown()
    notes["frames"] = frames
    yield from picture("7-frame")
    measure()
    scene.frame_set(1)
    bpy.ops.screen.animation_play()
    yield 3.0
    bpy.ops.screen.animation_cancel()
    note_pulse("pulse of playing")
    yield at_rest
    stalls.note("play")
