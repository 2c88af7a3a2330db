"""Thumbnails of pictures that EXIF turns: Blender draws them lying, here they are set upright.

Blender makes a thumbnail when it first shows one, beside the interface. A timer waits for it.
"""

from __future__ import annotations

import io
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from onet_core.files import is_special

from ..scene.pieces import in_background
from .files import is_stored
from .orientation import TURNS, UPRIGHT, orientation

SECONDS_BETWEEN_LOOKS = 0.2
# A thumbnail that nobody looks at is never made.
MOST_LOOKS = 300


@dataclass
class _Waiting:
    """The picture whose thumbnail is waited for: its name, its turn, and looks taken so far."""

    name: str
    turn: Future[int]
    looks: int = 0


_waiting: _Waiting | None = None


def keep_upright(image: bpy.types.Image | None) -> None:
    """Has a picture's thumbnail stand upright as soon as there is one."""
    global _waiting
    _waiting = None
    if image is None or bpy.app.background or not is_stored(image):
        return
    path = None if image.packed_file is not None else Path(image.filepath_from_user())
    content = image.packed_file.data if image.packed_file is not None else b""
    _waiting = _Waiting(image.name, in_background(lambda: _turn(path, content)))
    if not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=SECONDS_BETWEEN_LOOKS)


def _turn(path: Path | None, content: bytes) -> int:
    if path is None:
        return orientation(io.BytesIO(content))
    if is_special(path):
        return UPRIGHT
    try:
        with path.open("rb") as file:
            return orientation(file)
    except OSError:
        return UPRIGHT


def _look() -> float | None:
    global _waiting
    waiting = _waiting
    if waiting is None:
        return None
    if not waiting.turn.done():
        return SECONDS_BETWEEN_LOOKS
    image = bpy.data.images.get(waiting.name)
    waiting.looks += 1
    if (
        image is None
        or waiting.turn.result() == UPRIGHT
        or waiting.looks > MOST_LOOKS
        or set_upright(image, waiting.turn.result())
    ):
        _waiting = None
        return None
    return SECONDS_BETWEEN_LOOKS


def set_upright(image: bpy.types.Image, turn: int) -> bool:
    """Turns the thumbnail of an image; whether it stands upright now. turn: EXIF's number.

    One that is turned already counts as made by hand, so that Blender leaves it, and stays.
    """
    preview = image.preview
    if preview is None or not preview.image_size[0]:
        return False
    if preview.is_image_custom:
        return True
    width, height = preview.image_size
    values = np.empty(width * height * 4, dtype=np.float32)
    preview.image_pixels_float.foreach_get(values)
    if not values.any():
        return False
    turned: NDArray[np.floating] = TURNS[turn](values.reshape(height, width, 4)[::-1])
    preview.image_size = turned.shape[1], turned.shape[0]
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(turned[::-1]).ravel())
    return True


def register() -> None:
    """Nothing to do before there is a picture."""


def unregister() -> None:
    """Waits for no thumbnail any more."""
    global _waiting
    _waiting = None
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
