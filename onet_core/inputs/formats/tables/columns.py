"""Columns of numbers: what their names mean, and which of them are colours or normals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Written without case, blanks, units and punctuation, see `_plain`.
_COORDINATES = {
    "x": ("x", "posx", "positionx", "px", "coordx", "xcoord", "xcoordinate", "pointx", "pointsx",
          "locationx", "locx", "cartesianx", "centerx", "easting", "east", "e", "rechtswert", "rw",
          "xm", "xmm", "xcm", "tx", "eastings", "utmeasting", "utme", "ostwert", "ost", "este",
          "est", "x坐标", "东坐标", "\u0445"),
    "y": ("y", "posy", "positiony", "py", "coordy", "ycoord", "ycoordinate", "pointy", "pointsy",
          "locationy", "locy", "cartesiany", "centery", "northing", "north", "n", "hochwert", "hw",
          "ym", "ymm", "ycm", "ty", "northings", "utmnorthing", "utmn", "nordwert", "nord",
          "norte", "y坐标", "北坐标", "\u0443"),
    "z": ("z", "posz", "positionz", "pz", "coordz", "zcoord", "zcoordinate", "pointz", "pointsz",
          "locationz", "locz", "cartesianz", "centerz", "elevation", "elev", "height", "altitude",
          "alt", "h", "hoehe", "höhe", "zm", "zmm", "zcm", "tz", "quota", "cota", "altura",
          "altitud", "z坐标", "高程", "\u043d"),
}  # fmt: skip
_COLOURS = {
    "red": ("red", "r", "rf", "diffusered", "colorred", "colourred", "colorr", "rgbr", "rot",
            "rouge", "vertexred", "ambientred", "cr"),
    "green": ("green", "g", "gf", "diffusegreen", "colorgreen", "colourgreen", "colorg", "rgbg",
              "gruen", "grün", "vert", "vertexgreen", "ambientgreen",
              "cg"),
    "blue": ("blue", "b", "bf", "diffuseblue", "colorblue", "colourblue", "colorb", "rgbb",
             "blau", "bleu", "vertexblue", "ambientblue", "cb"),
}  # fmt: skip
_NORMALS = {
    axis: tuple(
        word.format(axis)
        for word in ("n{}", "normal{}", "normals{}", "norm{}", "nrm{}", "vn{}", "{}normal",
                     "vertexnormal{}")
    )
    for axis in "xyz"
}  # fmt: skip
_PLACES = {
    "longitude": ("longitude", "lon", "long", "lng", "longitudedeg", "londeg"),
    "latitude": ("latitude", "lat", "latitudedeg", "latdeg"),
    "altitude": _COORDINATES["z"],
}
_PACKED = ("rgb", "rgba", "packedrgb", "packedcolor", "packedcolour")
# In front of the letter of an axis: what is no place.
_NO_PLACES = re.compile(
    r"(n|no?r?m|nrm|normal|normals|q|quat|r|rot|rotation|scale|v|vel|velocity|d|dir|direction|delta|"
    r"std|sigma|var|cov|acc|gyro|mag|min|max|pixel|px|img|image|tex|uv)[\W_]*"
)
_ANGLES = {"angle", "azimuth", "theta", "phi", "bearing", "azimuthdeg", "winkel"}
_DISTANCES = {"distance", "range", "radius", "r", "dist", "distancem", "distancemm"}
# Of these two or more are never columns of a surface's points.
_TURNS = (
    ("heading", "yaw", "pitch", "roll"), ("omega", "phi", "kappa"), ("qw", "qx", "qy", "qz"),
)  # fmt: skip
# Columns without a name are normals where this share of the rows has a length of 1.
_OF_LENGTH_ONE = 0.95
_UNITS = re.compile(r"[\(\[].*?[\)\]]")
# VTK writes arrays of several components as "Points:0" and "Points_m_XYZ:1", Houdini as "P[0]".
_COMPONENT = re.compile(r"(?:(?:points?|position|coordinates?|xyz)\w*?[:_.\[]|p\[)([012])\]?")
_COMPONENT_OF_COLOURS = re.compile(r"(?:cd|colou?rs?|rgba?)[:_.\[]([012])\]?")
# Rows of more numbers than this are pictures, depths or features rather than points.
MOST_COLUMNS = 32
# Below this, whole numbers without a name are more likely labels than a dark cloud's colours.
DARKEST = 32
# Scanners count up to so many returns of a pulse.
_MOST_RETURNS = 15


def coordinate_columns(names: Sequence[str]) -> list[int] | None:
    """The columns of x, y and z among names; None where one of them is not named."""
    found = _named(names, _COORDINATES) or _alike(names) or _with_letters(names)
    if found is not None:
        return found
    return _components(names, _COMPONENT)


def _components(names: Sequence[str], pattern: re.Pattern[str]) -> list[int] | None:
    """The columns of the three numbers of one array, by names that end with their places."""
    components = {
        match[1]: column
        for column, name in reversed(list(enumerate(names)))
        if (match := pattern.fullmatch(name.strip().strip("\"'").lower()))
    }
    return [components[axis] for axis in "012"] if len(components) == 3 else None


def _alike(names: Sequence[str]) -> list[int] | None:
    """Columns whose names differ only in the letter of the axis, such as world_x, world_y ..."""
    plain = [_UNITS.sub("", name).strip().strip("\"'").lower() for name in names]
    for column, name in enumerate(plain):
        for place in (len(name) - 1, 0):
            if name[place : place + 1] != "x" or _NO_PLACES.fullmatch(name[:place]):
                continue
            others = [name[:place] + axis + name[place + 1 :] for axis in "yz"]
            if len(name) > 1 and all(other in plain for other in others):
                return [column, *(plain.index(other) for other in others)]
    return None


def _with_letters(names: Sequence[str]) -> list[int] | None:
    """Columns that alone have the letter of an axis as a word, such as rd_x, rd_y and nap_z."""
    words = [re.split(r"[\W_]+", _UNITS.sub("", name).lower()) for name in names]
    columns = []
    for axis in "xyz":
        having = [column for column, found in enumerate(words) if axis in found and len(found) > 1]
        if len(having) != 1 or _NO_PLACES.fullmatch("_".join(words[having[0]]).strip(axis)):
            return None
        columns.append(having[0])
    return columns


def alike_columns(names: Sequence[str]) -> int:
    """How many points names speak of in one row, such as those of several markers."""
    plain = {_UNITS.sub("", name).strip().strip("\"'").lower() for name in names}
    return sum(
        {name[:-1] + "y", name[:-1] + "z"} <= plain and not _NO_PLACES.fullmatch(name[:-1])
        for name in plain
        if name.endswith("x") and len(name) > 1
    )


def are_polar(names: Sequence[str]) -> bool:
    """Whether names are those of angles and a distance."""
    plain = {_plain(name) for name in names}
    return bool(plain & _ANGLES and plain & _DISTANCES)


def place_columns(names: Sequence[str]) -> list[int] | None:
    """The columns of longitude, latitude and altitude; None where one of them is not named."""
    return _named(names, _PLACES)


def lacks_height(names: Sequence[str]) -> bool:
    """Whether names say which columns are x and y, or longitude and latitude, but not z.

    A number right behind y is taken for z: that is what "x, y, depth" means.
    """
    plain = [_plain(name) for name in names]
    for pair in (_COORDINATES["x"], _COORDINATES["y"]), (
        _PLACES["longitude"], _PLACES["latitude"],
    ):  # fmt: skip
        places = [
            next((plain.index(name) for name in synonyms if name in plain), None)
            for synonyms in pair
        ]
        if None not in places:
            return len(names) < 3 or set(places) != {0, 1}
    return False


def name_turns(names: Sequence[str]) -> bool:
    """Whether names are those of the places and turns of cameras, vehicles or tools."""
    plain = {_plain(name) for name in names}
    ends = {match[1] for name in plain if (match := re.fullmatch(r"q.*([wxyz])", name))}
    return len(ends) == 4 or any(len(plain & set(turns)) >= 2 for turns in _TURNS)


def are_poses(table: NDArray[Any]) -> bool:
    """Whether rows of numbers are positions and turns of a camera rather than points.

    These are one 4 x 4 matrix, or lines of 12 or 16 numbers (3 or 4 rows of 4), or of 8: a time, a
    place and a quaternion, as trajectories are written.
    """
    if table.ndim == 2 and table.shape[1] == 8 and len(table) > 1:
        lengths = np.linalg.norm(np.asarray(table[:, 4:], dtype=np.float64), axis=1)
        return bool((np.abs(lengths - 1) < 1e-3).all() and (np.diff(table[:, 0]) > 0).all())
    if table.shape == (4, 4):
        return bool(np.array_equal(table[3], [0, 0, 0, 1]) and _are_turns(table[None, :3, :3]))
    if table.ndim != 2 or table.shape[1] not in (12, 16) or not len(table):
        return False
    return _are_turns(table.reshape(len(table), -1, 4)[:, :3, :3])


def _are_turns(matrices: NDArray[Any]) -> bool:
    """Whether matrices (N, 3, 3) turn without stretching."""
    wide = np.asarray(matrices, dtype=np.float64)
    return bool(np.abs(wide @ wide.transpose(0, 2, 1) - np.eye(3)).max() < 1e-3)


def packed_column(names: Sequence[str]) -> int | None:
    """The column of colours in one number, blue lowest, None without one of that name."""
    plain = [_plain(name) for name in names]
    return next((plain.index(name) for name in _PACKED if name in plain), None)


def unpacked_colours(values: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    """Colours (N, 3) of numbers (N,) that hold 8 bits of each, blue lowest; None for others."""
    known = np.isfinite(values)
    if not known.any() or values[known].min() < 0 or values[known].max() >= 2**32:
        return None
    if not np.array_equal(values[known], np.round(values[known])) or values[known].max() < 256:
        return None
    bits = np.where(known, values, 0).astype(np.int64)
    return np.stack([bits >> shift & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8)


def colour_columns(names: Sequence[str]) -> list[int] | None:
    """The columns of red, green and blue among names; None where one of them is not named."""
    return _named(names, _COLOURS) or _components(names, _COMPONENT_OF_COLOURS)


def normal_columns(names: Sequence[str]) -> list[int] | None:
    """The columns of a normal's x, y and z among names; None where one of them is not named."""
    return _named(names, _NORMALS)


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

    Whole numbers above 255 have 16 bits; numbers up to 1 with fractions are shares. Where some
    rows are not finite, a masked array, see `content.with_all_colours`.
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
    unknown = ~np.isfinite(values).all(axis=1)
    if unknown.all():
        return None
    values = np.where(unknown[:, None], 0.0, values.astype(np.float64))
    most = values.max()
    if values.min() < 0 or most > 65535:
        return None
    is_share = most <= 1 and (columns.dtype.kind == "f" or most == 0)
    if most > 255:
        values = values / 257
    elif is_share:
        values = values * 255
    colours = np.round(values).astype(np.uint8)
    if not unknown.any():
        return colours
    return np.ma.MaskedArray(colours, np.repeat(unknown[:, None], 3, axis=1))


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
    # An intensity and the numbers of returns, which count from 1, are none.
    others = np.delete(columns, int(columns.max(axis=0).argmax()), axis=1)
    are_returns = others.min() >= 1 and others.max() <= _MOST_RETURNS
    return bool(whole and DARKEST <= columns.max() <= 255 and not are_returns)


