"""The first use: a runtime is named, a scan becomes a mesh, undo, redo, two ways to cancel."""

from __future__ import annotations

import time

import bpy
from hands import (
    Steps,
    add_points,
    bounds,
    busy,
    click,
    extension,
    find_button,
    measure,
    message,
    note_pulse,
    notes,
    open_tab,
    picture,
    press,
    scene_state,
    sidebar,
    stalls,
    use_runtime,
    watch_everything,
)


def come(operator: str) -> bool:
    """Whether the operator's first result is there, noting the pulse until it is.

    On a fast machine the work itself can be missed. The last note is the one before the result
    comes: its first drawing compiles more shaders.
    """
    told = message(operator) != ""
    if not told:
        note_pulse("pulse at work")
    return told and not busy()


def scenario() -> Steps:
    yield from open_tab()

    # Without a runtime.
    yield from picture("1-no-runtime")
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=manager.windows[0]):
        bpy.ops.onet.open_preferences()
    yield lambda: len(manager.windows) == 2
    yield from picture("2-preferences-empty")
    use_runtime()
    with bpy.context.temp_override(window=manager.windows[1]):
        bpy.ops.onet.check_runtime("INVOKE_DEFAULT")
    yield lambda: not busy()
    notes["check"] = message("onet.check_runtime")
    yield from picture("3-preferences-works")
    with bpy.context.temp_override(window=manager.windows[1]):
        bpy.ops.wm.window_close()
    yield lambda: len(manager.windows) == 1

    # A mesh from a scan.
    bpy.context.scene.onet.model = "cube_points"
    bpy.context.scene.onet.quality = "DRAFT"
    add_points()
    before = scene_state()
    sidebar()[0].tag_redraw()
    yield 2.0
    place = yield from find_button("onet.reconstruct")
    yield from picture("4-ready")
    watch_everything()
    measure()
    yield from click(*place)
    yield lambda: come("onet.reconstruct")
    yield 0.2
    note_pulse("with the result")
    stalls.note("reconstruct, draft")
    after = scene_state()
    notes["before"], notes["after"] = before, after
    notes["message"] = message("onet.reconstruct")
    (new,) = set(after["objects"]) - set(before["objects"])
    made = bpy.data.objects[new]
    notes["made"] = {
        "name": new,
        "bounds": bounds(made),
        "faces": len(made.data.polygons),
        "smooth": all(polygon.use_smooth for polygon in made.data.polygons),
    }
    notes["scan"] = {"bounds": bounds(bpy.data.objects["Scan"])}
    del made
    yield from picture("5-done")

    # One step back, one step forth.
    yield from press("ctrl+z")
    yield lambda: new not in bpy.data.objects
    yield 0.3
    notes["undone"] = scene_state()
    yield from press("ctrl+shift+z")
    yield lambda: new in bpy.data.objects
    yield 0.3
    notes["redone"] = scene_state()
    yield from press("ctrl+z")
    yield lambda: new not in bpy.data.objects
    yield 0.3

    # Cancelled, by Escape and by the button. First how fluent this machine is with nothing to do.
    yield 1.0
    measure()
    yield 2.0
    note_pulse("idle pulse")
    bpy.context.scene.onet.quality = "HIGH"
    bpy.context.scene.onet.draft_first = False
    bpy.context.scene.onet.resolution = 512  # not done before somebody cancels it
    for way in ("escape", "button"):
        place = yield from find_button("onet.reconstruct")
        measure()
        yield from click(*place)
        yield busy
        yield lambda: extension("activity").current().fraction > 0.1
        yield from picture(f"6-before-{way}")
        if way == "escape":
            yield from press("Escape")
        else:
            # At the right end of where the other one was.
            row = [(place[0] + right, place[1]) for right in range(70, 140, 6)]
            yield from click(*(yield from find_button("onet.cancel", row)))
        started = time.perf_counter()
        yield lambda: not busy()
        notes[f"cancelled by {way}"] = {
            **scene_state(),
            "seconds": time.perf_counter() - started,
            "message": message("onet.reconstruct"),
        }
        yield 0.3
        note_pulse(f"pulse of {way}")
        yield from picture(f"7-after-{way}")

    notes["worker"] = extension("runtime.engine_session").process_id()
