"""Runs inside a Blender window: uses the extension as a person would, and notes what happens.

A timer steps through `scenario`, which yields seconds to wait, or a function to wait for. Mouse,
keyboard and camera are `outside.py`'s. Notes go to $SHOT_DIR/notes.json, for the test to judge;
"error" among them is what stopped the script.

Environment: SHOT_DIR, TEST_PYTHON (the runtime's Python), TEST_MODELS (a folder with cube_points).
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

MODULE = "bl_ext.user_default.onet"
FOLDER = Path(os.environ["SHOT_DIR"])
SECONDS_BETWEEN_TICKS = 0.05
# Much more than it takes: the machine may be busy.
SECONDS_OF_PATIENCE = 150.0

# How far the scan is turned round the vertical; the network sees it straight nevertheless.
TURN = 0.9

Wait = float | Callable[[], object]
Steps = Iterator[Wait]

notes: dict[str, Any] = {"blender": bpy.app.version_string}
asked = 0


# Hands and eyes


def ask(**wanted: object) -> Steps:
    """Hands a wish to `outside.py` and waits until it is done."""
    global asked
    unfinished = FOLDER / "unfinished"
    unfinished.write_text(json.dumps(wanted))
    unfinished.rename(FOLDER / f"ask-{asked}.json")
    answer = FOLDER / f"answer-{asked}"
    asked += 1
    yield answer.exists
    answer.unlink()


def point(x: float, y: float) -> Steps:
    """Moves the mouse to a place in Blender's window, counted from its lower left corner."""
    top = bpy.context.window_manager.windows[0].height - 1
    at = (int(x), int(top - y))
    # A button notices the mouse at its second move.
    yield from ask(xdotool=["mousemove", at[0] - 2, at[1], "mousemove", *at])
    yield 0.08


def click(x: float, y: float) -> Steps:
    yield from point(x, y)
    yield from ask(xdotool=["click", 1])


def press(keys: str) -> Steps:
    """Presses keys over the 3D view."""
    area, _ = sidebar()
    yield from point(area.x + area.width / 3, area.y + area.height / 3)
    yield from ask(xdotool=["key", keys])


def picture(name: str) -> Steps:
    yield 0.4  # what has changed is drawn between two ticks
    yield from ask(picture=name)


# Blender's windows


def sidebar() -> tuple[Any, Any]:
    """The 3D view and its sidebar; in a timer the context has neither."""
    for area in bpy.context.window_manager.windows[0].screen.areas:
        if area.type == "VIEW_3D":
            return area, next(region for region in area.regions if region.type == "UI")
    raise RuntimeError("no 3D view in the window")


def open_tab() -> Steps:
    area, region = sidebar()
    area.spaces.active.show_region_ui = True
    area.tag_redraw()
    # There are no tabs before the sidebar has been drawn once.
    yield lambda: region.active_panel_category != "UNSUPPORTED"
    region.active_panel_category = "ONet"
    region.tag_redraw()
    yield 0.5


def find_button(command: str, places: Iterable[tuple[float, float]] = ()) -> Iterator[Any]:
    """The place of the button that runs an operator: Blender itself says what the mouse is over.

    places: where to look, the sidebar's middle from above by default.
    """
    area, region = sidebar()
    manager = bpy.context.window_manager
    top = region.y + region.height
    for place in places or [
        (region.x + region.width / 2, top - down) for down in range(40, 420, 12)
    ]:
        yield from point(*place)
        with bpy.context.temp_override(window=manager.windows[0], area=area, region=region):
            if bpy.ops.ui.copy_python_command_button.poll():
                bpy.ops.ui.copy_python_command_button()
                if command in manager.clipboard:
                    return place
    raise RuntimeError(f"no button for {command} in the sidebar")


# What is looked at


def scene_state() -> dict[str, Any]:
    """What must come back, or stay, the same."""
    active = bpy.context.view_layer.objects.active
    return {
        "objects": sorted(item.name for item in bpy.data.objects),
        "meshes": sorted(mesh.name for mesh in bpy.data.meshes if mesh.users),
        "selected": sorted(item.name for item in bpy.data.objects if item.select_get()),
        "active": active.name if active else None,
        "matrices": {
            item.name: [list(row) for row in item.matrix_world] for item in bpy.data.objects
        },
    }