def as_normals(columns: NDArray[Any]) -> NDArray[np.float64] | None:
    """Columns (N, 3) that are known to be normals, of any length, as unit vectors.

    None where no row has a direction.
    """
    ways = np.asarray(columns, dtype=np.float64)
    if ways.ndim != 2 or ways.shape[1] != 3:
        return None
    ways = np.where(np.isfinite(ways).all(axis=1, keepdims=True), ways, 0)
    largest = np.abs(ways).max(axis=1, keepdims=True)
    # First by the largest, so that squares stay finite.
    ways = np.divide(ways, largest, out=np.zeros_like(ways), where=largest > 0)
    lengths = np.linalg.norm(ways, axis=1, keepdims=True)
    ways = np.divide(ways, lengths, out=ways, where=lengths > 0)
    return ways if lengths.any() else None


def look_like_normals(columns: NDArray[Any]) -> bool:
    """Whether columns without a name, (N, 3), are unit vectors of all kinds of directions."""
    if columns.ndim != 2 or columns.shape[1] != 3 or len(columns) < 4:
        return False
    ways = np.asarray(columns, dtype=np.float64)
    if np.isnan(ways).all() or ways[np.isfinite(ways)].min(initial=0) >= 0:
        return False
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(ways, axis=1)
    return bool((np.abs(lengths - 1) < 1e-2).mean() >= _OF_LENGTH_ONE)
