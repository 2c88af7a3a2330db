"""The PCD format of the Point Cloud Library: ascii, binary and LZF-compressed binary.

Written from the format's description (pointclouds.org, "The PCD file format").
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Damage, InputError
from ..content import Content, seen_from
from ..limits import MOST_POINTS, MOST_UNPACKED, bounded, read_bytes, reason_of
from .tables.columns import (
    as_colours,
    as_normals,
    colour_columns,
    coordinate_columns,
    normal_columns,
)

_PACKED = ("rgb", "rgba")


def read(path: Path, kind: str) -> Content:
    """The points with their normals and colours, and without normals the ways to where they were
    seen from: programs turn normals to there.

    Colours are a field rgb of 32 bits, blue lowest, or fields r, g and b.
    """
    return parse_pcd(read_bytes(path), path.name)


def parse_pcd(content: bytes, name: str) -> Content:
    """A file's content; raises InputError, with `name`, for damaged content.

    A packed colour has 32 bits whatever type it is declared as.
    """
    try:
        header, body = _split(content)
        fields = header["FIELDS"]
        axes = coordinate_columns(fields)
        if axes is None:
            raise Damage("it has no fields x, y and z")
        painted = [i for i, field in enumerate(fields) if field.lower() in _PACKED][:1]
        painted = painted or colour_columns(fields) or []
        looking = normal_columns(fields) or []
        # Some NaN patterns make NumPy warn when they are cast; they are left out later.
        with np.errstate(invalid="ignore"):
            columns = _columns(header, body, [*axes, *looking, *painted], name)
            points = np.stack([column.astype(np.float64) for column in columns[:3]], axis=1)
            normals = as_normals(np.stack(columns[3:6], axis=1)) if looking else None
            columns = columns[3 + len(looking) :]
            colours = None
            if len(painted) == 1:
                bits = np.nan_to_num(columns[0]).astype(np.int64)
                channels = [bits >> shift & 255 for shift in (16, 8, 0)]
                colours = np.stack(channels, axis=1).astype(np.uint8)
            elif painted:
                colours = as_colours(np.stack(columns, axis=1))
    except (KeyError, ValueError, IndexError, TypeError, OverflowError, struct.error) as error:
        raise InputError(
            "{name} is damaged or not a PCD point cloud: {reason}.",
            name=name,
            reason=reason_of(error),
        ) from error
    sights = _sights(header, points) if normals is None else None
    read = Content(points, colours=colours, normals=normals, sights=sights)
    if not _has_more(header, body, len(points)):
        return read
    return read.noting(
        "Its header announces {count:,} points; more that follow were left out", count=len(points)
    )


def _sights(
    header: dict[str, list[str]], points: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    """From each point (N, 3) to the viewpoint; None where that is the origin, as programs write it
    that know none."""
    try:
        stand = np.array([float(word) for word in header.get("VIEWPOINT", [])[:3]])
    except ValueError:
        return None
    if stand.shape != (3,) or not np.isfinite(stand).all() or not stand.any():
        return None
    return seen_from(stand, points)


def _has_more(header: dict[str, list[str]], body: bytes, count: int) -> bool:
    """Whether points follow those that the header announces."""
    if header["DATA"] == ["ascii"]:
        return any(line.strip() for line in body.split(b"\n")[count:])
    counts = header.get("COUNT", ["1"] * len(header["SIZE"]))
    record = sum(int(size) * int(n) for size, n in zip(header["SIZE"], counts, strict=True))
    following = body[count * record : (count + 1) * record]
    return header["DATA"] == ["binary"] and len(following) == record and any(following)


def _split(content: bytes) -> tuple[dict[str, list[str]], bytes]:
    header: dict[str, list[str]] = {}
    start = 0
    while "DATA" not in header:
        end = content.find(b"\n", start)
        if end < 0:
            raise Damage("its header has no end")
        words = content[start:end].decode("latin-1").split()
        start = end + 1
        if words and not words[0].startswith("#"):
            header[words[0].upper()] = words[1:]
    return header, content[start:]


def _columns(
    header: dict[str, list[str]], body: bytes, where: list[int], name: str
) -> list[NDArray[Any]]:
    """The values (N,) of the fields with these numbers; of packed colours the bits."""
    fields = header["FIELDS"]
    counts = [int(count) for count in header.get("COUNT", ["1"] * len(fields))]
    total = int(header["POINTS"][0]) if "POINTS" in header else _area(header)
    if total < 0 or not len(fields) == len(counts) == len(header["TYPE"]) == len(header["SIZE"]):
        raise Damage("its header contradicts itself")
    if any(counts[number] != 1 for number in where) or min(counts) < 0:
        raise Damage("its fields have impossible lengths")
    bounded(name, "points", total, MOST_POINTS)
    if header["DATA"] == ["ascii"]:
        first = np.cumsum([0, *counts])
        columns = [int(first[number]) for number in where]
        lines = body.decode("latin-1").split("\n")[:total]
        if total == 0:
            return [np.zeros(0) for _ in where]
        table = np.loadtxt(lines, usecols=columns, ndmin=2, comments=None)
        if len(table) < total:
            raise Damage(
                "it announces {total:,} points and holds {held:,}", total=total, held=len(table)
            )
        return [
            # What is declared to be a float is written as that float.
            table[:, number].astype(np.float32).view(np.uint32)
            if fields[index].lower() in _PACKED and header["TYPE"][index] == "F"
            else table[:, number]
            for number, index in enumerate(where)
        ]
    kinds = {"F": "f", "I": "i", "U": "u"}
    types = [
        np.dtype(f"<{kinds[kind]}{int(size)}")
        for kind, size in zip(header["TYPE"], header["SIZE"], strict=True)
    ]
    types = [
        np.dtype("<u4") if field.lower() in _PACKED and kind.itemsize == 4 else kind
        for field, kind in zip(fields, types, strict=True)
    ]
    if header["DATA"] == ["binary"]:
        offsets = np.cumsum([0, *(t.itemsize * n for t, n in zip(types, counts, strict=True))])
        record = np.dtype(
            {
                "names": [str(number) for number in where],
                "formats": [types[i] for i in where],
                "offsets": [int(offsets[i]) for i in where],
                "itemsize": int(offsets[-1]),
            }
        )
        if len(body) < total * record.itemsize:
            raise Damage("it ends in the middle of its points")
        rows = np.frombuffer(body, record, count=total)
        return [rows[str(number)] for number in where]
    if header["DATA"] == ["binary_compressed"]:
        packed, unpacked = struct.unpack_from("<II", body)
        sizes = [t.itemsize * n * total for t, n in zip(types, counts, strict=True)]
        if len(body) < 8 + packed or unpacked < sum(sizes):
            raise Damage("it ends in the middle of its points")
        # Each 32 bytes that can't be made smaller take one more.
        if packed > unpacked + unpacked // 32 + 64:
            raise Damage("its compressed points are larger than the points")
        # One byte of a repetition becomes at most 88.
        bounded(name, "bytes", unpacked, min(MOST_UNPACKED // 2, 100 * len(body)))
        data = unpack_lzf(body[8 : 8 + packed], unpacked)
        # Compressed files hold one field after the other, not one point after the other.
        first = np.cumsum([0, *sizes])
        return [np.frombuffer(data, types[i], count=total, offset=int(first[i])) for i in where]
    raise Damage("its data is of an unknown kind {kind!r}", kind=" ".join(header["DATA"]))


def _area(header: dict[str, list[str]]) -> int:
    return int(header["WIDTH"][0]) * int(header.get("HEIGHT", ["1"])[0])


def unpack_lzf(packed: bytes, size: int) -> bytearray:
    """Undoes LZF compression; `size` is the number of bytes that must come out (else ValueError).

    A control byte below 32 announces that many literal bytes and one more; any other says how many
    bytes to repeat (upper three bits, 7: one more length byte) and from how far back.
    """
    output = bytearray()
    position = 0
    while position < len(packed):
        control = packed[position]
        position += 1
        if control < 32:
            output += packed[position : position + control + 1]
            position += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += packed[position]
            position += 1
        start = len(output) - ((control & 31) << 8) - packed[position] - 1
        position += 1
        length += 2
        if start < 0 or len(output) + length > size:
            raise Damage("its compressed points are damaged")
        # The source may reach into what is being written: then it repeats itself.
        pattern = bytes(output[start : start + length])
        output += (pattern * (length // len(pattern) + 1))[:length]
    if len(output) != size:
        raise Damage("its compressed points are damaged")
    return output
