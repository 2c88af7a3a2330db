"""Esri's grids of heights as text (.asc): cells of terrain, each with its height."""

from __future__ import annotations

import numpy as np

from ....errors import InputError
from ...content import Content
from ...limits import MOST_POINTS, bounded

_KEYS = ("ncols", "nrows", "xllcorner", "yllcorner", "xllcenter", "yllcenter", "cellsize",
         "dx", "dy", "nodata_value")  # fmt: skip


def is_esri(text: str) -> bool:
    """Whether a text begins as such a grid does."""
    return text[:64].lstrip().lower().startswith("ncols")


def read_esri(text: str, name: str) -> Content:
    """The middles of the cells that have a height, in the grid's coordinates, z up.

    Rows run from north to south. Raises InputError for damaged files.
    """
    lines = text.split("\n")
    found: dict[str, float] = {}
    try:
        start = 0
        while len(words := lines[start].lower().replace(",", ".").split()) == 2:
            if words[0] not in _KEYS:
                break
            found[words[0]] = float(words[1])
            start += 1
        columns, rows = int(found["ncols"]), int(found["nrows"])
        bounded(name, "points", columns * rows, MOST_POINTS)
        numbers = " ".join(lines[start:])
        if "," in numbers and "." not in numbers:
            numbers = numbers.replace(",", ".")
        heights = np.array(numbers.split(), dtype=np.float64)
        if min(columns, rows) < 1 or len(heights) != columns * rows:
            raise InputError(
                "{name} announces {count:,} points and holds {held:,}.",
                name=name, count=columns * rows, held=len(heights),
            )  # fmt: skip
        wide, high = (found.get(key, found.get("cellsize", 1.0)) for key in ("dx", "dy"))
        west = found.get("xllcenter", found.get("xllcorner", 0.0) + wide / 2)
        south = found.get("yllcenter", found.get("yllcorner", 0.0) + high / 2)
    except (KeyError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("{name} is damaged or not a grid of heights.", name=name) from error
    row, column = np.divmod(np.arange(rows * columns), columns)
    points = np.stack([west + column * wide, south + (rows - 1 - row) * high, heights], axis=1)
    known = np.isfinite(heights) & (heights != found.get("nodata_value", -9999.0))
    return Content(points[known]).noting(
        "Its {rows} x {columns} heights became points", rows=rows, columns=columns
    )
