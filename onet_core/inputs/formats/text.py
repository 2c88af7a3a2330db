"""Text with one point a line: .xyz .txt .csv .asc .pts .xyzn .xyzrgb .tsv, COLMAP, and .ptx.

What the columns are is said by a line of names where there is one. Else x, y and z come first, and
what was taken for colours is noted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, NoPointsError
from ...sentences import Sentence
from ..content import Content, cells_of_rows
from ..limits import read_bytes
from .tables.columns import (
    DARKEST,
    MOST_COLUMNS,
    alike_columns,
    are_polar,
    are_poses,
    as_colours,
    as_normals,
    colour_columns,
    coordinate_columns,
    lacks_height,
    look_like_colours,
    look_like_normals,
    name_turns,
    normal_columns,
    packed_column,
    place_columns,
    unpacked_colours,
)
from .tables.encodings import decode_text
from .tables.esri import is_esri, read_esri
from .tables.lines import Lines, is_number, lines_of
from .tables.numbers import numbers_of
from .tables.ptx import read_ptx

# Whole numbers in front of coordinates that begin at this or below may count points or pixels.
_FIRST_NUMBER = 1
# A first column that counts this many rows without a gap is no coordinate.
_COUNTED = 16
# Seconds from 1970 to 1973; no place on earth has as many metres.
_EARLIEST = 1e8
# The radius of the earth at the equator in metres, and its first eccentricity squared (WGS 84).
_RADIUS, _ECCENTRICITY = 6378137.0, 0.00669437999014


def read(path: Path, kind: str) -> Content:
    """The points of a text file, with their colours where it has some."""
    text = decode_text(read_bytes(path), path.name)
    if path.suffix.lower() == ".ptx":
        return read_ptx(text, path.name)
    if is_esri(text):
        return read_esri(text, path.name)
    lines = lines_of(text, path.name)
    if not lines.rows:
        raise NoPointsError("{name} has no points.", name=path.name)
    content = _by_names(lines, path.name) or _unnamed(lines, path, kind)
    content = _with_count(content, lines, path)
    for note in lines.notes:
        content = content.noting(note.template, **note.values)
    return cells_of_rows(content, kind)


def _with_count(content: Content, lines: Lines, path: Path) -> Content:
    """The content, with a note where a .pts file announces more points than it holds."""
    if path.suffix.lower() != ".pts" or content.points is None:
        return content
    announced = sum(int(row) for row in (*lines.headings, *lines.rows) if row.isdigit())
    if announced <= len(content.points):
        return content
    return content.noting(
        "It announces {count:,} points and holds {held:,}, so it may be cut off",
        count=announced, held=len(content.points),
    )  # fmt: skip


def _by_names(lines: Lines, name: str) -> Content | None:
    """The points of a file whose heading names x, y and z or degrees; None for other files."""
    cut = [lines.cut(row) for row in _rows(lines, lines.sample)]
    widths = [len(cells) for cells in cut]
    for listed in lines.names():
        names = _as_wide(listed, cut)
        axes = coordinate_columns(names) or place_columns(names)
        if axes is not None:
            break
    else:
        return None
    painted, packed = colour_columns(names), packed_column(names)
    if packed is not None and not any(is_number(cells[packed]) for cells in cut if cells[packed:]):
        packed = None  # colours as words
    looking = normal_columns(names)
    paint = painted or ([packed] if packed is not None else [])
    wanted = [*axes, *paint, *(looking or [])]
    # Names of x, y and z alone say nothing of what is behind them.
    is_part = wanted == [0, 1, 2] and len(names) < (int(np.median(widths)) if widths else 0)
    if is_part or max(axes) >= max(widths, default=0):
        return None
    if max(wanted) >= max(widths, default=0):
        painted, packed, looking, wanted = None, None, None, axes
    table, notes = numbers_of(lines, _rows(lines, lines.rows), wanted, name)
    colours = None
    if painted is not None:
        colours = as_colours(table[:, 3:6])
    elif packed is not None:
        colours = unpacked_colours(table[:, 3])
    normals = None if looking is None else as_normals(table[:, -3:])
    points = table[:, :3]
    if coordinate_columns(names) is None:
        points, note = _metres_around(points)
        normals = None
        notes.append(note)
    if alike_columns(names) > 1:
        notes.append(
            Sentence(
                "Its rows hold several points each, of which {names} were taken",
                names=", ".join(names[axis] for axis in axes),
            )
        )
    if name_turns(names):
        notes.append(
            Sentence(
                "Its columns name turns, such as pitch and roll: it may hold places of cameras or "
                "a path, not points of a surface"
            )
        )
    return Content(points, colours=colours, normals=normals, notes=tuple(notes))


def _as_wide(names: list[str], cut: list[list[str]]) -> list[str]:
    """Names for every column, where one is missing in front or words are before the first.

    cut: cells of some rows. R writes no name for its column of row names, and comments begin with
    words such as "FIELDS".
    """
    width = len(cut[0]) if cut else 0
    if any(len(cells) != width for cells in cut):
        return names
    if len(names) == width + 1 and names[-1] and coordinate_columns(names[1:]) is not None:
        return names[1:]
    first = [cells[0] for cells in cut]
    counts = [int(cell) for cell in first if cell.isdigit()]
    is_number_of_rows = len(counts) == len(first) and np.ptp(np.diff(counts) - 1) == 0
    if (
        len(names) == width - 1
        and len(cut) > 2
        and (is_number_of_rows or not any(map(is_number, first)))
    ):
        return ["", *names]
    return names


def _heading(lines: Lines, width: int) -> list[str]:
    """The names of all columns that a heading gives, none of which need be known; else none."""
    for heading in reversed(lines.headings):
        names = lines.cut(heading)
        if len(names) == width and not any(map(is_number, names)) and all(names[:3]):
            return names
    return []


def _metres_around(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], Sentence]:
    """Longitude, latitude (degrees) and altitude (N, 3) as metres east, north and up."""
    known = places[np.isfinite(places).all(axis=1)]
    middle = (known[:, :2].min(0) + known[:, :2].max(0)) / 2 if len(known) else np.zeros(2)
    narrowing = 1 - _ECCENTRICITY * np.sin(np.radians(middle[1])) ** 2
    east = _RADIUS / np.sqrt(narrowing) * np.cos(np.radians(middle[1]))
    north = _RADIUS * (1 - _ECCENTRICITY) / narrowing**1.5
    moved = np.radians(places[:, :2] - middle) * (east, north)
    return np.column_stack([moved, places[:, 2]]), Sentence(
        "Degrees became metres around latitude {latitude:.6f}, longitude {longitude:.6f}",
        latitude=float(middle[1]), longitude=float(middle[0]),
    )  # fmt: skip


def _unnamed(lines: Lines, path: Path, kind: str) -> Content:
    """The points of a file without names of columns, or without any that are known."""
    name = path.name
    sample = _rows(lines, lines.sample)
    cut = [lines.cut(row) for row in sample]
    widths = [len(cells) for cells in cut]
    width = int(np.median(widths)) if widths else 0
    is_ragged = len(set(widths)) > 1
    if is_ragged and _is_colmap(cut):
        rows = _rows(lines, lines.rows)
        table, notes = numbers_of(lines, rows, [1, 2, 3, 4, 5, 6], name)
        note = Sentence("Columns 2 to 7 were taken for x, y, z and colours, as COLMAP writes them")
        colours = as_colours(table[:, 3:6])
        return Content(table[:, :3], colours=colours, notes=(note, *notes))
    if width < 3:
        raise InputError(
            "{name} is not a list of points: its lines have {width} columns, not x, y and z.",
            name=name, width=width,
        )  # fmt: skip
    if width > MOST_COLUMNS and kind == "auto":
        raise InputError(
            "{name} has {width} numbers a line, which is no list of points; --kind points takes "
            "the first three for x, y and z.",
            name=name, width=width,
        )  # fmt: skip
    headed = _heading(lines, width)
    if are_polar(headed):
        raise InputError(
            "{name} holds angles and distances ({names}), not x, y and z.",
            name=name, names=", ".join(headed[:8]),
        )  # fmt: skip
    if lacks_height(headed):
        raise InputError(
            "{name} has columns named {names}, but none for z.",
            name=name, names=", ".join(headed[:8]),
        )  # fmt: skip
    # Columns of words are no numbers; points with a name in front have one.
    least = min(widths) if is_ragged else width
    columns = [
        column
        for column in range(max(3, least) if min(widths) >= 3 else width)
        if sum(column < len(cells) and is_number(cells[column]) for cells in cut) > len(cut) / 2
    ]
    if len(columns) < 3:
        raise InputError(
            "{name} is not a list of points: line {line!r} has no three numbers.",
            name=name, line=sample[0][:60],
        )  # fmt: skip
    table, notes = numbers_of(lines, _rows(lines, lines.rows), columns, name)
    if columns[0] > 0:
        notes.append(Sentence("The first column, of words, was left out"))
    if are_poses(table):
        raise InputError("{name} holds positions and turns of a camera, not points.", name=name)
    return _by_habit(table, notes, path, [headed[column] for column in columns if headed])


def _rows(lines: Lines, among: list[str]) -> list[str]:
    """The lines of points among some; those with one short cell are counts between scans."""
    return [row for row in among if len(row) > 8 or len(row.split(lines.separator, 1)) > 1]


def _is_colmap(cut: list[list[str]]) -> bool:
    """Whether uneven rows are COLMAP's points: a number, x y z, three colours, error, a track."""
    if any(len(cells) < 8 or len(cells) % 2 for cells in cut):
        return False
    whole = (cell.isdigit() for cells in cut for cell in (cells[0], *cells[4:7], *cells[8:]))
    return all(whole) and all(int(cell) < 256 for cells in cut for cell in cells[4:7])


