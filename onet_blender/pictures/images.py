"""Blender's images: their pixels, where they come from, and what the network sees of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

from onet_core.engine.protocol import Arrays
from onet_core.errors import InputError

from ..scene.pieces import Pieces, in_background
from ..scene.scene_io import srgb
from .files import content_in_pieces, is_pipe, needs_no_decoding
from .masks import BY_ALPHA, is_own

SEEN = "seen"

# Previews belong to the session, not to the file.
_previews: Any = None


def assert_readable(image: bpy.types.Image) -> None:
    """Raises InputError for films, tiled images, render results, and images without pixels.

    Of a file that the worker will read only the first bytes are looked at.
    """
    assert_still(image)
    if not needs_no_decoding(image):
        assert_has_pixels(image)


def assert_still(image: bpy.types.Image) -> None:
    """Raises InputError for films, tiled images, render results and files that are pipes."""
    if image.source == "FILE" and image.packed_file is None and is_pipe(image):
        raise InputError(
            "The file of the picture {name} is no file but a pipe or a device.", name=image.name
        )
    if image.type == "RENDER_RESULT":
        raise InputError("A render result can't be read as it is: choose Use the Render.")
    if image.source in ("MOVIE", "SEQUENCE"):
        raise InputError(
            "The picture {name} is animated: save the frame that you want as a picture of its own.",
            name=image.name,
        )
    if image.source == "TILED":
        raise InputError(
            "The picture {name} is made of tiles (UDIM): choose a picture in one piece.",
            name=image.name,
        )


def assert_has_pixels(image: bpy.types.Image) -> None:
    """Raises InputError for images without pixels; Blender decodes the file for that."""
    if image.size[0] * image.size[1] == 0:
        raise InputError(
            "The picture {name} has no pixels: its file is gone, or Blender can't read what is in "
            "it.",
            name=image.name,
        )


def pixels_in_pieces(image: bpy.types.Image) -> Pieces[NDArray[np.uint8]]:
    """The pixels (H, W, 4) of an image, sRGB with straight alpha, first row on top.

    Only decoding and copying are Blender's; copying takes 30 ms for 12 megapixels, and above 18
    more than 50. Raises InputError for a film or an image without pixels.
    """
    assert_still(image)
    assert_has_pixels(image)
    (width, height), channels, is_float = image.size, image.channels, image.is_float
    # Memory that nobody has written to yet takes longer to be had than to be filled.
    memory = in_background(lambda: np.full(width * height * channels, 0, np.float32))
    yield memory
    values = memory.result()
    if len(image.pixels) != len(values):
        raise InputError("The picture {name} has changed: try again.", name=image.name)
    image.pixels.foreach_get(values)
    found = in_background(lambda: _as_bytes(values.reshape(height, width, channels), is_float))
    yield found
    return found.result()


def _as_bytes(values: NDArray[np.float32], is_float: bool) -> NDArray[np.uint8]:
    """Blender's pixels (H, W, channels), which begin with the lowest row, as sRGB bytes."""
    height, width, channels = values.shape
    values = np.nan_to_num(values[::-1])
    colour, alpha = values[..., :3], np.ones((height, width, 1), dtype=np.float32)
    if channels < 3:  # grey, perhaps with alpha
        colour = np.repeat(values[..., :1], 3, axis=2)
    if channels in (2, 4):
        alpha = np.clip(values[..., -1:], 0, 1)
    if is_float:
        # Scene linear and multiplied with alpha; a viewer would show it as sRGB.
        colour = srgb(colour / np.where(alpha > 0, alpha, np.float32(1)))
    return np.rint(np.clip(np.concatenate([colour, alpha], axis=2), 0, 1) * 255).astype(np.uint8)


def mask_in_pieces(image: bpy.types.Image) -> Pieces[NDArray[np.uint8]]:
    """A mask (H, W), 255 is object: by the image's alpha if it has any, else by brightness.

    Raises what `pixels_in_pieces` raises.
    """
    pixels = yield from pixels_in_pieces(image)
    is_by_alpha = BY_ALPHA in image
    mask = in_background(lambda: _as_mask(pixels, is_by_alpha))
    yield mask
    return mask.result()


def _as_mask(pixels: NDArray[np.uint8], is_by_alpha: bool) -> NDArray[np.uint8]:
    if is_by_alpha or pixels[..., 3].min() < 250:
        return pixels[..., 3]
    # As the worker does it, see `onet_core.inputs.pictures.mask_of_pixels`: the luma of BT.601.
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)
    return (pixels[..., :3] @ weights + 0x8000 >> 16).astype(np.uint8)


