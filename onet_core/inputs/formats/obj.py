"""Wavefront OBJ: vertices, with colours behind them where there are some, and faces."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import Damage, InputError, NoPointsError
from ..content import Content, checked
from ..limits import read_bytes, reason_of
from .polygons import MOST_CORNERS, assert_few_corners, triangles_of
from .tables.columns import as_colours, look_like_colours
from .tables.encodings import decode_text

_TEXTURE_AND_NORMAL = re.compile(r"/\S*")
_CURVED = re.compile(r"^[ \t]*(?:surf|cstype)\s", re.MULTILINE)


def read(path: Path, kind: str) -> Content:
    """All vertices, whether faces use them or not, and all faces, whatever group they are in."""
    text = decode_text(read_bytes(path), path.name).replace("\\\n", " ").replace("\\\r\n", " ")
    try:
        rows, faces, sofar = _sorted(text)
        points, colours = _vertices(rows)
        triangles = _faces(faces, sofar, points) if faces else None
    except (ValueError, OverflowError) as error:
        raise InputError(
            "{name} has a damaged vertex or face: {reason}.",
            name=path.name,
            reason=reason_of(error),
        ) from error
    if triangles is None and _CURVED.search(text):
        raise InputError(
            "{name} holds curved surfaces (NURBS), which are not read: save it as polygons.",
            name=path.name,
        )
    if not len(points):
        raise NoPointsError("{name} has no points.", name=path.name)
    return checked(Content(points, triangles, colours), path.name)


def _sorted(text: str) -> tuple[list[str], list[str], list[int]]:
    """What stands behind v and behind f, and for each face how many vertices are before it.

    Raises Damage for a face of very many corners.
    """
    rows, faces = [], []
    # Negative numbers count back from the vertices so far.
    sofar = []
    for line in text.splitlines():
        line = line.lstrip()
        if line.startswith(("v ", "v\t", "V ", "V\t")):
            rows.append(line[2:])
        elif line.startswith(("f ", "f\t", "fo ", "F ", "F\t")):
            faces.append(line.partition(" ")[2] if line[1] != "\t" else line[2:])
            sofar.append(len(rows))
            if len(line) > 2 * MOST_CORNERS:
                assert_few_corners(_words(line) - 1)
    if any("#" in row for row in rows):
        rows = [row.partition("#")[0] for row in rows]
    if rows and "," in rows[0] and "." not in rows[0]:
        rows = [row.replace(",", ".") for row in rows]
    return rows, faces, sofar


def _words(line: str) -> int:
    """How many words a very long line has, without taking memory for each."""
    blank = np.frombuffer(line.encode("utf-8", "replace"), np.uint8) <= ord(" ")
    return int(np.count_nonzero(blank[:-1] & ~blank[1:])) + int(not blank[0])


def _vertices(rows: list[str]) -> tuple[NDArray[np.float64], NDArray[np.uint8] | None]:
    table = _table(rows)
    width = table.shape[1]
    # A fourth number is a weight; colours are behind the third, or behind the weight.
    start = {6: 3, 7: 4 if width == 7 and (table[:, 3:4] == 1).all() else 3}.get(width)
    colours = None
    if start is not None and len(table):
        columns = table[:, start : start + 3]
        known = columns[np.isfinite(columns).all(axis=1)]
        if len(known) and ((known.min() >= 0 and known.max() <= 1) or look_like_colours(known)):
            colours = as_colours(columns)
    return table[:, :3], colours


def _table(rows: list[str]) -> NDArray[np.float64]:
    """The numbers of the vertices (N, 3 and more).

    Three of each where they have unequally many; no number for colours that some are without.
    """
    try:
        table = np.loadtxt(rows, ndmin=2, comments=None) if rows else np.zeros((0, 3))
        if len(table) == len(rows) and table.shape[1] >= 3:
            return table
    except ValueError:
        pass
    cut = [row.split() for row in rows]
    width = min(map(len, cut), default=3)
    if width < 3:
        raise Damage("it has fewer than three coordinates")
    if {len(row) for row in cut} == {3, 6}:
        cut = [row if len(row) == 6 else [*row, *["nan"] * 3] for row in cut]
        width = 6
    elif width != max(map(len, cut), default=3):
        width = 3
    return np.array([row[:width] for row in cut], dtype=np.float64).reshape(-1, width)


def _faces(lines: list[str], sofar: list[int], points: NDArray[np.float64]) -> NDArray[np.int64]:
    cut = [_TEXTURE_AND_NORMAL.sub("", line.partition("#")[0]).split() for line in lines]
    counts = np.array([len(row) for row in cut], dtype=np.int64)
    corners = np.array([int(word) for row in cut for word in row], dtype=np.int64)
    if len(corners) and (corners == 0).any():
        raise Damage("vertices are counted from 1")
    before = np.repeat(np.array(sofar, dtype=np.int64), counts)
    return triangles_of(counts, np.where(corners < 0, before + corners, corners - 1), points)
