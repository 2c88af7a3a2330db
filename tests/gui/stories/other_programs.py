"""What comes from elsewhere: a render, a dropped file, a checkpoint."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import bpy
import numpy as np
from hands import (
    FOLDER,
    MODULE,
    Steps,
    ask,
    busy,
    extension,
    message,
    notes,
    open_tab,
    picture,
    sidebar,
    stalls,
    use_runtime,
    watch_everything,
)


def scenario() -> Steps:
    use_runtime()
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    yield from open_tab()
    watch_everything()
    yield from rendered()
    yield from dropped()
    yield from converted()
    notes["worker"] = extension("runtime.engine_session").process_id()


def rendered() -> Steps:
    """What Blender has rendered, in the size of a film."""
    scene = bpy.context.scene
    window = bpy.context.window_manager.windows[0]
    area, region = sidebar()
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.object.camera_add(location=(0, -5, 0), rotation=(1.57, 0, 0))
        scene.camera = bpy.context.object
        scene.render.engine, scene.render.film_transparent = "CYCLES", True
        scene.cycles.samples, scene.cycles.use_denoising = 1, False
        scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
        bpy.ops.render.render()
    for _ in range(2):
        # The first time in a session Blender reads the view transform, which takes 0.1 s.
        stalls.longest.clear()
        scene.onet.picture = None
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.onet.use_render("INVOKE_DEFAULT")
        yield lambda: not busy() and scene.onet.picture is not None
    stalls.note("use the render")
    kept = scene.onet.picture
    notes["render"] = {"size": list(kept.size), "kind": scene.onet.input_kind}
    yield from picture("0-render")
    scene.onet.picture = None
    bpy.data.objects.remove(scene.camera)


def dropped() -> Steps:
    """Another program drops a scan on the 3D view; of the ways to open it ours is chosen."""
    path = FOLDER / "dropped.ply"
    points = np.random.default_rng(1).uniform(-1, 1, (300, 3))
    header = "ply\nformat ascii 1.0\nelement vertex 300\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    path.write_text(header + "\n".join(" ".join(map(str, row)) for row in points) + "\n")
    choices = bpy.context.scene.onet
    choices.input_kind, choices.model = "POINTS", "cube_points"
    names = {item.name for item in bpy.data.objects}
    area, _ = sidebar()
    top = bpy.context.window_manager.windows[0].height - 1
    place = int(area.x + area.width / 3), int(top - area.y - area.height / 2)
    yield from ask(xdotool=["mousemove", *place])
    yield from ask(offer=[path, *place])
    yield 1.0
    yield from picture("2-dropped")
    # The letter of the menu's line "ONet from File".
    yield from ask(xdotool=["key", "o"])
    yield lambda: not busy() and len(bpy.data.objects) == len(names) + 2
    yield 0.3
    notes["dropped"] = sorted({item.name for item in bpy.data.objects} - names)
    yield from picture("3-from-the-drop")


def converted() -> Steps:
    """A checkpoint of the original code, chosen in the file dialog."""
    folder = FOLDER / "models"
    folder.mkdir()
    for path in Path(os.environ["TEST_MODELS"]).glob("*.safetensors"):
        shutil.copy(path, folder)
    preferences = bpy.context.preferences
    preferences.addons[MODULE].preferences.model_folder = str(folder)
    # In the same window, where the mouse finds it.
    preferences.view.filebrowser_display_type = "SCREEN"
    window = bpy.context.window_manager.windows[0]
    area, region = sidebar()
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.onet.import_model("INVOKE_DEFAULT")
    yield 1.0
    (browser,) = [area for area in window.screen.areas if area.type == "FILE_BROWSER"]
    chosen = browser.spaces.active.params
    chosen.directory = os.environ["TEST_MODELS"].encode()
    yield 0.5
    chosen.filename = "original.pt"
    browser.tag_redraw()
    yield 0.5
    yield from picture("4-dialog")
    yield from ask(xdotool=["mousemove", browser.width // 2, browser.height // 2])
    yield from ask(xdotool=["key", "Return"])
    yield lambda: not busy() and message("onet.import_model")
    notes["converted"] = message("onet.import_model")
    notes["models"] = sorted(path.name for path in folder.iterdir())
    notes["offered"] = [item[0] for item in extension("properties.model_list").model_items("NONE")]
    yield 0.5
    yield from picture("5-converted")
