"""PLY: ascii and binary, lists of any length, triangle strips, and Gaussian splats.

Written from the format's description (Greg Turk, 1994). Of lists whose lengths differ from row to
row, rows are found one after the other; everything else is read in one step.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Damage, InputError, NoPointsError
from ..content import Content, checked
from ..limits import MOST_CELLS, MOST_POINTS, bounded, read_bytes, reason_of
from ..volumes import VoxelGrid
from .polygons import triangles_of
from .splats import colours_of_harmonics, without_floaters
from .tables.columns import (
    as_colours,
    as_normals,
    colour_columns,
    coordinate_columns,
    normal_columns,
    packed_column,
    unpacked_colours,
)

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2",
    "ushort": "u2", "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8", "int64": "i8",
    "uint64": "u8", "long": "i8", "ulong": "u8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_LONGEST_HEADER = 1 << 20
# Some programs write blanks behind words.
_END = re.compile(rb"end_header[ \t]*(\r\n|\n|\r|$)")
_MOST_PROPERTIES = 4096
_HARMONICS = ("f_dc_0", "f_dc_1", "f_dc_2")


@dataclass(frozen=True)
class _Property:
    """A value, or with `count` (the type of its length) a list of values."""

    name: str
    kind: str
    count: str = ""


@dataclass(frozen=True)
class _Element:
    name: str
    length: int
    properties: tuple[_Property, ...]


# The values (N,) of a property; of a list the lengths (N,) and all values one after the other.
_Values = dict[str, NDArray[Any]]
_Lists = dict[str, tuple[NDArray[np.int64], NDArray[Any]]]


def read(path: Path, kind: str) -> Content:
    """The vertices with their colours and normals, and the faces."""
    name = path.name
    try:
        order, elements, body = _header(read_bytes(path), name)
        values, listed, rows = _body(order, elements, body)
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise InputError(
            "{name} is damaged or not a PLY file: {reason}.", name=name, reason=reason_of(error)
        ) from error
    names = list(values)
    columns = coordinate_columns(names)
    if columns is None and "packed_position" in values:
        raise InputError(
            "{name} holds compressed Gaussian splats, which are not read: save it as a plain PLY.",
            name=name,
        )
    if not values:
        raise NoPointsError("{name} has no points.", name=name)
    if columns is None:
        raise InputError("{name} has no vertices with x, y and z.", name=name)
    points = np.stack([values[names[column]].astype(np.float64) for column in columns], axis=1)
    painted = colour_columns(names)
    colours = None
    if painted is not None and len(points):
        colours = as_colours(np.stack([values[names[column]] for column in painted], axis=1))
    elif (packed := packed_column(names)) is not None:
        colours = unpacked_colours(values[names[packed]].astype(np.float64))
    content = Content(points, _triangles(listed, points), colours, _normals(names, values))
    if "voxel_size" in rows and not content.has_faces and kind != "points":
        return _cells(checked(content, name), rows, name)
    if all(wanted in values for wanted in _HARMONICS) and not content.has_faces and len(points):
        content = _splats(content, values)
    return checked(content, name)


def _normals(names: list[str], values: _Values) -> NDArray[np.float64] | None:
    columns = normal_columns(names)
    if columns is None:
        return None
    return as_normals(np.stack([values[names[column]] for column in columns], axis=1))


def _triangles(
    listed: tuple[str, NDArray[np.int64], NDArray[Any]] | None, points: NDArray[np.float64]
) -> NDArray[np.int64] | None:
    """The faces of the element's name, lengths and corners that were found, if any were."""
    if listed is None:
        return None
    element, counts, corners = listed
    if element == "tristrips":
        return _unstripped(corners)
    return triangles_of(counts, corners, points)


def _cells(content: Content, rows: dict[str, _Values], name: str) -> Content:
    """Open3D's grid of voxels: the vertices are whole numbers of cells."""
    points = content.points
    pitch = next(iter(rows["voxel_size"].values()))
    if points is None or not len(points) or not 0 < pitch[0] < np.inf:
        raise NoPointsError("{name} has no points.", name=name)
    places = np.round(points)
    low, extent = places.min(axis=0), np.ptp(places, axis=0) + 1
    bounded(name, "cells", int(min(extent.prod(), 2**62)), MOST_CELLS)
    where = (places - low).astype(np.int64)
    occupied = np.zeros(extent.astype(np.int64), dtype=bool)
    occupied[tuple(where.T)] = True
    corner = np.array([values[0] for values in rows.get("origin", {}).values()], dtype=np.float64)
    origin = low * float(pitch[0]) + (corner if corner.shape == (3,) else 0)
    colours = None
    if content.colours is not None:
        numbers = np.ravel_multi_index(tuple(where.T), occupied.shape)
        _, first = np.unique(numbers, return_index=True)
        colours = content.colours[first]
    return Content(grid=VoxelGrid(occupied, origin, float(pitch[0]), colours))