def _by_habit(
    table: NDArray[np.float64], notes: list[Sentence], path: Path, names: list[str]
) -> Content:
    """Points and colours among the columns of a table, by what they hold.

    names: those of the columns, which say nothing of coordinates; may be none.
    """
    finite = table[np.isfinite(table).all(axis=1)]
    counting = _counting_columns(finite)
    if not counting and _is_time(finite):
        table, finite, names = table[:, 1:], finite[:, 1:], names[1:]
        notes.append(
            Sentence(
                "The first column only grows, as times do, so the next three were taken for x, y "
                "and z; a first line such as 'x y z label' says otherwise"
            )
        )
    if counting:
        table, finite = table[:, counting:], finite[:, counting:]
        notes.append(
            Sentence(
                "The first column counts the points, so the next three were taken for x, y and z; "
                "a first line such as 'x y z label' says otherwise"
            )
            if counting == 1
            else Sentence(
                "The first two columns count rows and columns, so the next three were taken for "
                "x, y and z; a first line such as 'x y z nx ny nz' says otherwise"
            )
        )
    order, note = _swapped(finite)
    if note is not None:
        order += range(len(order), table.shape[1])
        table, finite = table[:, order], finite[:, order]
        names = [names[counting + column] for column in order] if names else []
        notes.append(note)
    elif names:
        notes.append(
            Sentence(
                "The columns {names} were taken for x, y and z; name the right ones x, y and z if "
                "these are others",
                names=", ".join(names[counting : counting + 3]),
            )
        )
    start = None if len(finite) == 0 else _colour_start(finite, path)
    if start is None:
        return Content(table[:, :3], normals=_unnamed_normals(table, (3,)), notes=tuple(notes))
    is_usual = start == (4 if path.suffix.lower() == ".pts" else 3)
    if not is_usual or (start == 3 and table.shape[1] > 6):
        notes.append(
            Sentence(
                "Columns {first} to {last} were taken for colours; a first line such as "
                "'x y z red green blue' says otherwise",
                first=start + 1, last=start + 3,
            )
        )  # fmt: skip
    colours = as_colours(table[:, start : start + 3])
    normals = _unnamed_normals(table, (start - 3, start + 3))
    return Content(table[:, :3], colours=colours, normals=normals, notes=tuple(notes))


