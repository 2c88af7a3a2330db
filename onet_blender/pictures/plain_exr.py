"""OpenEXR files as Blender writes them without compression, read without Blender.

Blender reads them in its main thread, at 1920 x 1080 for 30 to 100 ms. Layout as in the format's
documentation, "OpenEXR File Layout": one part of scan lines, all channels in single precision.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

MAGIC, VERSION = 20000630, 2
# Of the flags beside the version those that mean tiles, deep data and several parts.
OTHER_LAYOUTS = 0x200 | 0x800 | 0x1000
BOX, CHANNEL = struct.Struct("<4i"), struct.Struct("<iB3xii")
FLOAT, NO_COMPRESSION, FROM_THE_TOP = 2, b"\0", b"\0"
BYTES_OF_AN_OFFSET = 8


def read_rgba(content: bytes) -> NDArray[np.float32]:
    """The pixels (H, W, 4) of a file, first row on top.

    Raises ValueError for files of other kinds.
    """
    attributes, start = _attributes(content)
    left, top, right, bottom = BOX.unpack(attributes["dataWindow"])
    width, height, names = right - left + 1, bottom - top + 1, _channels(attributes["channels"])
    plain = attributes["compression"] == NO_COMPRESSION
    if not plain or attributes["lineOrder"] != FROM_THE_TOP or set(names) != set("RGBA"):
        raise ValueError("not a plain EXR")
    line = np.dtype([("head", "V8"), ("values", "<f4", (len(names), width))])
    lines = np.frombuffer(content, line, height, start + BYTES_OF_AN_OFFSET * height)
    return np.stack([lines["values"][:, names.index(name)] for name in "RGBA"], axis=-1)


def _attributes(content: bytes) -> tuple[dict[str, bytes], int]:
    """The header's attributes by name, and where it ends."""
    magic, version = struct.unpack_from("<II", content)
    if magic != MAGIC or version & 0xFF != VERSION or version & OTHER_LAYOUTS:
        raise ValueError("not a plain EXR")
    found, place = {}, 8
    while content[place]:
        name_end = content.index(0, place)
        type_end = content.index(0, name_end + 1)
        (size,) = struct.unpack_from("<i", content, type_end + 1)
        value = type_end + 5
        found[content[place:name_end].decode()] = content[value : value + size]
        place = value + size
    return found, place + 1


def _channels(described: bytes) -> list[str]:
    """The names of the channels, in their order; raises ValueError for other numbers."""
    names, place = [], 0
    while described[place]:
        end = described.index(0, place)
        kind, _, x_step, y_step = CHANNEL.unpack_from(described, end + 1)
        if (kind, x_step, y_step) != (FLOAT, 1, 1):
            raise ValueError("not a plain EXR")
        names.append(described[place:end].decode())
        place = end + 1 + CHANNEL.size
    return names