def _splats(content: Content, values: _Values) -> Content:
    """The vertices of a file of Gaussian splats with their colours, without floaters."""
    harmonics = np.stack([values[name].astype(np.float64) for name in _HARMONICS], axis=1)
    content = Content(content.points, None, colours_of_harmonics(harmonics))
    if "opacity" not in values:
        return content
    with np.errstate(over="ignore"):
        return without_floaters(content, 1 / (1 + np.exp(-values["opacity"].astype(np.float64))))


def _header(content: bytes, name: str) -> tuple[str, list[_Element], bytes]:
    """The byte order ("" for text), the elements, and what follows the header."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    last = _END.search(content, 0, _LONGEST_HEADER)
    if content[:3].lower() != b"ply" or last is None:
        raise Damage("it has no header of that format")
    end, body = last.start(), content[last.end() :]
    order, elements = None, []
    # Comments may be in any encoding: Latin-1 has a character for every byte.
    for line in content[:end].decode("latin-1").splitlines():
        words = line.split()
        match words:
            case ["format", kind, *_]:
                order = _ORDERS.get(kind)
            case ["element", element, length]:
                bounded(name, "rows", int(length), MOST_POINTS)
                elements.append(_Element(element, int(length), ()))
            case ["property", *_] if elements and len(elements[-1].properties) >= _MOST_PROPERTIES:
                bounded(name, "columns", _MOST_PROPERTIES + 1, _MOST_PROPERTIES)
            case ["property", "list", count, kind, *rest] if elements and rest:
                _add(elements, _Property(rest[0], _TYPES[kind], _TYPES[count]))
            case ["property", kind, *rest] if elements and rest:
                _add(elements, _Property(rest[0], _TYPES[kind]))
    if order is None:
        raise Damage("its header names no known kind of data")
    return order, elements, body


def _add(elements: list[_Element], added: _Property) -> None:
    last = elements.pop()
    elements.append(_Element(last.name, last.length, (*last.properties, added)))


def _body(
    order: str, elements: list[_Element], body: bytes
) -> tuple[_Values, tuple[str, NDArray[np.int64], NDArray[Any]] | None, dict[str, _Values]]:
    """The values of the vertices, of the faces their element's name, lengths and corners, and the
    values of elements of one row in front of them.
    """
    wanted = [place for place, element in enumerate(elements)
              if element.name in ("vertex", "face", "tristrips") and element.length]  # fmt: skip
    source = _Text(body) if not order else _Binary(body, order)
    vertices: _Values = {}
    listed = None
    single: dict[str, _Values] = {}
    for element in elements[: max(wanted, default=-1) + 1]:
        values, lists = source.take(element)
        if element.name == "vertex":
            vertices = values
        elif element.name in ("face", "tristrips") and lists:
            names = [name for name in lists if name.startswith("vertex_ind")]
            listed = (element.name, *lists[names[0] if names else next(iter(lists))])
        elif element.length == 1:
            single[element.name] = values
    return vertices, listed, single


def _unstripped(corners: NDArray[Any]) -> NDArray[np.int64]:
    """Triangles of strips that end with -1; every second one is turned round."""
    corners = corners.astype(np.int64)
    rows = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
    ends = np.flatnonzero(corners < 0)
    begins = np.concatenate([[0], ends + 1])
    places = np.arange(len(rows))
    within = places - begins[np.searchsorted(begins, places, side="right") - 1]
    rows[within % 2 == 1] = rows[within % 2 == 1][:, [1, 0, 2]]
    whole = (rows >= 0).all(axis=1)
    flat = (rows[:, 0] == rows[:, 1]) | (rows[:, 1] == rows[:, 2]) | (rows[:, 0] == rows[:, 2])
    return rows[whole & ~flat]


class _Text:
    """The numbers of an ascii body, taken element by element."""

    def __init__(self, body: bytes) -> None:
        with warnings.catch_warnings():
            # NumPy warns where it stops at something that is no number.
            warnings.simplefilter("error", DeprecationWarning)
            try:
                self._numbers = np.fromstring(body.decode("latin-1"), dtype=np.float64, sep=" ")
            except DeprecationWarning:
                words = body.split()
                self._numbers = np.array([_number(word) for word in words], dtype=np.float64)
        self._place = 0

    def take(self, element: _Element) -> tuple[_Values, _Lists]:
        """The values and lists of an element; ValueError where the body ends too early."""
        starts, counts = [], []
        place, numbers = self._place, self._numbers
        lists = [item for item in element.properties if item.count]
        if not lists:
            width = len(element.properties)
            table = numbers[place : place + width * element.length]
            if len(table) < width * element.length:
                raise Damage("it ends in the middle of its numbers")
            self._place += len(table)
            table = table.reshape(element.length, width)
            return {
                p.name: _cast(table[:, i], p.kind) for i, p in enumerate(element.properties)
            }, {}
        for _ in range(element.length):
            for item in element.properties:
                starts.append(place)
                count = int(numbers[place]) if item.count else 0
                if count < 0:
                    raise Damage("a list has a negative length")
                counts.append(count)
                place += 1 + count
        if place > len(numbers):
            raise Damage("it ends in the middle of its numbers")
        self._place = place
        width = len(element.properties)
        begin = np.array(starts, dtype=np.int64).reshape(-1, width)
        length = np.array(counts, dtype=np.int64).reshape(-1, width)
        values: _Values = {}
        found: _Lists = {}
        for column, item in enumerate(element.properties):
            if item.count:
                where = _ranges(begin[:, column] + 1, length[:, column])
                found[item.name] = length[:, column], _cast(numbers[where], item.kind)
            else:
                values[item.name] = _cast(numbers[begin[:, column]], item.kind)
        return values, found


class _Binary:
    """The rows of a binary body, taken element by element."""

    def __init__(self, body: bytes, order: str) -> None:
        self._body, self._order, self._place = body, order, 0

    def take(self, element: _Element) -> tuple[_Values, _Lists]:
        """The values and lists of an element; ValueError where the body ends too early."""
        lengths = self._lengths_of_first_row(element)
        row = self._row(element, lengths)
        rest = len(self._body) - self._place
        lists = [item for item in element.properties if item.count]
        if row.itemsize * element.length <= rest:
            rows = np.frombuffer(self._body, row, element.length, self._place)
            if all((rows[f"#{item.name}"] == lengths[item.name]).all() for item in lists):
                self._place += row.itemsize * element.length
                values = {p.name: rows[p.name] for p in element.properties if not p.count}
                found = {
                    item.name: (
                        np.full(element.length, lengths[item.name], dtype=np.int64),
                        rows[item.name].reshape(-1),
                    )
                    for item in lists
                }
                return values, found
        if not lists:
            raise Damage("it ends in the middle of its points")
        return self._ragged(element)

    def _row(self, element: _Element, lengths: dict[str, int]) -> np.dtype[Any]:
        fields: list[Any] = []
        for item in element.properties:
            if item.count:
                fields.append((f"#{item.name}", self._order + item.count))
                fields.append((item.name, self._order + item.kind, (lengths[item.name],)))
            else:
                fields.append((item.name, self._order + item.kind))
        return np.dtype(fields)

    def _lengths_of_first_row(self, element: _Element) -> dict[str, int]:
        place, lengths = self._place, {}
        for item in element.properties if element.length else ():
            if item.count:
                lengths[item.name] = self._count(item, place)
                place += np.dtype(item.count).itemsize
                place += lengths[item.name] * np.dtype(item.kind).itemsize
            else:
                place += np.dtype(item.kind).itemsize
        return lengths or {item.name: 0 for item in element.properties if item.count}

    def _count(self, item: _Property, place: int) -> int:
        count = int(np.frombuffer(self._body, self._order + item.count, 1, place)[0])
        if not 0 <= count <= len(self._body):
            raise Damage("a list is longer than the file")
        return count

    def _ragged(self, element: _Element) -> tuple[_Values, _Lists]:
        """Rows of different lengths: their places first, then all values in one step."""
        body, place, order = self._body, self._place, self._order
        sizes = [np.dtype(item.kind).itemsize for item in element.properties]
        heads = [np.dtype(item.count or "V0").itemsize for item in element.properties]
        signs = [item.count.startswith("i") for item in element.properties]
        byte_order: Any = "little" if order == "<" else "big"
        starts, counts = [], []
        steps = list(zip(heads, sizes, signs, strict=True))
        for _ in range(element.length):
            for head, size, signed in steps:
                count = 1
                if head:
                    count = int.from_bytes(body[place : place + head], byte_order, signed=signed)
                    if count < 0:
                        raise Damage("a list has a negative length")
                    place += head
                starts.append(place)
                counts.append(count)
                place += count * size
            if place > len(body):
                raise Damage("it ends in the middle of its rows")
        self._place = place
        width = len(element.properties)
        begin = np.array(starts, dtype=np.int64).reshape(-1, width)
        length = np.array(counts, dtype=np.int64).reshape(-1, width)
        content = np.frombuffer(body, np.uint8)
        values: _Values = {}
        found: _Lists = {}
        for column, item in enumerate(element.properties):
            where = _ranges(begin[:, column], length[:, column] * sizes[column])
            taken = content[where].view(order + item.kind)
            if item.count:
                found[item.name] = length[:, column], taken
            else:
                values[item.name] = taken
        return values, found


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """All numbers of ranges that begin at `starts` (N,) and have `lengths` (N,)."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - lengths), lengths)


def _number(word: bytes) -> float:
    """A number, or NaN for the words that C libraries print for one."""
    try:
        return float(word)
    except ValueError:
        if b"nan" in word.lower() or word.lower().lstrip(b"+-").startswith(b"1.#"):
            return float("nan")
        raise Damage("{word!r} is no number", word=word[:20].decode("latin-1")) from None


def _cast(values: NDArray[np.float64], kind: str) -> NDArray[Any]:
    """Numbers of an ascii body as the type that is declared; coordinates keep all digits."""
    if kind[0] == "f":
        return values
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    known = np.isfinite(values) & (values >= low) & (values <= high)
    return np.where(known, values, 0).astype(kind) if known.all() else values
