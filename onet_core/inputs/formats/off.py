"""OFF in its variants (COFF, NOFF, STOFF ...), also with ModelNet's merged first line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...errors import Damage, InputError, NoPointsError
from ..content import Content, checked
from ..limits import MOST_POINTS, bounded, read_bytes, reason_of
from .polygons import triangles_of
from .tables.columns import as_colours, look_like_colours
from .tables.encodings import decode_text

_COUNTS = re.compile(r"\d+\s+\d+(\s+\d+)?")
# What vertices have beside x, y and z: programs differ in the order of the letters and of columns.
_FIRST = re.compile(
    r"(?:(?P<has>(?:ST|C|N|4)*)(?P<many>n)?[Oo][Ff]{2}|(?P<low>(?:st|c|n|4)*)off)(?![A-Za-z])"
)
_BINARY = re.compile(rb"\s*[A-Za-z4]{0,6}OFF[ \t]+BINARY", re.IGNORECASE)


def read(path: Path, kind: str) -> Content:
    """The vertices, the faces, and of COFF the vertices' colours."""
    name = path.name
    try:
        content = read_bytes(path)
        if _BINARY.match(content):
            raise Damage("it is a binary OFF, save it as text")
        return checked(_parse(decode_text(content, name), name), name)
    except (ValueError, IndexError, OverflowError) as error:
        raise InputError(
            "{name} is damaged or not an OFF file: {reason}.", name=name, reason=reason_of(error)
        ) from error


def _parse(text: str, name: str) -> Content:
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if lines and _COUNTS.fullmatch(lines[0]):
        lines.insert(0, "OFF")  # the word may be left out
    first = _FIRST.match(lines[0]) if lines else None
    if first is None:
        raise Damage("its first line is not OFF")
    has = (first["has"] or first["low"] or "").upper()
    dimensions = 4 if "4" in has else 3
    lines[0] = lines[0][first.end() :].strip()
    if not lines[0]:
        lines.pop(0)
    if first["many"]:
        raise Damage("it has more than three dimensions")
    if len(lines) == 1:
        lines = _broken_into_lines(lines[0].split())
    counts = [int(word) for word in lines.pop(0).split()]
    vertices, faces = (bounded(name, "rows", count, MOST_POINTS) for count in (*counts, 0)[:2])
    if len(lines) < vertices + faces:
        # Some writers do not break lines: numbers are what counts then.
        if faces:
            raise Damage(
                "it announces {rows:,} rows and holds {held:,}",
                rows=vertices + faces,
                held=len(lines),
            )
        raise Damage("it ends in the middle of its vertices")
    rows = lines[:vertices]
    if not rows:
        raise NoPointsError("{name} has no points.", name=name)
    table = np.loadtxt(rows, ndmin=2, comments=None)
    if table.shape[1] < 3:
        raise Damage("its vertices have no x, y and z")
    start = dimensions
    if "N" in has and not look_like_colours(table[:, start : start + 3]):
        start += 3
    colours = None
    if "C" in has and table.shape[1] >= start + 3:
        colours = as_colours(table[:, start : start + 3])
    words = [line.split() for line in lines[vertices : vertices + faces]]
    sizes = np.array([int(row[0]) for row in words], dtype=np.int64)
    if len(sizes) and (sizes.min() < 0 or any(len(row) <= int(row[0]) for row in words)):
        raise Damage("a face has fewer corners than it says")
    corners = [int(word) for row in words for word in row[1 : 1 + int(row[0])]]
    points = table[:, :3]
    if dimensions == 4 and table.shape[1] > 3 and (table[:, 3] != 0).all():
        points = points / table[:, 3:4]
    indices = np.array(corners, dtype=np.int64)
    triangles = triangles_of(sizes, indices, points) if words else None
    return Content(points, triangles, colours)


def _broken_into_lines(words: list[str]) -> list[str]:
    """The lines of a plain OFF that was written as one: three counts, vertices and faces."""
    end = 3 + 3 * int(words[0])
    if not 3 <= end <= len(words):
        raise Damage("it ends in the middle of its vertices")
    lines = [" ".join(words[:3])]
    lines += [" ".join(words[place : place + 3]) for place in range(3, end, 3)]
    while end < len(words):
        size = 1 + max(0, int(words[end]))
        lines.append(" ".join(words[end : end + size]))
        end += size
    return lines
