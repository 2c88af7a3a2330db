"""Gaussian splats: .splat and .spz, and what a .ply of them holds. A cloud of their middles.

Written from the descriptions of antimatter15's .splat and Niantic's .spz, versions 1 to 3.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import Damage, InputError
from ..content import Content
from ..limits import MOST_POINTS, MOST_UNPACKED, bounded, read_bytes, reason_of
from ..outliers import stray_points

# Opacity below which a splat hardly shows.
_FAINT = 0.1
# The constant of the zeroth spherical harmonic, which such files keep colours in.
_HARMONIC = 0.28209479177387814
_SPLAT = np.dtype([("place", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("turn", "u1", 4)])
# Magic number, version, count, degree of harmonics, bits behind the point, flags.
_SPZ = struct.Struct("<4sIIBBBx")
# How .spz scales the zeroth harmonic to a byte.
_FEW = 1_000_000
_SPZ_COLOUR = 0.15


def read(path: Path, kind: str) -> Content:
    """The splats' middles and colours, without the transparent ones and outliers."""
    content = read_bytes(path)
    try:
        if path.suffix.lower() == ".spz":
            return _spz(content, path.name)
        return _splat(content, path.name)
    except (ValueError, struct.error, zlib.error) as error:
        raise InputError(
            "{name} is damaged or not a file of Gaussian splats: {reason}.", name=path.name,
            reason=reason_of(error),
        ) from error  # fmt: skip


def colours_of_harmonics(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """sRGB (N, 3) of the coefficients of the zeroth spherical harmonic (N, 3)."""
    shares = np.nan_to_num(np.clip(0.5 + _HARMONIC * values, 0, 1), nan=0.5)
    return np.round(255 * shares).astype(np.uint8)


def without_floaters(content: Content, opacity: NDArray[np.floating]) -> Content:
    """A cloud of splats with the opacity (N,) without those that hardly show and without strays."""
    points = content.points
    assert points is not None
    kept = (opacity >= _FAINT) & np.isfinite(points).all(axis=1)
    faint = int(np.count_nonzero(~kept))
    if faint <= 0.9 * len(kept):
        content = content.only(kept)
    else:
        faint = 0
    assert content.points is not None
    if not np.isfinite(content.points).all() or not len(content.points):
        return content
    stray = stray_points(content.points)
    return content.only(~stray).noting(
        "Gaussian splats: {faint:,} transparent ones and {strays:,} outliers were left out",
        faint=faint, strays=int(np.count_nonzero(stray)),
    )  # fmt: skip


def _splat(content: bytes, name: str) -> Content:
    if not content or len(content) % _SPLAT.itemsize:
        raise Damage("its size is no multiple of {count} bytes", count=_SPLAT.itemsize)
    bounded(name, "points", len(content) // _SPLAT.itemsize, MOST_POINTS)
    rows = np.frombuffer(content, _SPLAT)
    colours = np.array(rows["rgba"][:, :3])
    cloud = Content(rows["place"].astype(np.float64), colours=colours)
    return without_floaters(cloud, rows["rgba"][:, 3] / 255)


def _spz(content: bytes, name: str) -> Content:
    unpacking = zlib.decompressobj(wbits=31)
    head = unpacking.decompress(content, _SPZ.size)
    magic, version, count, _, bits, _ = _SPZ.unpack(head)
    if magic != b"NGSP" or version not in (1, 2, 3):
        raise Damage("it is of an unknown version")
    # A splat takes some bytes, also packed; many more of them are copies of one.
    bounded(name, "points", count, min(MOST_POINTS, max(_FEW, len(content))))
    each = 3 * (2 if version == 1 else 3)
    size = bounded(name, "bytes", count * (each + 4), MOST_UNPACKED)
    body = unpacking.decompress(unpacking.unconsumed_tail, max(1, size))
    if len(body) < size:
        raise Damage("it ends in the middle of its splats")
    packed = np.frombuffer(body, np.uint8, count * each)
    if version == 1:
        points = packed.view("<f2").reshape(-1, 3).astype(np.float64)
    else:
        # Fixed point of 24 bits: behind a byte of zeros they are 32 with the sign in place.
        wide = np.zeros((3 * count, 4), dtype=np.uint8)
        wide[:, 1:] = packed.reshape(-1, 3)
        points = (wide.view("<i4").reshape(-1, 3) >> 8) / float(1 << bits)
    rest = np.frombuffer(body, np.uint8, 4 * count, count * each)
    opacity, shades = rest[:count] / 255, rest[count:].reshape(-1, 3)
    colours = colours_of_harmonics((shades / 255 - 0.5) / _SPZ_COLOUR)
    return without_floaters(Content(points, colours=colours, up_axis="y"), opacity)
