"""LAS and LAZ, the exchange formats of laser scanning, by laspy (LAZ by lazrs)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...errors import InputError
from ..content import Content
from ..limits import MOST_POINTS, MOST_UNPACKED, assert_file, bounded, optional_package
from .tables.columns import as_colours

# Bytes of the header of versions 1.0 to 1.2 and of 1.4, and the least of records about points.
_SHORTEST_HEADER, _LONGEST_HEADER = 227, 375
_RECORD, _EXTENDED_RECORD = 54, 60
# Packed points that differ take two bytes and more; many more of them are copies of one.
_FEW, _MOST_OF_A_BYTE = 1_000_000, 16
# The byte of the header with the kind of points, and the bit in it that says that they are packed.
_FORMAT, _PACKED = 104, 0x80
# By the standard: low points and high noise.
_NOISE = (7, 18)


def read(path: Path, kind: str) -> Content:
    """The points in the file's own units with their colours, without noise and deleted ones."""
    assert_file(path)
    _assert_described(path)
    laspy = optional_package("laspy", "laspy[lazrs]", path.name)
    try:
        # The parallel reader takes memory for what a table of chunks claims, and ends the process
        # where there is none.
        with laspy.open(path, laz_backend=laspy.LazBackend.Lazrs) as reader:
            size = path.stat().st_size
            most = min(MOST_POINTS, max(_FEW, _MOST_OF_A_BYTE * size))
            count = bounded(path.name, "points", int(reader.header.point_count), most)
            records = reader.header.point_format.size
            bounded(path.name, "bytes", count * records, max(MOST_UNPACKED, 40 * size))
            if path.suffix.lower() == ".las" and count * records > size:
                raise InputError(
                    "{name} announces {count:,} points and holds fewer: it is cut off.",
                    name=path.name, count=count,
                )  # fmt: skip
            las = reader.read()
            points = np.stack([np.asarray(axis) for axis in (las.x, las.y, las.z)], axis=1)
            names = set(las.point_format.dimension_names)
            colours = None
            if {"red", "green", "blue"} <= names and len(points):
                colours = as_colours(np.stack([las.red, las.green, las.blue], axis=1))
                if colours is not None and not colours.any():
                    colours = None
            noise = np.isin(np.asarray(las.classification), _NOISE)
            noise |= np.asarray(las.withheld, dtype=bool)
    except InputError:
        raise
    except BaseException as error:  # lazrs panics with an exception that is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise InputError("{name} is damaged or not a LAS file.", name=path.name) from error
    content = Content(points.astype(np.float64), colours=colours)
    if noise.any() and not noise.all():
        content = content.only(~noise).noting(
            "{count:,} points that the file marks as noise or deleted were left out",
            count=int(np.count_nonzero(noise)),
        )
    return content


def _assert_described(path: Path) -> None:
    """Raises InputError where a header claims more records about the points than there is room.

    The library would read them all, billions of empty ones beyond the file's end, or take memory
    for all of the chunks that packed points are said to have.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEADER)
        if len(head) < _SHORTEST_HEADER:
            return
        header, points, count = struct.unpack_from("<HII", head, 94)
        if head[_FORMAT] & _PACKED:
            bounded(path.name, "chunks", _chunks(file, points, size), size)
    bounded(path.name, "records", count, max(0, size - header) // _RECORD)
    if len(head) >= _LONGEST_HEADER and head[25] >= 4:
        start, extended = struct.unpack_from("<QI", head, 235)
        bounded(path.name, "records", extended, max(0, size - start) // _EXTENDED_RECORD)


def _chunks(file: BinaryIO, points: int, size: int) -> int:
    """How many chunks the packed points of a file of `size` bytes are said to have; 0 if unsaid.

    points: where these begin, with the place of the table of chunks, which may be at the end.
    """
    for place in (points, size - 8):
        file.seek(max(0, place))
        where = int.from_bytes(file.read(8), "little", signed=True)
        if where >= 0:
            file.seek(min(where + 4, size))
            return int.from_bytes(file.read(4), "little")
    return 0
