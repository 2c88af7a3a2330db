"""A result that follows its source, and thumbnails of shapes to choose from."""

from __future__ import annotations

import bpy
from hands import (
    Steps,
    add_points,
    busy,
    click_header,
    extension,
    measure,
    message,
    note_pulse,
    notes,
    open_tab,
    picture,
    press,
    press_button,
    sidebar,
    stalls,
    use_runtime,
    watch_everything,
)


def scenario() -> Steps:
    use_runtime()
    yield from open_tab()
    watch_everything()
    add_points()
    yield from followed()
    yield from chosen()
    notes["worker"] = extension("runtime.engine_session").process_id()


def width(item: bpy.types.Object) -> float:
    return float(item.dimensions.x)


def push(step: str) -> None:
    """Changes by a script alone are no steps to undo."""
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.undo_push(message=step)


def waiting() -> bool:
    return busy() or extension("live.watch").waiting()


def followed() -> Steps:
    """The source is stretched: what is not live says so, what is live follows, back again too."""
    choices = bpy.context.scene.onet
    choices.model, choices.quality = "cube_points", "DRAFT"
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and len(bpy.data.objects) == 2
    yield 0.5
    name = bpy.context.view_layer.objects.active.name
    bounds = [width(bpy.data.objects[name])]
    stretch(1.5)
    push("Stretch")
    yield lambda: extension("live.watch").is_outdated(bpy.data.objects[name])
    yield from picture("1-outdated")
    measure()
    bpy.data.objects[name].onet.live = True
    push("Live")
    yield lambda: not waiting() and not extension("live.watch").is_outdated(bpy.data.objects[name])
    yield 0.5
    bounds.append(width(bpy.data.objects[name]))
    yield from picture("2-live")
    stretch(1.5)
    push("Stretch")
    yield lambda: width(bpy.data.objects[name]) > bounds[1] * 1.2
    yield lambda: not waiting()
    bounds.append(width(bpy.data.objects[name]))
    note_pulse("pulse of following")
    yield from press("ctrl+z")
    yield lambda: width(bpy.data.objects[name]) < bounds[2] / 1.2
    yield lambda: not waiting()
    yield 1.0
    bounds.append(width(bpy.data.objects[name]))
    notes["widths"], notes["objects"] = bounds, sorted(bpy.data.objects.keys())
    stalls.note("live")


def stretch(factor: float) -> None:
    mesh = bpy.data.objects["Scan"].data
    for vertex in mesh.vertices:
        vertex.co.x *= factor
    mesh.update()


def chosen() -> Steps:
    choices = bpy.context.scene.onet
    choices.generator, choices.seed = "sized", 3
    choices.count = 1
    yield from click_header(0)
    yield from click_header(1)
    yield 0.5
    yield from press_button("onet.thumbnails")
    yield lambda: not busy() and message("onet.thumbnails")
    yield from picture("3-thumbnails")
    notes["thumbnails"] = message("onet.thumbnails")
    stalls.note("thumbnails")
    choices.choice = "7"
    sidebar()[0].tag_redraw()
    count = len(bpy.data.objects)
    yield from press_button("onet.generate")
    yield lambda: not busy() and len(bpy.data.objects) > count
    yield 0.5
    notes["chosen"] = bpy.context.view_layer.objects.active.onet.source
    yield from picture("4-chosen")