def _is_time(table: NDArray[np.float64]) -> bool:
    """Whether the first of four columns or more are seconds since 1970, or parts of them."""
    if len(table) < 2 or table.shape[1] < 4:
        return False
    return bool(table[0, 0] > _EARLIEST and (np.diff(table[:, 0]) >= 0).all())


def _swapped(table: NDArray[np.float64]) -> tuple[list[int], Sentence | None]:
    """The order of the first columns (N, C), with what is to be said where it is not x, y, z."""
    if not len(table):
        return [], None
    if table.shape[1] > 5:
        first, second = table[:, :3], table[:, 3:6]
        is_whole = np.array_equal(first, np.round(first))
        are_places = not look_like_normals(second) and not look_like_colours(second)
        if is_whole and look_like_colours(first) and are_places and (second % 1 != 0).any():
            return [3, 4, 5, 0, 1, 2], Sentence(
                "The first three columns were taken for colours, the next three for x, y and z; a "
                "first line such as 'x y z nx ny nz' says otherwise"
            )
    middle = np.median(np.abs(table[:, :3]), axis=0)
    # Eastings of the zones of UTM have six digits, northings have seven.
    if 1e6 <= middle[0] < 1e7 and 1e5 <= middle[1] < 1e6 and middle[2] < 1e4:
        return [1, 0, 2], Sentence(
            "The first column was taken for northings, so y, and the second for eastings; a first "
            "line such as 'x y z' says otherwise"
        )
    return [], None


