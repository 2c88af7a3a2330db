"""Leica's .ptx: gridded scans as text, each with its pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError, NoPointsError
from ...content import Content, seen_from
from ...limits import bounded
from .columns import as_colours

# A building has hundreds.
_MOST_SCANS = 10_000


def read_ptx(text: str, name: str) -> Content:
    """Leica's gridded scans: columns, rows, pose, matrix (4, 4) and the points, once for each scan.

    Cells that saw nothing are at the scanner's origin, which the matrix moves to where it stood.
    Programs that know no scanner write one column.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    parts: list[NDArray[np.float64]] = []
    sights: list[NDArray[np.float32]] = []
    colours, place, are_gridded = [], 0, True
    try:
        while place < len(lines):
            columns, width = int(lines[place]), int(lines[place + 1])
            count, are_gridded = columns * width, are_gridded and min(columns, width) > 1
            rows = lines[place + 10 : place + 10 + count]
            if count < 1 or len(rows) != count:
                raise InputError(
                    "{name} announces {count:,} points and holds {held:,}.",
                    name=name, count=count, held=len(rows),
                )  # fmt: skip
            bounded(name, "scans", len(parts) + 1, _MOST_SCANS)
            matrix = np.loadtxt(lines[place + 6 : place + 10], ndmin=2).T
            table = np.loadtxt(rows, ndmin=2)
            seen = np.isfinite(table).all(axis=1) & (table[:, :3] != 0).any(axis=1)
            table = table[seen]
            parts.append(table[:, :3] @ matrix[:3, :3].T + matrix[:3, 3])
            sights.append(seen_from(matrix[:3, 3], parts[-1]))
            colours.append(table[:, 4:7])
            place += 10 + count
    except (ValueError, IndexError) as error:
        raise InputError("{name} is damaged or not a PTX scan.", name=name) from error
    if not parts:
        raise NoPointsError("{name} has no points.", name=name)
    joined = np.concatenate(colours) if all(part.shape[1] == 3 for part in colours) else None
    found = None if joined is None or not len(joined) else as_colours(joined)
    seen = np.concatenate(sights) if are_gridded else None
    return Content(np.concatenate(parts), colours=found, sights=seen)
