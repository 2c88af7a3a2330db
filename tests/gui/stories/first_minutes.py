"""From the zip to meshes as a new user goes: nothing is scaled, hidden or framed by script.

The zip is dropped on a Blender that has never had ONet, and every click is counted. The packages
that Set Up installs are stand-ins; an existing runtime takes their place after it.
"""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import hands
import numpy as np
from hands import (
    FOLDER,
    MODULE,
    Steps,
    ask,
    busy,
    click_tab,
    extension,
    message,
    note_view,
    notes,
    picture,
    point,
    press,
    press_button,
    sidebar,
)

EXAMPLES = Path(os.environ["EXAMPLES"])
GREEN = (40, 170, 80)


def scenario() -> Steps:
    yield from installed()
    yield from set_up()
    yield from the_default_cube()
    yield from a_coloured_scan()
    notes["worker"] = extension("runtime.engine_session").process_id()


def installed() -> Steps:
    """The zip is dropped on the view, and Blender's question whether to install it answered."""
    area, _ = sidebar()
    place = (area.x + area.width // 3, area.height // 2)
    yield from ask(xdotool=["mousemove", *place])
    yield from ask(offer=[os.environ["PACKAGE"], *place])
    hands.clicks += 1
    yield 1.5
    yield from picture("0-dropped")
    yield from ask(xdotool=["key", "Return"])
    hands.clicks += 1
    yield lambda: MODULE in bpy.context.preferences.addons
    yield 1.0
    yield from picture("0-installed")
    notes["clicks to install"] = hands.clicks


def set_up() -> Steps:
    yield from press("n")
    yield 0.5
    yield from click_tab()
    yield 0.5
    yield from picture("1-set-up")
    notes["cost"] = [
        str(extension("runtime.setup").cost_of("CPU", from_network)) for from_network in (0, 1)
    ]
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.setup_python = os.environ["BASE_PYTHON"]
    yield from press_button("onet.set_up_runtime")
    yield lambda: not busy() and message("onet.set_up_runtime")
    notes["set up"] = message("onet.set_up_runtime")
    preferences.runtime_python = os.environ["TEST_PYTHON"]
    sidebar()[0].tag_redraw()
    yield 1.0
    yield from picture("2-ready")


def the_default_cube() -> Steps:
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and message("onet.reconstruct")
    notes["clicks"] = hands.clicks
    notes["cube"] = message("onet.reconstruct")
    yield 0.5
    yield from picture("3-cube")


def a_coloured_scan() -> Steps:
    """A file is dropped on the view: it is framed, and its mesh has its colours."""
    note_view()
    path = FOLDER / "green.ply"
    write_coloured(EXAMPLES / "chair_scan.ply", path)
    before = set(bpy.data.objects.keys())
    area, _ = sidebar()
    place = (area.x + area.width // 3, area.height // 2)
    yield from ask(xdotool=["mousemove", *place])
    yield from ask(offer=[path, *place])
    yield 1.0
    # The letter of the menu's line "ONet from File".
    yield from ask(xdotool=["key", "o"])
    yield lambda: len(bpy.data.objects) > len(before)
    yield from point(area.x + 30, area.y + 30)
    yield from picture("4-imported")
    yield lambda: not busy() and message("onet.reconstruct") and len(bpy.data.objects) > 3
    yield 1.0
    yield from picture("5-coloured")
    notes["objects"] = {
        item.name: [round(size, 3) for size in item.dimensions] for item in bpy.data.objects
    }


def write_coloured(source: Path, target: Path) -> None:
    """The example with one colour, as a PLY."""
    head, _, body = source.read_bytes().partition(b"end_header\n")
    count = int(head.split(b"element vertex ")[1].split()[0])
    points = np.frombuffer(body, dtype="<f4")[: 3 * count].reshape(count, 3)
    kind = [("place", "<f4", 3), ("colour", "u1", 3)]
    rows = np.zeros(count, dtype=kind)
    rows["place"], rows["colour"] = points, GREEN
    colours = b"".join(b"property uchar %s\n" % name for name in (b"red", b"green", b"blue"))
    target.write_bytes(head + colours + b"end_header\n" + rows.tobytes())
