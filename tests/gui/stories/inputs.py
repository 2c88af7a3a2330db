"""What new users try first, one after the other in one window: before and after Reconstruct.

Nothing is scaled, hidden or framed by script. `examples/gallery_sheet.py` makes the README's
gallery of the pictures.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import hands
import numpy as np
from hands import (
    Steps,
    busy,
    extension,
    message,
    note_view,
    notes,
    open_tab,
    picture,
    press_button,
    sidebar,
    stalls,
    use_runtime,
    watch_everything,
)

FILES = Path(os.environ["TEST_MODELS"])
LEVELS_OF_A_SCULPT = 5  # of Suzanne: half a million vertices


def scenario() -> Steps:
    use_runtime()
    bpy.context.preferences.addons[hands.MODULE].preferences.model_folder = ""
    # On a busy machine a draft would come first, and the full mesh in the way of what follows.
    bpy.context.scene.onet.draft_first = False
    yield from open_tab()
    watch_everything()
    note_view()
    for name, add in OBJECTS.items():
        yield from an_object(name, add)
    for name, file in (("scan", "scan.ply"), ("blocks", "blocks.vox"), ("photo", "photo.jpg")):
        yield from a_file(name, FILES / file)
    notes["worker"] = extension("runtime.engine_session").process_id()


def add_suzanne() -> None:
    bpy.ops.mesh.primitive_monkey_add()


def add_cube() -> None:
    bpy.ops.mesh.primitive_cube_add()


def add_text() -> None:
    bpy.ops.object.text_add(rotation=(1.57, 0, 0.6))
    text = bpy.context.view_layer.objects.active.data
    text.body, text.extrude = "ONet", 0.12


def add_sculpt() -> None:
    """Suzanne, finely divided, with wrinkles."""
    bpy.ops.mesh.primitive_monkey_add()
    item = bpy.context.view_layer.objects.active
    item.name = "Sculpt"
    item.modifiers.new("Subdivision", "SUBSURF").levels = LEVELS_OF_A_SCULPT
    wrinkles = bpy.data.textures.new("Wrinkles", "CLOUDS")
    wrinkles.noise_scale = 0.12
    displaced = item.modifiers.new("Displace", "DISPLACE")
    displaced.texture, displaced.strength = wrinkles, 0.06
    for modifier in list(item.modifiers):
        bpy.ops.object.modifier_apply(modifier=modifier.name)


OBJECTS: dict[str, Callable[[], None]] = {
    "cube": add_cube,
    "suzanne": add_suzanne,
    "text": add_text,
    "sculpt": add_sculpt,
}


def cleared() -> None:
    """As the factory's scene, but for the cube."""
    for item in list(bpy.data.objects):
        if item.type not in ("CAMERA", "LIGHT"):
            bpy.data.objects.remove(item)


def an_object(name: str, add: Callable[[], None]) -> Steps:
    cleared()
    window = bpy.context.window_manager.windows[0]
    area, _ = sidebar()
    region = next(part for part in area.regions if part.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        add()
    source = bpy.context.view_layer.objects.active
    bpy.context.scene.onet.input_kind = "POINTS"
    sidebar()[0].tag_redraw()
    yield 1.5
    yield from picture(f"{name}-before")
    known, start = set(bpy.data.objects.keys()), time.perf_counter()
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and set(bpy.data.objects.keys()) - known
    yield from after(name, start, len(source.data.vertices) if source.type == "MESH" else 0)


def a_file(name: str, path: Path) -> Steps:
    cleared()
    window = bpy.context.window_manager.windows[0]
    area, region = sidebar()
    yield 0.5
    start = time.perf_counter()
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.onet.open_file("INVOKE_DEFAULT", filepath=str(path))
    if path.suffix == ".jpg":
        shutil.copy(path, hands.FOLDER / path.name)
        yield lambda: bpy.context.scene.onet.picture is not None
        sidebar()[0].tag_redraw()
    else:
        yield lambda: any(item.type == "MESH" for item in bpy.data.objects)
    yield from picture(f"{name}-before")
    yield lambda: not busy() and made() is not None
    yield from after(name, start, 0)


def made() -> bpy.types.Object | None:
    active = bpy.context.view_layer.objects.active
    return active if active is not None and active.onet.kind else None


def after(name: str, start: float, vertices: int) -> Steps:
    seconds = time.perf_counter() - start
    yield 1.5
    yield from picture(f"{name}-after")
    item = made()
    assert item is not None
    places = np.empty(3 * len(item.data.vertices), dtype=np.float32)
    item.data.vertices.foreach_get("co", places)
    notes[name] = {
        "message": message("onet.reconstruct"),
        "name": item.name,
        "faces": len(item.data.polygons),
        "size": np.ptp(places.reshape(-1, 3), axis=0).tolist(),
        "seconds": seconds,
        "vertices of the source": vertices,
        "coloured": "Color" in item.data.color_attributes,
    }
    stalls.note(name)
    if name == "suzanne":
        yield from quads(name)


def quads(name: str) -> Steps:
    """The next step, from Blender's menus."""
    window = bpy.context.window_manager.windows[0]
    area, region = sidebar()
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.onet.quads("EXEC_DEFAULT", True, faces=3000)
        area.spaces.active.overlay.show_wireframes = True
    item = bpy.context.view_layer.objects.active
    notes["quads"] = sorted({len(polygon.vertices) for polygon in item.data.polygons})
    yield 1.0
    yield from picture(f"{name}-quads")
    area.spaces.active.overlay.show_wireframes = False