def _unnamed_normals(
    table: NDArray[np.float64], starts: tuple[int, ...]
) -> NDArray[np.float64] | None:
    """The first three columns from one of these on, behind x, y and z, that look like normals."""
    for start in starts:
        columns = table[:, start : start + 3]
        if start >= 3 and look_like_normals(columns):
            return as_normals(columns)
    return None


def _counting_columns(table: NDArray[np.float64]) -> int:
    """How many columns in front of x, y and z only count: 0, 1 (points) or 2 (rows and columns).

    They hold whole numbers, which no point shares with another, and what is behind them does not.
    """
    if len(table) < 2 or table.shape[1] < 4:
        return 0
    is_whole = (table == np.round(table)).all(axis=0)
    steps = np.diff(table[:, 0])
    if is_whole[0] and (steps == steps[0]).all() and steps[0] in (1, 10, -1):
        if not is_whole[1:4].all():
            return 1
        # Of whole coordinates x could go on like this by chance in a few rows only.
        return int(len(table) >= _COUNTED and abs(table[[0, -1], 0].min()) <= _FIRST_NUMBER)
    low = table.min(axis=0)
    is_small = 0 <= low[0] <= _FIRST_NUMBER or len(table) >= _COUNTED
    if is_whole[0] and not is_whole[1:4].any() and is_small:
        return int(len(np.unique(table[:, 0])) == len(table))
    if table.shape[1] < 5 or is_whole[2:5].any() or not is_whole[:2].all():
        return 0
    is_index = (low[:2] >= 0).all() and (low[:2] <= _FIRST_NUMBER).all()
    return 2 if is_index and len(np.unique(table[:, :2], axis=0)) == len(table) else 0


def _colour_start(table: NDArray[np.float64], path: Path) -> int | None:
    """The first of three columns that look like colours, behind x, y and z."""
    starts = [start for start in (3, 4, 6) if look_like_colours(table[:, start : start + 3])]
    starts = [start for start in starts if table.shape[1] >= start + 3]
    if path.suffix.lower() == ".xyzn" or not starts:
        return None
    if starts[:2] == [3, 4] and table.shape[1] == 7:
        # x y z r g b a, or an intensity on either side: an opaque alpha is the same everywhere.
        last = table[:, 6]
        is_label = np.array_equal(last, np.round(last)) and last.max() < DARKEST
        return 3 if is_label or last.min() == last.max() else 4
    return starts[0]
