"""Columns of numbers: what their names mean, and which of them are colours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Written without case, blanks, units and punctuation, see `_plain`.
_COORDINATES = {
    "x": ("x", "posx", "positionx", "px", "coordx", "xcoord", "xcoordinate", "pointx", "pointsx",
          "locationx", "locx", "cartesianx", "centerx", "easting", "east", "e", "rechtswert", "rw"),
    "y": ("y", "posy", "positiony", "py", "coordy", "ycoord", "ycoordinate", "pointy", "pointsy",
          "locationy", "locy", "cartesiany", "centery", "northing", "north", "n", "hochwert", "hw"),
    "z": ("z", "posz", "positionz", "pz", "coordz", "zcoord", "zcoordinate", "pointz", "pointsz",
          "locationz", "locz", "cartesianz", "centerz", "elevation", "elev", "height", "altitude",
          "alt", "h", "hoehe", "höhe"),
}  # fmt: skip
_COLOURS = {
    "red": ("red", "r", "rf", "diffusered", "colorred", "colourred", "colorr", "rgbr", "rot",
            "rouge", "vertexred", "ambientred"),
    "green": ("green", "g", "gf", "diffusegreen", "colorgreen", "colourgreen", "colorg", "rgbg",
              "gruen", "grün", "vert", "vertexgreen", "ambientgreen"),
    "blue": ("blue", "b", "bf", "diffuseblue", "colorblue", "colourblue", "colorb", "rgbb",
             "blau", "bleu", "vertexblue", "ambientblue"),
}  # fmt: skip
_UNITS = re.compile(r"[\(\[].*?[\)\]]")
# VTK writes arrays of several components as "Points:0" and "Points_m_XYZ:1".
_COMPONENT = re.compile(r"(?:points?|position|coordinates?|xyz)\w*?[:_.]([012])")
# Below this, whole numbers without a name are more likely labels than a dark cloud's colours.
_DARKEST = 32


def coordinate_columns(names: Sequence[str]) -> list[int] | None:
    """The columns of x, y and z among names; None where one of them is not named."""
    found = _named(names, _COORDINATES)
    if found is not None:
        return found
    components = {
        match[1]: column
        for column, name in reversed(list(enumerate(names)))
        if (match := _COMPONENT.fullmatch(name.strip().strip("\"'").lower()))
    }
    return [components[axis] for axis in "012"] if len(components) == 3 else None


def colour_columns(names: Sequence[str]) -> list[int] | None:
    """The columns of red, green and blue among names; None where one of them is not named."""
    return _named(names, _COLOURS)


def _named(names: Sequence[str], wanted: dict[str, tuple[str, ...]]) -> list[int] | None:
    plain = [_plain(name) for name in names]
    columns = []
    for synonyms in wanted.values():
        column = next((plain.index(name) for name in synonyms if name in plain), None)
        if column is None:
            return None
        columns.append(column)
    return columns


def _plain(name: str) -> str:
    """A name without case, units in brackets, quotes and punctuation."""
    return re.sub(r"[\W_]+", "", _UNITS.sub("", name).lower())


def as_colours(columns: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Columns (N, 3) that are known to be colours, as 8-bit sRGB; None where they can't be.

    Whole numbers above 255 have 16 bits; numbers up to 1 with fractions are shares.
    """
    values = np.asarray(columns)
    if (
        values.ndim != 2
        or values.shape[1] != 3
        or not len(values)
        or values.dtype.kind not in "fiu"
    ):
        return None
    if values.dtype == np.uint8:
        return np.array(values)
    values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    most = values.max()
    if values.min() < 0 or most > 65535:
        return None
    if most > 255:
        return np.round(values / 257).astype(np.uint8)
    is_share = most <= 1 and (columns.dtype.kind == "f" or most == 0)
    return np.round(values * 255 if is_share else values).astype(np.uint8)


def look_like_colours(columns: NDArray[np.float64]) -> bool:
    """Whether columns (N, 3) without a name are colours rather than normals, labels or errors."""
    if columns.shape[1] < 3 or not np.isfinite(columns).all() or columns.min() < 0:
        return False
    if columns.max() <= 1:
        is_label = np.array_equal(columns, np.round(columns)) and len(np.unique(columns)) < 3
        # Normals have the length 1, whichever way they look.
        lengths = np.abs(np.linalg.norm(columns, axis=1) - 1)
        return not (is_label and columns.min() == columns.max() == 1) and np.median(lengths) > 1e-2
    whole = np.array_equal(columns, np.round(columns))
    return bool(whole and _DARKEST <= columns.max() <= 255)
