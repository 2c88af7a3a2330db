"""Files of bare numbers: .bin clouds of KITTI and COLMAP, .raw volumes whose name states a size."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...sentences import Sentence
from ..content import Content
from ..limits import MOST_CELLS, bounded, read_bytes
from ..volumes import VoxelGrid

# Scanners of cars see no farther, in metres.
_FARTHEST = 2000.0
_COLMAPS_POINT = np.dtype(
    [("number", "<u8"), ("place", "<f8", 3), ("colour", "u1", 3), ("error", "<f8"), ("seen", "<u8")]
)
_SIZE = re.compile(r"(\d+)[x_\-](\d+)[x_\-](\d+)")
_TYPES = {
    "uint8": "u1", "u8": "u1", "int8": "i1", "uint16": "<u2", "u16": "<u2", "int16": "<i2",
    "float32": "<f4", "f32": "<f4", "float": "<f4", "float64": "<f8", "double": "<f8",
}  # fmt: skip


def read(path: Path, kind: str) -> Content:
    content = read_bytes(path)
    if path.suffix.lower() == ".raw":
        return _volume(content, path)
    return _colmap(content) or _sweep(content, path.name)


def _colmap(content: bytes) -> Content | None:
    """COLMAP's points3D.bin: each point with its colour and the pictures that see it; else None.

    A count, and for each point its number, x, y, z, colour, error, the length of a list and that.
    """
    if len(content) < 8 + _COLMAPS_POINT.itemsize:
        return None
    count = int.from_bytes(content[:8], "little")
    if not 0 < count <= (len(content) - 8) // _COLMAPS_POINT.itemsize:
        return None
    place, starts = 8, np.empty(count, dtype=np.int64)
    for number in range(count):
        starts[number] = place
        end = place + _COLMAPS_POINT.itemsize
        place = end + 8 * int.from_bytes(content[end - 8 : end], "little")
        if place > len(content):
            return None
    if place != len(content):
        return None
    width = np.arange(_COLMAPS_POINT.itemsize)
    rows = np.frombuffer(content, np.uint8)[starts[:, None] + width].view(_COLMAPS_POINT)[:, 0]
    return Content(rows["place"].astype(np.float64), colours=np.array(rows["colour"]))


def _sweep(content: bytes, name: str) -> Content:
    """x, y, z and reflectance in single precision; some datasets add the laser's number."""
    if len(content) % 4 == 0 and content:
        numbers = np.frombuffer(content, "<f4")
        for width in (4, 5, 6, 3):
            if len(numbers) % width:
                continue
            rows = numbers.reshape(-1, width)
            # Any six numbers are two points, unless only the first three go below zero.
            is_two = width == 6 and not rows[:, 3:].min() >= 0 > rows[:, :3].min()
            if not is_two and _is_sweep(rows):
                found = Content(rows[:, :3].astype(np.float64))
                if width == 4:
                    return found
                return found.noting("Its rows were taken for {width} numbers each", width=width)
    raise InputError(
        "{name} is not a point cloud of KITTI's kind: rows of x, y, z and reflectance, 32-bit "
        "numbers.",
        name=name,
    )


def _is_sweep(rows: NDArray[np.float32]) -> bool:
    if len(rows) < 4:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        places = rows[np.isfinite(rows[:, :3]).all(axis=1)]
        if len(places) < 0.5 * len(rows) or np.abs(places[:, :3]).max() > _FARTHEST:
            return False
        if not (np.ptp(places[:, :3], axis=0) > 1e-6).any():
            return False
        # Numbers that are nearly zero by chance are bits of something else.
        tiny = (np.abs(places[:, :3]) < 1e-20) & (places[:, :3] != 0)
        if np.count_nonzero(tiny) > 0.01 * tiny.size:
            return False
        rest = places[:, 3:]
        return rest.size == 0 or (rest[:, 0].min() >= 0 and rest.max() <= 65535)


def _volume(content: bytes, path: Path) -> Content:
    """Cells of a volume, x running fastest; its size is in the name or it is a cube."""
    stated = _SIZE.search(path.stem)
    named = [_TYPES[word] for word in re.split(r"[^a-z0-9]+", path.stem.lower()) if word in _TYPES]
    if stated is not None:
        shape = tuple(int(number) for number in stated.groups())
        cells = bounded(path.name, "cells", int(np.prod(shape, dtype=object)), MOST_CELLS)
        sizes = {1: "u1", 2: "<u2", 4: "<f4", 8: "<f8"}
        size, rest = divmod(len(content), cells) if cells else (0, 1)
        kind = named[0] if named else sizes.get(size, "")
        if rest or not kind or np.dtype(kind).itemsize != size:
            raise InputError(
                "{name} has {size:,} bytes, which is not {shape} cells of its type.",
                name=path.name, size=len(content), shape=" x ".join(map(str, shape)),
            )  # fmt: skip
        said = Sentence(
            "Its name says {shape} cells, x running fastest", shape=" x ".join(map(str, shape))
        )
    else:
        for kind in named or ("u1", "<u2", "<f4"):
            edge = round((len(content) / np.dtype(kind).itemsize) ** (1 / 3))
            if edge > 1 and edge**3 * np.dtype(kind).itemsize == len(content):
                break
        else:
            raise InputError(
                "{name} does not say its size: put it into its name, such as "
                "scan_256x256x113_uint8.raw.",
                name=path.name,
            )
        bounded(path.name, "cells", edge**3, MOST_CELLS)
        shape = (edge, edge, edge)
        said = Sentence(
            "It was taken for a cube of {shape} cells; a name such as scan_64x64x32_uint8.raw says "
            "otherwise",
            shape=" x ".join(map(str, shape)),
        )
    values = np.frombuffer(content, kind).reshape(shape[::-1]).transpose(2, 1, 0)
    grid, notes = VoxelGrid.with_notes(values, path.name)
    return Content(grid=grid, notes=(said, *notes))
