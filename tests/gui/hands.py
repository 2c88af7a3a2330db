"""Inside a Blender window: uses the extension as a person would, and notes what happens.

`play` lets a timer step through a story, which yields seconds to wait, or a function to wait for.
Mouse, keyboard and camera are `outside.py`'s. Notes go to $SHOT_DIR/notes.json, for the test to
judge; "error" among them is what stopped the story.

Environment: SHOT_DIR, TEST_PYTHON (the runtime's Python), TEST_MODELS (a folder with models).
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
clicks = 0
"""How many times a button of the mouse or a key was pressed."""


# Hands and eyes


def ask(**wanted: object) -> Steps:
    """Hands a wish to `outside.py` and waits until it is done."""
    global asked
    unfinished = FOLDER / "unfinished"
    unfinished.write_text(json.dumps(wanted, default=str))
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
    global clicks
    clicks += 1
    yield from point(x, y)
    yield from ask(xdotool=["click", 1])


def press(keys: str) -> Steps:
    """Presses keys over the 3D view."""
    global clicks
    clicks += 1
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


def note_view() -> None:
    """Where the 3D view is in the pictures, as x, y from above, width and height."""
    area, region = sidebar()
    view = next(part for part in area.regions if part.type == "WINDOW")
    height = bpy.context.window_manager.windows[0].height
    notes["view"] = [view.x, height - view.y - view.height, region.x - view.x, view.height]


def open_tab() -> Steps:
    area, region = sidebar()
    area.spaces.active.show_region_ui = True
    area.tag_redraw()
    # There are no tabs before the sidebar has been drawn once.
    yield lambda: region.active_panel_category != "UNSUPPORTED"
    region.active_panel_category = "ONet"
    region.tag_redraw()
    yield 0.5


def click_tab() -> Steps:
    """Clicks the tab ONet: tries places down the tabs, of which a person sees the right one."""
    global clicks
    _, region = sidebar()
    yield lambda: region.active_panel_category != "UNSUPPORTED"
    before = clicks
    for down in range(60, region.height - 20, 40):
        yield from click(region.x + region.width - 10, region.y + region.height - down)
        yield 0.3
        if region.active_panel_category == "ONet":
            break
    clicks = before + 1


def column_of_places(first: int = 40, last: int = 420) -> list[tuple[float, float]]:
    """Places down the middle of the sidebar, in pixels from its upper edge."""
    _, region = sidebar()
    top = region.y + region.height
    return [(region.x + region.width * 0.6, top - down) for down in range(first, last, 12)]


def find_button(
    command: str,
    places: Iterable[tuple[float, float]] = (),
    operator: str = "copy_python_command_button",
) -> Iterator[Any]:
    """The place of the button that runs an operator: Blender itself says what the mouse is over.

    places: where to look, the sidebar's middle from above by default. operator: of those that copy
    to the clipboard what a button is about.
    """
    area, region = sidebar()
    manager = bpy.context.window_manager
    for place in places or column_of_places():
        yield from point(*place)
        with bpy.context.temp_override(window=manager.windows[0], area=area, region=region):
            asked = getattr(bpy.ops.ui, operator)
            if asked.poll():
                asked()
                if command in manager.clipboard:
                    return place
    raise RuntimeError(f"no button for {command} in the sidebar")


def find_property(path: str) -> Iterator[Any]:
    """The place of the button of a property, by the end of its data path."""
    return find_button(path, column_of_places(), "copy_data_path_button")


def press_button(command: str, first: int = 40, last: int = 720) -> Iterator[Any]:
    """Finds a button in the sidebar, clicks it and returns its place."""
    place = yield from find_button(command, column_of_places(first, last))
    yield from click(*place)
    return place


def click_header(number: int) -> Steps:
    """Opens or closes a panel of the sidebar, as long as those above it are closed."""
    _, region = sidebar()
    yield from click(region.x + 60, region.y + region.height - 15 - 27.5 * number)
    yield 0.6  # it slides


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


def measure() -> None:
    """Begins to measure how regularly the window lives, until `note_pulse`."""
    global pulse
    pulse = Pulse()


def note_pulse(name: str) -> None:
    pulse.note(name)


class Stalls:
    """How long the extension kept Blender's main thread to itself, at the longest.

    Both as the clock has it and as the processor has it: others may use the machine too.
    """

    def __init__(self) -> None:
        self.longest: dict[str, tuple[float, float]] = {}

    def watch(self, owner: Any, name: str) -> None:
        """Has the calls of a module's function timed."""
        watched = getattr(owner, name)

        def timed(*arguments: Any) -> Any:
            with self._timed(name):
                return watched(*arguments)

        setattr(owner, name, timed)

    def watch_method(self, owner: type, name: str) -> None:
        """Has the calls of an operator's `invoke` or `modal` timed."""
        watched = getattr(owner, name)

        # Blender counts the arguments that are named.
        def timed(self_: Any, context: Any, event: Any) -> Any:
            with self._timed(name):
                return watched(self_, context, event)

        setattr(owner, name, timed)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        clock, processor = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            passed = time.perf_counter() - clock, time.thread_time() - processor
            before = self.longest.get(name, (0.0, 0.0))
            self.longest[name] = max(before[0], passed[0]), max(before[1], passed[1])

    def note(self, title: str) -> None:
        """Notes what was longest since the last note."""
        notes.setdefault("stalls", {})[title] = self.longest
        self.longest = {}


stalls = Stalls()


def watch_everything() -> None:
    """Times whatever of the extension runs in Blender's main thread beside drawing."""
    for name in ("invoke", "modal"):
        stalls.watch_method(extension("operators.shared").WorkerOperator, name)
    stalls.watch(extension("morph.live"), "_look")
    stalls.watch(extension("morph.live"), "slider_moved")
    stalls.watch(extension("morph.handlers"), "show")


def use_runtime() -> None:
    """Sets the extension up with an existing Python, and with models whose shapes are known."""
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.runtime_python = os.environ["TEST_PYTHON"]
    preferences.model_folder = os.environ["TEST_MODELS"]


def message(operator: str) -> str:
    """What the panel tells below an operator's button."""
    return str(extension("activity").message(operator))


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


# Stories


def finish(error: str = "") -> None:
    if error:
        notes["error"] = error
    (FOLDER / "notes.json").write_text(json.dumps(notes, indent=1))
    next(ask(end=True))  # nobody answers this
    bpy.ops.wm.quit_blender()


def play(scenario: Steps) -> None:
    """Has a timer step through a story; Blender quits at its end."""
    global story
    story = scenario
    # Where Blender writes what it was at when it crashes.
    bpy.context.preferences.filepaths.temporary_directory = str(FOLDER)
    (FOLDER / "beat").touch()
    (FOLDER / "ready").touch()
    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)


story: Steps = iter(())
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