def arrays_in_pieces(image: bpy.types.Image, mask: bpy.types.Image | None) -> Pieces[Arrays]:
    """What the worker gets of a picture and its mask. Raises what `pixels_in_pieces` raises.

    Their files, where it makes the same of them as Blender, see `picture_files`; else pixels.
    """
    arrays = yield from _file_or("pixels", image, pixels_in_pieces)
    if mask is not None and is_own(mask):
        # It lies over the picture as Blender shows it, and is turned with it.
        arrays["mask"] = yield from mask_in_pieces(mask)
    elif mask is not None:
        arrays |= yield from _file_or("mask", mask, mask_in_pieces)
    return arrays


def _file_or(
    name: str,
    image: bpy.types.Image,
    read: Callable[[bpy.types.Image], Pieces[NDArray[np.uint8]]],
) -> Pieces[Arrays]:
    assert_still(image)
    content = yield from content_in_pieces(image)
    if content is not None:
        return {f"{name}_file": content}
    return {name: (yield from read(image))}


def picture_of(item: bpy.types.Object | None) -> bpy.types.Image | None:
    """The image that an empty shows."""
    shows = item is not None and item.type == "EMPTY" and item.empty_display_type == "IMAGE"
    return item.data if item is not None and shows else None


def shown_picture(context: bpy.types.Context) -> bpy.types.Image | None:
    """The image of the active image empty, else of the image editor that one is in, else of one."""
    active = picture_of(context.active_object)
    if active is not None:
        return active
    areas = [context.area] if context.area is not None else []
    for _, area in _image_editors(context):
        areas.append(area)
    for area in areas:
        if area.type == "IMAGE_EDITOR" and area.spaces.active.image is not None:
            return area.spaces.active.image
    return None


def _image_editors(context: bpy.types.Context) -> list[tuple[bpy.types.Window, bpy.types.Area]]:
    return [
        (window, area)
        for window in context.window_manager.windows
        for area in window.screen.areas
        if area.type == "IMAGE_EDITOR"
    ]


def pasted(context: bpy.types.Context) -> bpy.types.Image | None:
    """The clipboard's picture as an image in this file, None where there is none.

    Blender pastes pictures into an image editor only: where there is none, an area is one for a
    moment. On X11 (not on Wayland) it finds no pictures.
    """
    editors = _image_editors(context)
    window, area = editors[0] if editors else (context.window, context.window.screen.areas[0])
    kind = area.ui_type
    before = set(bpy.data.images)
    try:
        if not editors:
            area.type = "IMAGE_EDITOR"
        shown = area.spaces.active.image
        with context.temp_override(window=window, area=area, region=area.regions[-1]):
            if bpy.ops.image.clipboard_paste.poll():
                bpy.ops.image.clipboard_paste()
        area.spaces.active.image = shown
    except RuntimeError:
        return None  # Blender's way to say that there is no picture
    finally:
        if not editors:
            area.ui_type = kind
    made = next((image for image in bpy.data.images if image not in before), None)
    if made is not None:
        made.pack()
    return made


@contextmanager
def folder_for_files() -> Iterator[Path]:
    """A folder for a picture's file; raises InputError where nothing can be written."""
    try:
        with tempfile.TemporaryDirectory(prefix="onet-") as folder:
            yield Path(folder)
    except OSError as error:
        raise InputError(
            "The picture can't be put among the temporary files: {error}.", error=error.strerror
        ) from error


def packed(path: Path) -> bpy.types.Image:
    """A picture's file as an image that needs the file no more."""
    made = bpy.data.images.load(str(path))
    made.pack()
    made.filepath = ""
    return made


def show_seen(pixels: NDArray[np.uint8]) -> None:
    """Keeps what the network sees, (S, S, 3) with the first row on top, for the panel to show."""
    global _previews
    if _previews is None:
        _previews = bpy.utils.previews.new()
    _previews.clear()
    preview = _previews.new(SEEN)
    size = len(pixels)
    preview.image_size = (size, size)
    rgba = np.concatenate([pixels[::-1], np.full((size, size, 1), 255, dtype=np.uint8)], axis=2)
    preview.image_pixels_float.foreach_set((rgba / 255).astype(np.float32).ravel())


def seen_icon() -> int:
    """The number of the icon with what the network sees, 0 where nothing is known."""
    return _previews[SEEN].icon_id if _previews else 0


def forget_seen() -> None:
    """Lets go of the preview."""
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
