"""A box drawn with the mouse in the image editor becomes the picture's mask."""

from __future__ import annotations

import bpy
import numpy as np
from hands import Steps, ask, busy, extension, message, notes, picture, point, use_runtime

# Left, top, right and bottom of the box, as shares of the picture.
BOX = (0.3, 0.25, 0.7, 0.75)


def scenario() -> Steps:
    yield from boxed()
    yield from looked_at()


def looked_at() -> Steps:
    """What the network will see of another picture comes by itself once that is chosen."""
    image = bpy.data.images.new("Card", 320, 240)
    pixels = np.ones((240, 320, 4), dtype=np.float32)
    pixels[60:180, 100:220] = (0.1, 0.5, 0.2, 1)
    image.pixels.foreach_set(pixels.ravel())
    choices = bpy.context.scene.onet
    choices.mask, choices.picture = None, image
    area = next(
        one
        for one in bpy.context.window_manager.windows[0].screen.areas
        if one.type == "IMAGE_EDITOR"
    )
    area.spaces.active.image = image
    yield lambda: "removed" in message("onet.look")
    area.tag_redraw()
    yield 0.5
    yield from picture("4-by-itself")
    notes["seen"] = message("onet.look")


def boxed() -> Steps:
    use_runtime()
    image = bpy.data.images.new("Street", 320, 240)
    pixels = np.random.default_rng(0).random((240, 320, 4)).astype(np.float32)
    pixels[50:200, 80:240] = 1
    pixels[90:170, 120:200] = (0.8, 0.1, 0.1, 1)
    pixels[..., 3] = 1
    image.pixels.foreach_set(pixels.ravel())
    window = bpy.context.window_manager.windows[0]
    area = next(one for one in window.screen.areas if one.type == "VIEW_3D")
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = image
    area.spaces.active.show_region_ui = True
    yield 1.0
    side = next(region for region in area.regions if region.type == "UI")
    yield lambda: side.active_panel_category != "UNSUPPORTED"
    side.active_panel_category = "ONet"
    area.tag_redraw()
    yield 0.5
    yield from picture("1-before")
    canvas = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=canvas):
        bpy.ops.onet.mask_box("INVOKE_DEFAULT")
    left, top, right, bottom = BOX
    corners = []
    for x, y in ((left, 1 - top), (right, 1 - bottom)):
        across, up = canvas.view2d.view_to_region(x, y, clip=False)
        corners.append((canvas.x + across, canvas.y + up))
    yield from point(*corners[0])
    yield from ask(xdotool=["mousedown", 1])
    yield from point(*corners[1])
    yield from picture("2-drawing")
    yield from ask(xdotool=["mouseup", 1])
    yield lambda: not busy() and message("onet.mask_box")
    choices = bpy.context.scene.onet
    notes["worker"] = extension("runtime.engine_session").process_id()
    notes["message"] = message("onet.mask_box")
    notes["picture"] = choices.picture.name
    shown = np.empty(len(choices.mask.pixels), dtype=np.float32)
    choices.mask.pixels.foreach_get(shown)
    rows, columns = np.nonzero(shown.reshape(240, 320, 4)[..., 0] > 0.5)
    notes["mask"] = [int(n) for n in (columns.min(), rows.min(), columns.max(), rows.max())]
    area.tag_redraw()
    yield 0.5
    yield from picture("3-after")
