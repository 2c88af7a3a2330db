"""How a picture file's EXIF turns it. Blender does not look at that; the worker does."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .kinds import JPEG, MOST_EXIF, MOST_TAGS, ORDERS_OF_TIFF, ORIENTATION, PNG, tags_of_tiff

UPRIGHT = 1
EXIF_IN_JPEG, EXIF_MARKER, SCAN_MARKER = b"Exif\0\0", 0xE1, 0xDA

Pixels = NDArray[np.floating]
# What brings pixels (H, W, C), the first row on top, upright, by the number that EXIF gives.
TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels.swapaxes(0, 1)[::-1, ::-1],
    8: lambda pixels: np.rot90(pixels),
}


def orientation(file: BinaryIO) -> int:
    """The number 1 to 8 that EXIF gives an open JPEG, PNG, WebP or TIFF; 1, upright, without."""
    exif = _exif(file)
    order = ORDERS_OF_TIFF.get(exif[:4])
    if order is None or len(exif) < 8:
        return UPRIGHT
    inner = io.BytesIO(exif)
    inner.seek(struct.unpack_from(order + "I", exif, 4)[0])
    found = tags_of_tiff(inner, order).get(ORIENTATION, [UPRIGHT])
    return found[0] if len(found) == 1 and found[0] in TURNS else UPRIGHT


def _exif(file: BinaryIO) -> bytes:
    """The EXIF of an open file, which has the form of a TIFF; empty where there is none."""
    head = file.read(12)
    if head[:4] in ORDERS_OF_TIFF:
        file.seek(0)
        return file.read(MOST_EXIF)
    if head.startswith(JPEG):
        return _exif_of_jpeg(file)
    if head.startswith(PNG):
        return _of_chunks(file, len(PNG), ">I4s", b"eXIf", 4)
    if head.startswith(b"RIFF") and head[8:] == b"WEBP":
        found = _of_chunks(file, len(head), "<4sI", b"EXIF", 0)
        return found.removeprefix(EXIF_IN_JPEG)
    return b""


def _exif_of_jpeg(file: BinaryIO) -> bytes:
    place = 2
    for _ in range(MOST_TAGS):
        file.seek(place)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] == SCAN_MARKER:
            return b""
        size = struct.unpack_from(">H", head, 2)[0]
        if head[1] == EXIF_MARKER:
            content = file.read(size - 2)
            if content.startswith(EXIF_IN_JPEG):
                return content.removeprefix(EXIF_IN_JPEG)
        place += 2 + size
    return b""


def _of_chunks(file: BinaryIO, place: int, form: str, wanted: bytes, check: int) -> bytes:
    """The content of the chunk of that name. form: of a chunk's head; check: bytes after each."""
    for _ in range(MOST_TAGS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return b""
        parts = struct.unpack(form, head)
        size, name = parts if isinstance(parts[0], int) else parts[::-1]
        if name == wanted:
            return file.read(min(size, MOST_EXIF))
        place += 8 + size + check + (size % 2 if check == 0 else 0)
    return b""
