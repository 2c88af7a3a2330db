"""A first hour by mouse and keyboard alone: Blender's own menus, odd objects, undo, a new file.

Nothing is added, scaled, hidden or framed by script; only a file is written, and two objects are
selected.
"""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import hands
import numpy as np
from hands import (
    FOLDER,
    Steps,
    ask,
    busy,
    click_tab,
    extension,
    message,
    note_view,
    notes,
    picture,
    press,
    press_button,
    scene_state,
    sidebar,
    use_runtime,
)

# Of the block's parent and itself.
STRETCH, MOVE = (2.0, 1.0, 0.5), (3.0, 0.0, 1.0)


def scenario() -> Steps:
    use_runtime()
    bpy.context.preferences.addons[hands.MODULE].preferences.model_folder = ""
    bpy.context.scene.onet.draft_first = False
    yield from press("n")
    yield 0.5
    yield from click_tab()
    yield 0.5
    note_view()
    yield from picture("0-tab")
    yield from a_stretched_monkey()
    yield from undone_and_redone()
    yield from two_at_once()
    yield from blocks_of_another_program()
    yield from a_new_file_meanwhile()
    notes["worker"] = extension("runtime.engine_session").process_id()


def typed(text: str) -> Steps:
    yield from ask(xdotool=["type", "--delay", "60", text])
    yield 0.4


def added(name: str) -> Steps:
    """From the Add menu, by typing what is wanted."""
    yield from press("shift+a")
    yield 0.6
    yield from typed(name)
    yield from ask(xdotool=["key", "Return"])
    yield 0.8


def reconstructed() -> Steps:
    before = set(bpy.data.objects.keys())
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and set(bpy.data.objects.keys()) - before
    yield 1.0


def told(name: str) -> None:
    notes[name] = {
        "message": message("onet.reconstruct"),
        "sizes": {
            item.name: [round(size, 2) for size in item.dimensions]
            for item in bpy.context.view_layer.objects
            if item.type == "MESH"
        },
        "hidden": [item.name for item in bpy.context.view_layer.objects if item.hide_get()],
        "selected": [item.name for item in bpy.context.selected_objects or []],
    }


def a_stretched_monkey() -> Steps:
    yield from press("x")
    yield 0.4
    yield from ask(xdotool=["key", "Return"])
    yield 0.4
    yield from added("monkey")
    for keys in ("s", "x", "2", "Return"):
        yield from press(keys)
        yield 0.2
    yield from picture("1-stretched-before")
    yield from reconstructed()
    told("stretched")
    yield from picture("1-stretched-after")


def undone_and_redone() -> Steps:
    there = scene_state()
    for _ in range(8):
        yield from press("ctrl+z")
        yield 0.4
    notes["undone"] = sorted(bpy.data.objects.keys())
    yield from picture("2-undone")
    for _ in range(8):
        yield from press("ctrl+shift+z")
        yield 0.4
    notes["redone is the same"] = scene_state() == there
    yield from picture("2-redone")


def two_at_once() -> Steps:
    """A torus beside a cone, both selected, in a view that shows everything."""
    yield from added("torus")
    for keys in ("g", "x", "4", "Return"):
        yield from press(keys)
        yield 0.2
    yield from added("cone")
    for keys in ("g", "x", "4", "Return", "g", "y", "4", "Return"):
        yield from press(keys)
        yield 0.2
    yield from press("Home")
    yield 0.8
    notes["before two"] = [item.name for item in bpy.context.view_layer.objects]
    for name in ("Torus", "Cone"):
        bpy.data.objects[name].select_set(True)
    yield 0.5
    yield from picture("3-two-before")
    known = set(bpy.data.objects.keys())
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and len(set(bpy.data.objects.keys()) - known) == 2
    yield 1.0
    told("two")
    yield from picture("3-two-after")


def blocks_of_another_program() -> Steps:
    """A glTF whose parts hang in turned, scaled and moved nodes, dropped on the view."""
    path = FOLDER / "toy.gltf"
    write_nested(path)
    known = set(bpy.data.objects.keys())
    area, _ = sidebar()
    place = (area.x + area.width // 3, area.height // 2)
    yield from ask(xdotool=["mousemove", *place])
    yield from ask(offer=[path, *place])
    yield 1.0
    yield from picture("4-dropped")
    yield from ask(xdotool=["key", "o"])
    yield lambda: not busy() and len(set(bpy.data.objects.keys()) - known) >= 2
    yield 1.0
    told("nested")
    yield from picture("4-nested")


def a_new_file_meanwhile() -> Steps:
    known = set(bpy.data.objects.keys())
    yield from press_button("onet.reconstruct")
    yield busy
    yield from press("ctrl+n")
    yield 0.8
    yield from picture("5-asked")
    yield from ask(xdotool=["key", "Return"])
    yield 1.0
    yield from picture("5-asked-again")
    if set(bpy.data.objects.keys()) - {"Camera", "Cube", "Light"}:
        # Blender asks whether to save: Tab goes to "Don't Save" in no sure order, so by letter.
        yield from ask(xdotool=["key", "d"])
        yield 1.0
    yield lambda: not busy()
    notes["after new"] = [sorted(bpy.data.objects.keys()), message("onet.reconstruct")]
    notes["known"] = sorted(known)
    yield from picture("6-new")


def write_nested(path: Path) -> None:
    """Two boxes in glTF: one below a stretched, moved parent."""
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], "<f4") - 0.5
    sides = [0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]
    faces = np.array([[a, b, c, a, c, d] for a, b, c, d in sides], "<u2").ravel()
    body = corners.tobytes() + faces.tobytes()
    path.with_suffix(".bin").write_bytes(body)
    contents = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0, 1]}],
        "nodes": [
            {"name": "Base", "mesh": 0},
            {"name": "Joint", "scale": STRETCH, "translation": MOVE, "children": [2]},
            {"name": "Arm", "mesh": 0, "rotation": [0, 0, 0.3826834, 0.9238795]},
        ],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "buffers": [{"uri": path.with_suffix(".bin").name, "byteLength": len(body)}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": corners.nbytes},
            {"buffer": 0, "byteOffset": corners.nbytes, "byteLength": faces.nbytes},
        ],
        "accessors": [
            {
                "bufferView": 0, "componentType": 5126, "count": 8, "type": "VEC3",
                "min": [-0.5, -0.5, -0.5], "max": [0.5, 0.5, 0.5],
            },
            {"bufferView": 1, "componentType": 5123, "count": len(faces), "type": "SCALAR"},
        ],
    }  # fmt: skip
    path.write_text(json.dumps(contents))
