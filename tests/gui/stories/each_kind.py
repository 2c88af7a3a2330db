"""Made again in three ways, pictures, files, voxels, a fine mesh, and a worker that is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import bpy
import numpy as np
from hands import (
    FOLDER,
    Steps,
    add_points,
    ask,
    busy,
    click,
    extension,
    measure,
    message,
    note_pulse,
    notes,
    open_tab,
    picture,
    point,
    press,
    press_button,
    scene_state,
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
    sidebar()[0].tag_redraw()
    yield 1.0
    yield from again()
    yield from a_fine_mesh()
    yield from killed()
    yield from a_picture()
    yield from dropped()
    yield from voxels()
    notes["worker"] = extension("runtime.engine_session").process_id()


def again() -> Steps:
    """The same object, made again: by its button, by repeating, by adjusting the last operation."""
    choices = bpy.context.scene.onet
    choices.model, choices.quality = "cube_points", "DRAFT"
    choices.resolution = 32
    before = {item.name for item in bpy.data.objects}
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and len(bpy.data.objects) == 2
    yield 0.3
    (new,) = {item.name for item in bpy.data.objects} - before
    faces = {"first": len(bpy.data.objects[new].data.polygons)}
    choices.resolution = 48
    old = bpy.data.objects[new].data.session_uid

    def replaced() -> bool:
        """Whether the mesh is another one; on a busy machine the work itself can be missed."""
        return not busy() and bpy.data.objects[new].data.session_uid != old

    yield from press_button("onet.reconstruct_again", 160)
    yield replaced
    yield 0.3
    faces["again"] = len(bpy.data.objects[new].data.polygons)
    yield from picture("1-again")
    # Blender would wait for the worker here; the step stays, and another one updates the object.
    old = bpy.data.objects[new].data.session_uid
    measure()
    yield from press("shift+r")
    yield replaced
    yield 0.3
    note_pulse("pulse of repeating")
    faces["repeated"] = len(bpy.data.objects[new].data.polygons)
    old = bpy.data.objects[new].data.session_uid
    # The popup lies below the mouse: high enough, it is not moved.
    area, _ = sidebar()
    mouse = area.x + area.width / 3, area.y + area.height * 0.75
    yield from point(*mouse)
    yield from ask(xdotool=["key", "F9"])
    yield from picture("2-adjust")
    yield from type_resolution(mouse, "64")
    yield from picture("2b-typed")
    yield replaced
    yield 0.5
    # Once more in the same popup, after its operation was carried out by another.
    old = bpy.data.objects[new].data.session_uid
    yield from type_resolution(mouse, "128")
    yield replaced
    yield 0.5
    faces["adjusted"] = len(bpy.data.objects[new].data.polygons)
    yield from picture("3-adjusted")
    yield from ask(xdotool=["key", "Escape"])  # closes the popup
    yield 0.6
    yield from picture("3b-closed")
    stalls.note("again")
    notes["again"] = {
        "name": new,
        "faces": faces,
        "objects": sorted(item.name for item in bpy.data.objects),
        "meshes": sorted(mesh.name for mesh in bpy.data.meshes if mesh.users),
    }


def type_resolution(mouse: tuple[float, float], cells: str) -> Steps:
    """Into the first field of the popup that was opened with the mouse there."""
    yield from click(mouse[0] + 205, mouse[1] - 52)
    yield 0.4
    for words in (["key", "ctrl+a"], ["type", cells], ["key", "Return"]):
        yield from ask(xdotool=words)
        yield 0.3


def a_fine_mesh() -> Steps:
    """The finest that the presets have, 200,000 faces: Blender may not stand still for it."""
    choices = bpy.context.scene.onet
    choices.quality = "HIGH"
    choices.draft_first = False
    choices.refinement_steps = 0  # they take long and change no number
    count = len(bpy.data.objects)
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and len(bpy.data.objects) > count
    yield 0.5
    made = bpy.context.view_layer.objects.active
    notes["fine faces"] = len(made.data.polygons)
    stalls.note("reconstruct, fine")
    yield from picture("4-fine")
    yield from press("ctrl+z")
    yield lambda: len(bpy.data.objects) == count
    yield 0.5


def killed() -> Steps:
    """The worker dies at work: one sentence, nothing changed, and the next try works."""
    bpy.context.scene.onet.quality = "HIGH"
    bpy.context.scene.onet.draft_first = False
    bpy.context.scene.onet.resolution = 512  # not done before somebody ends it
    before = scene_state()
    yield from press_button("onet.reconstruct")
    yield lambda: busy() and extension("activity").current().fraction > 0.1
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        notes["second click"] = list(bpy.ops.onet.reconstruct("INVOKE_DEFAULT"))
    os.kill(extension("runtime.engine_session").process_id(), signal.SIGKILL)
    yield lambda: not busy()
    yield 0.3
    notes["killed"] = {
        "message": message("onet.reconstruct"),
        "unchanged": scene_state() == before,
    }
    yield from picture("5-killed")
    yield from ask(xdotool=["key", "Escape"])  # closes the report
    yield 0.6
    bpy.context.scene.onet.quality = "DRAFT"
    count = len(bpy.data.objects)
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and len(bpy.data.objects) > count
    yield 0.3
    notes["killed"]["then"] = message("onet.reconstruct")


def save_picture(path: Path) -> None:
    """A red square on white."""
    image = bpy.data.images.new("Square", 128, 96)
    pixels = np.ones((96, 128, 4), dtype=np.float32)
    pixels[24:72, 40:88] = (0.8, 0.1, 0.1, 1)
    image.pixels.foreach_set(pixels.ravel())
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)


def a_picture() -> Steps:
    """Opened, looked at as the network does, reconstructed; what pasting says without a picture."""
    path = FOLDER / "square.png"
    save_picture(path)
    choices = bpy.context.scene.onet
    choices.input_kind = "IMAGE"
    choices.picture = bpy.data.images.load(str(path))
    choices.model = "cube_picture"
    sidebar()[0].tag_redraw()
    yield 0.5
    window = bpy.context.window_manager.windows[0]
    kinds = [area.ui_type for area in window.screen.areas]
    area, region = sidebar()
    with bpy.context.temp_override(window=window, area=area, region=region):
        try:
            notes["pasted"] = list(bpy.ops.onet.paste_picture())
        except RuntimeError as error:
            notes["pasted"] = str(error)
        notes["window as before"] = [area.ui_type for area in window.screen.areas] == kinds
    yield from press_button("onet.look", 120)
    yield lambda: not busy() and message("onet.look")
    notes["background"] = message("onet.look")
    yield from picture("6-seen")
    names = {item.name for item in bpy.data.objects}
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and len(bpy.data.objects) > len(names)
    yield 0.3
    (new,) = {item.name for item in bpy.data.objects} - names
    made = bpy.data.objects[new]
    notes["picture"] = {
        "name": new,
        "lowest": min((made.matrix_world @ vertex.co).z for vertex in made.data.vertices),
        "place": list(made.matrix_world.translation),
    }
    stalls.note("reconstruct, picture")
    yield from picture("7-from-picture")


def dropped() -> Steps:
    """A scan is dropped on the 3D view: as Blender's own event of a drop has it."""
    path = FOLDER / "dropped.ply"
    points = np.random.default_rng(1).uniform(-1, 1, (300, 3))
    header = "ply\nformat ascii 1.0\nelement vertex 300\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    path.write_text(header + "\n".join(" ".join(map(str, row)) for row in points) + "\n")
    handler = bpy.types.ONET_FH_files
    window = bpy.context.window_manager.windows[0]
    area, _ = sidebar()
    names = {item.name for item in bpy.data.objects}
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        notes["drop offered"] = handler.poll_drop(bpy.context)
        # The menu that Blender shows after a drop where there is more than one way to open it.
        bpy.ops.wm.drop_import_file(
            "INVOKE_DEFAULT", directory=str(path.parent), files=[{"name": path.name}]
        )
    yield 0.5
    yield from picture("8-dropped")
    yield from ask(xdotool=["key", "Escape"])
    yield 0.3
    notes["after the drop"] = sorted({item.name for item in bpy.data.objects} - names)


def voxels() -> Steps:
    """A blocky mesh of two cubes."""
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    window = bpy.context.window_manager.windows[0]
    area, _ = sidebar()
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 0, 0.5))
    bpy.context.view_layer.objects.active.name = "Blocks"
    choices = bpy.context.scene.onet
    choices.input_kind = "VOXELS"
    choices.model, choices.quality, choices.source = "cube_voxels", "DRAFT", None
    sidebar()[0].tag_redraw()
    yield 0.5
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and len(bpy.data.objects) == 2
    yield 0.3
    made = bpy.context.view_layer.objects.active
    notes["voxels"] = {"name": made.name, "faces": len(made.data.polygons)}
    yield from picture("9-voxels")
