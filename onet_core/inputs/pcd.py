"""The PCD format of the Point Cloud Library: ascii, binary and LZF-compressed binary.

Written from the format's description (pointclouds.org, "The PCD file format").
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

COLOUR_FIELDS = ("rgb", "rgba")


def parse_pcd(content: bytes, name: str) -> NDArray[np.float64]:
    """Coordinates (N, 3) of a PCD file's content.

    Points with NaN coordinates are left out: that is how the format marks pixels of a depth
    camera that saw nothing. Raises InputError, with `name`, for damaged content.
    """
    points, _ = _parse(content, name, with_colours=False)
    return points


def pcd_colours(content: bytes, name: str) -> NDArray[np.uint8] | None:
    """The colours (N, 3) of the points of `parse_pcd`; None without a field "rgb" or "rgba".

    Such a field has 32 bits, blue lowest, whatever type it is declared as. Raises as that does.
    """
    return _parse(content, name, with_colours=True)[1]


def _parse(
    content: bytes, name: str, with_colours: bool
) -> tuple[NDArray[np.float64], NDArray[np.uint8] | None]:
    colours = None
    try:
        header, body = _split(content)
        packed = [field for field in header["FIELDS"] if field in COLOUR_FIELDS and with_colours]
        # Some NaN patterns make NumPy warn when they are cast; they are dropped below.
        with np.errstate(invalid="ignore"):
            columns = _columns(header, body, ["x", "y", "z", *packed[:1]])
            points = np.stack([column.astype(np.float64) for column in columns[:3]], axis=1)
            seen = ~np.isnan(points).any(axis=1)
            if packed:
                bits = columns[3][seen].astype(np.int64)
                channels = [bits >> shift & 255 for shift in (16, 8, 0)]
                colours = np.stack(channels, axis=1).astype(np.uint8)
    except (KeyError, ValueError, IndexError, UnicodeDecodeError, TypeError, struct.error) as error:
        raise InputError(f"{name} is damaged or not a PCD point cloud: {error}.") from error
    return points[seen], colours


def _split(content: bytes) -> tuple[dict[str, list[str]], bytes]:
    header: dict[str, list[str]] = {}
    start = 0
    while "DATA" not in header:
        end = content.find(b"\n", start)
        if end < 0:
            raise ValueError("its header has no end")
        words = content[start:end].decode("ascii").split()
        start = end + 1
        if words and not words[0].startswith("#"):
            header[words[0].upper()] = words[1:]
    return header, content[start:]


def _columns(header: dict[str, list[str]], body: bytes, wanted: list[str]) -> list[NDArray[Any]]:
    """The values (N,) of each of the wanted fields; of colours the bits."""
    fields = header["FIELDS"]
    counts = [int(count) for count in header.get("COUNT", ["1"] * len(fields))]
    total = int(header["POINTS"][0]) if "POINTS" in header else _area(header)
    if total < 0 or not len(fields) == len(counts) == len(header["TYPE"]) == len(header["SIZE"]):
        raise ValueError("its header contradicts itself")
    for field in wanted:
        if field not in fields or counts[fields.index(field)] != 1:
            raise ValueError(f"it has no field {field!r}")
    where = [fields.index(field) for field in wanted]
    if header["DATA"] == ["ascii"]:
        first = np.cumsum([0, *counts])
        columns = [int(first[number]) for number in where]
        lines = body.decode("ascii").split("\n")[:total]
        if total == 0:
            return [np.zeros(0) for _ in wanted]
        table = np.loadtxt(lines, usecols=columns, ndmin=2, comments=None)
        if len(table) < total:
            raise ValueError(f"it announces {total} points and holds {len(table)}")
        return [
            # What is declared to be a float is written as that float.
            table[:, number].astype(np.float32).view(np.uint32)
            if fields[index] in COLOUR_FIELDS and header["TYPE"][index] == "F"
            else table[:, number]
            for number, index in enumerate(where)
        ]
    kinds = {"F": "f", "I": "i", "U": "u"}
    types = [
        np.dtype(f"<{kinds[kind]}{int(size)}")
        for kind, size in zip(header["TYPE"], header["SIZE"], strict=True)
    ]
    types = [
        np.dtype("<u4") if field in COLOUR_FIELDS and kind.itemsize == 4 else kind
        for field, kind in zip(fields, types, strict=True)
    ]
    if header["DATA"] == ["binary"]:
        offsets = np.cumsum([0, *(t.itemsize * n for t, n in zip(types, counts, strict=True))])
        record = np.dtype(
            {
                "names": wanted,
                "formats": [types[i] for i in where],
                "offsets": [int(offsets[i]) for i in where],
                "itemsize": int(offsets[-1]),
            }
        )
        if len(body) < total * record.itemsize:
            raise ValueError("it ends in the middle of its points")
        rows = np.frombuffer(body, record, count=total)
        return [rows[field] for field in wanted]
    if header["DATA"] == ["binary_compressed"]:
        packed, unpacked = struct.unpack_from("<II", body)
        sizes = [t.itemsize * n * total for t, n in zip(types, counts, strict=True)]
        if len(body) < 8 + packed or unpacked < sum(sizes):
            raise ValueError("it ends in the middle of its points")
        data = unpack_lzf(body[8 : 8 + packed], unpacked)
        # Compressed files hold one field after the other, not one point after the other.
        first = np.cumsum([0, *sizes])
        return [np.frombuffer(data, types[i], count=total, offset=int(first[i])) for i in where]
    raise ValueError(f"its data is of an unknown kind {' '.join(header['DATA'])!r}")


def _area(header: dict[str, list[str]]) -> int:
    return int(header["WIDTH"][0]) * int(header.get("HEIGHT", ["1"])[0])


def unpack_lzf(packed: bytes, size: int) -> bytes:
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
            raise ValueError("its compressed points are damaged")
        # The source may reach into what is being written: then it repeats itself.
        pattern = bytes(output[start : start + length])
        output += (pattern * (length // len(pattern) + 1))[:length]
    if len(output) != size:
        raise ValueError("its compressed points are damaged")
    return bytes(output)
