"""Masks that are made here, over a picture as Blender shows it."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

# A mask's mark: the picture that it lies over, pixel by pixel, whatever the picture's EXIF says.
OVER = "onet_mask_of"
# The mark of a copy whose transparency is the mask, even where all of it is opaque.
BY_ALPHA = "onet_mask_by_alpha"


def is_own(mask: bpy.types.Image) -> bool:
    """Whether a mask was made here."""
    return OVER in mask


def mask_image(picture: bpy.types.Image, mask: NDArray[np.uint8]) -> bpy.types.Image:
    """A mask (H, W), first row on top, as an image in this file, white where the object is."""
    grey = mask[::-1, :, None].astype(np.float32) / np.float32(255)
    rgba = np.concatenate([grey, grey, grey, np.ones_like(grey)], axis=2)
    return _made(f"{picture.name} mask", picture, rgba)


def cut_out_image(
    picture: bpy.types.Image, pixels: NDArray[np.uint8], mask: NDArray[np.uint8] | None
) -> bpy.types.Image:
    """A copy of the picture to erase the background of: pixels (H, W, 4), first row on top.

    mask: what is taken for the object so far, of any size; None for all of it.
    """
    rgba = pixels[::-1].astype(np.float32) / np.float32(255)
    if mask is not None:
        rgba[..., 3] = _resized(mask, pixels.shape[:2])[::-1] / 255
    made = _made(f"{picture.name} cut out", picture, rgba)
    made[BY_ALPHA] = True
    return made


def _resized(mask: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The nearest value of a mask at each pixel of another size."""
    rows, columns = (
        (np.arange(wanted) + 0.5) * given // wanted
        for wanted, given in zip(shape, mask.shape, strict=True)
    )
    return mask[rows.astype(int)[:, None], columns.astype(int)].astype(np.float32)


def _made(name: str, picture: bpy.types.Image, rgba: NDArray[np.float32]) -> bpy.types.Image:
    """An image of these pixels (H, W, 4), the one that was made for the picture before if it is."""
    height, width = rgba.shape[:2]
    made = bpy.data.images.get(name)
    if made is None or made.get(OVER) != picture.name or tuple(made.size) != (width, height):
        made = bpy.data.images.new(name, width, height, alpha=True)
        made[OVER] = picture.name
    # What was multiplied with nothing could not be painted back.
    made.alpha_mode = "CHANNEL_PACKED"
    made.pixels.foreach_set(np.ascontiguousarray(rgba, dtype=np.float32).ravel())
    made.update()
    # So that it is saved with the file.
    made.pack()
    return made
