"""An object that bends and swims: frames chosen in the panel, followed, scrubbed, put into a cache.

Only the object is made by script; the network is the one that ships.
"""

from __future__ import annotations

from math import radians
from typing import Any

import bpy
import hands
import numpy as np
from hands import (
    FOLDER,
    Steps,
    ask,
    busy,
    click,
    click_header,
    extension,
    find_property,
    message,
    notes,
    open_tab,
    picture,
    point,
    press,
    press_button,
    stalls,
    use_runtime,
    watch_everything,
)

LAST, MOST_STEPS = 9, 20
RECONSTRUCT, _, _, MOVEMENT = range(4)
FOLLOW, CACHE = "onet.follow_movement", "onet.mesh_cache"


def scenario() -> Steps:
    use_runtime()
    bpy.context.preferences.addons[hands.MODULE].preferences.model_folder = ""
    swimmer()
    yield from open_tab()
    yield from press("Home")
    watch_everything()
    yield from click_header(RECONSTRUCT)
    yield from click_header(MOVEMENT)
    yield from picture("1-panel")
    yield from one_frame()
    yield from followed()
    yield from scrubbed("followed")
    yield from undone()
    yield from cached()
    yield from scrubbed("cached")
    notes["worker"] = extension("runtime.engine_session").process_id()


def swimmer() -> None:
    """A long body that bends to one side, then to the other, and goes along x; alone."""
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=32)
    item = bpy.context.view_layer.objects.active
    item.name = "Swimmer"
    for vertex in item.data.vertices:
        vertex.co = (2.0 * vertex.co.x, 0.5 * vertex.co.y, 0.7 * vertex.co.z)
    bend = item.modifiers.new("Bend", "SIMPLE_DEFORM")
    bend.deform_method, bend.deform_axis = "BEND", "Z"
    for frame, angle in ((1, -80), (LAST, 80)):
        bend.angle = radians(angle)
        bend.keyframe_insert("angle", frame=frame)
        item.location.x = 0.2 * (frame - 1)
        item.keyframe_insert("location", index=0, frame=frame)
    bpy.context.scene.frame_set(1)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.undo_push(message="Swimmer")


def typed(path: str, text: str) -> Steps:
    """Into a field of the panel, by a double click."""
    yield from away()
    place = yield from find_property(path)
    yield from click(*place)
    yield from ask(xdotool=["click", 1])
    yield 0.3
    yield from ask(xdotool=["key", "ctrl+a"])
    yield from ask(xdotool=["type", "--delay", "60", text])
    yield from ask(xdotool=["key", "Return"])
    yield 0.4


def away() -> Steps:
    """The mouse goes into the view: what has popped up over the panel goes, too."""
    area, _ = hands.sidebar()
    yield from point(area.x + area.width / 3, area.y + area.height / 3)
    yield 0.5


def one_frame() -> Steps:
    """A range of one frame is refused in words, and nothing is made."""
    yield from typed("onet.movement.end", "1")
    before = hands.scene_state()
    yield from press_button(FOLLOW)
    yield lambda: not busy() and message(FOLLOW)
    yield 0.5
    notes["one frame"] = {"message": message(FOLLOW), "same": hands.scene_state() == before}
    yield from picture("2-one-frame")
    yield from ask(xdotool=["key", "Escape"])  # closes the report


def followed() -> Steps:
    yield from typed("onet.movement.end", str(LAST))
    notes["range"] = [bpy.context.scene.onet.movement.start, bpy.context.scene.onet.movement.end]
    yield from press_button(FOLLOW)
    yield busy
    yield 1.5
    yield from picture("3-at-work")
    yield lambda: not busy() and len(bpy.data.objects) == 2
    yield 1.0
    stalls.note("follow")
    made = bpy.context.view_layer.objects.active
    notes["followed"] = {
        "name": made.name,
        "message": message(FOLLOW),
        "vertices": len(made.data.vertices),
        "keys": len(made.data.shape_keys.key_blocks),
        "frame": bpy.context.scene.frame_current,
        "hidden": [item.name for item in bpy.data.objects if item.hide_get()],
    }
    yield from picture("4-followed")


def places(item: Any) -> np.ndarray:
    """Of an object's vertices as they are shown, (V, 3), in the world."""
    graph = bpy.context.evaluated_depsgraph_get()
    shown = item.evaluated_get(graph)
    found = np.empty(3 * len(shown.data.vertices), dtype=np.float32)
    shown.data.vertices.foreach_get("co", found)
    matrix = np.array(shown.matrix_world)
    return found.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def source_places() -> np.ndarray:
    """Of the hidden source, which Blender does not evaluate while it is hidden."""
    item = bpy.data.objects["Swimmer"]
    item.hide_set(False)
    found = places(item)
    item.hide_set(True)
    return found


def scrubbed(name: str) -> Steps:
    """From frame to frame by the keyboard: how far the mesh's box is from the source's."""
    scene = bpy.context.scene
    made = bpy.context.view_layer.objects.active
    distances = {}
    for _ in range(LAST - 1):
        yield from press("Right")
        yield 0.4
        ours, theirs = places(made), source_places()
        corners = [[p.min(0), p.max(0)] for p in (ours, theirs)]
        distances[scene.frame_current] = float(np.abs(np.subtract(*corners)).max())
        if scene.frame_current in (5, LAST):
            yield from picture(f"5-{name}-{scene.frame_current}")
    notes[name] = {**notes.get(name, {}), "away": distances}
    for _ in range(LAST - 1):
        yield from press("Left")
        yield 0.2


def undone() -> Steps:
    """Blender's own frame changes are a step too, however many there were."""
    made = bpy.context.view_layer.objects.active.name
    steps = 0
    while made in bpy.data.objects and steps < MOST_STEPS:
        steps += 1
        yield from press("ctrl+z")
        yield 0.5
    notes["steps back"] = steps
    notes["undone"] = {item.name: item.hide_get() for item in bpy.data.objects}
    yield from picture("6-undone")
    for _ in range(steps):
        yield from press("ctrl+shift+z")
        yield 0.5
    yield lambda: made in bpy.data.objects
    yield 0.5


def cached() -> Steps:
    """By Blender's own file browser, whose folder is typed."""
    yield from press_button(CACHE)
    yield 2.0
    yield from picture("7-where")
    windows = bpy.context.window_manager.windows
    browser = next(
        area.spaces.active
        for window in windows
        for area in window.screen.areas
        if area.type == "FILE_BROWSER"
    )
    notes["offered"] = browser.params.filename
    browser.params.directory = bytes(FOLDER)
    yield 1.0
    yield from ask(xdotool=["key", "Return"])
    yield 1.5
    made = bpy.context.view_layer.objects.active
    notes["cached"] = {
        "modifiers": [(one.type, one.filepath) for one in made.modifiers],
        "keys": made.data.shape_keys is not None,
        "written": sorted(path.name for path in FOLDER.glob("*.pc2")),
    }
    yield from picture("8-cached")