class Pulse:
    """How regularly Blender lets a timer run: the longest pause is how long the window froze."""

    def __init__(self) -> None:
        self.longest, self.ticks = 0.0, 0
        self.start = self.last = time.perf_counter()
        self.used = time.process_time()

    def beat(self) -> None:
        now = time.perf_counter()
        self.longest, self.last = max(self.longest, now - self.last), now
        self.ticks += 1

    def note(self, name: str) -> None:
        notes[name] = {
            "longest": self.longest,
            "ticks": self.ticks,
            "seconds": self.last - self.start,
            "processor seconds": time.process_time() - self.used,
        }


pulse = Pulse()


def measure() -> Pulse:
    global pulse
    pulse = Pulse()
    return pulse


def extension(name: str) -> Any:
    """A module of the extension."""
    return sys.modules[f"{MODULE}.{name}"]


def busy() -> bool:
    return extension("activity").current() is not None


def add_points() -> None:
    """A turned, scaled and shifted mesh of loose points, alone in the scene."""
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    points = np.random.default_rng(0).uniform(-1, 1, (500, 3)) * (1, 0.7, 0.5)
    mesh = bpy.data.meshes.new("Scan")
    mesh.from_pydata(points.tolist(), [], [])
    scan = bpy.data.objects.new("Scan", mesh)
    bpy.context.scene.collection.objects.link(scan)
    scan.matrix_world = Matrix.LocRotScale(
        Vector((0.5, -0.4, 0.3)), Euler((0.3, 0.2, TURN)), Vector((1.5, 1.2, 0.8))
    )
    scan.select_set(True)
    bpy.context.view_layer.objects.active = scan
    # For the undo steps: changes by a script alone are not in them.
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.undo_push(message="Scan")


def bounds(item: Any) -> list[list[float]]:
    """The corners of an object's bounding box along the axes that the scan is seen along."""
    seen = Matrix.Rotation(-TURN, 4, "Z") @ item.matrix_world
    points = np.array([seen @ vertex.co for vertex in item.data.vertices])
    return [points.min(axis=0).tolist(), points.max(axis=0).tolist()]


# The story


def scenario() -> Steps:
    yield from open_tab()

    # Without a runtime.
    yield from picture("1-no-runtime")
    place = yield from find_button("onet.open_preferences")
    yield from click(*place)
    manager = bpy.context.window_manager
    yield lambda: len(manager.windows) == 2
    preferences = bpy.context.preferences.addons[MODULE].preferences
    yield from picture("2-preferences-empty")
    preferences.runtime_python = os.environ["TEST_PYTHON"]
    preferences.model_folder = os.environ["TEST_MODELS"]
    with bpy.context.temp_override(window=manager.windows[1]):
        bpy.ops.onet.check_runtime("INVOKE_DEFAULT")
    yield lambda: not busy()
    notes["check"] = extension("activity").message("onet.check_runtime")
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
    measure()
    yield from click(*place)
    yield busy
    # The last note is the one before the result comes; its first drawing compiles more shaders.
    yield lambda: not busy() or pulse.note("pulse at work")
    yield 0.2
    pulse.note("with the result")
    after = scene_state()
    notes["before"], notes["after"] = before, after
    notes["message"] = extension("activity").message("onet.reconstruct")
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
    pulse.note("idle pulse")
    bpy.context.scene.onet.quality = "HIGH"
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
            "message": extension("activity").message("onet.reconstruct"),
        }
        yield 0.3
        pulse.note(f"pulse of {way}")
        yield from picture(f"7-after-{way}")

    notes["worker"] = extension("engine_session").process_id()


def finish(error: str = "") -> None:
    if error:
        notes["error"] = error
    (FOLDER / "notes.json").write_text(json.dumps(notes, indent=1))
    next(ask(end=True))  # nobody answers this
    bpy.ops.wm.quit_blender()


story = scenario()
waiting: Wait = 0.0
since = time.perf_counter()


def tick() -> float | None:
    global waiting, since
    pulse.beat()
    (FOLDER / "beat").touch()
    try:
        now = time.perf_counter()
        if callable(waiting):
            if not waiting():
                if now - since > SECONDS_OF_PATIENCE:
                    pulse.note("pulse at the end")
                    work = extension("activity").current()
                    raise TimeoutError(
                        f"what the script waited for did not happen; {work and vars(work)}"
                    )
                return SECONDS_BETWEEN_TICKS
        elif now - since < waiting:
            return SECONDS_BETWEEN_TICKS
        waiting, since = next(story), time.perf_counter()
    except StopIteration:
        finish()
        return None
    except Exception:
        finish(traceback.format_exc() + f"in line {story.gi_frame and story.gi_frame.f_lineno}")
        return None
    return SECONDS_BETWEEN_TICKS


(FOLDER / "beat").touch()
(FOLDER / "ready").touch()
bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
