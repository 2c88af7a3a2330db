"""Text with one point a line: .xyz .txt .csv .asc .pts .xyzn .xyzrgb .tsv, COLMAP, and .ptx.

What the columns are is said by a line of names where there is one. Else x, y and z come first, and
what was taken for colours is noted.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...sentences import Sentence
from ..content import Content, cells_of_rows
from ..limits import read_bytes
from .columns import as_colours, colour_columns, coordinate_columns, look_like_colours
from .text_files import decode_text

_COMMENTS = ("#", "//", "%", "!")
_LOOKED_AT = 200
_DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+([eE][+-]?\d+)?")
_NOT_A_NUMBER = re.compile(r"[+-]?(nan\(.*\)|1\.#\w+|null|none|n/?a|-+|\*+)?", re.IGNORECASE)
# What may be left out of a file with a few broken lines, as a share of all.
_BROKEN_SHARE = 0.1
_COLMAPS_OTHERS = ("image list with", "camera list with")


@dataclass(frozen=True)
class _Lines:
    """A file's lines: those of points, those in front that may hold names, and how they are cut.

    separator: None for blanks and tabs.
    """

    rows: list[str]
    headings: list[str]
    separator: str | None
    has_decimal_commas: bool = False

    def cut(self, line: str) -> list[str]:
        return [cell.strip().strip("\"'") for cell in line.split(self.separator)]


def read(path: Path, kind: str) -> Content:
    """The points of a text file, with their colours where it has some."""
    text = decode_text(read_bytes(path), path.name)
    if path.suffix.lower() == ".ptx":
        return _read_ptx(text, path.name)
    lines = _lines(text, path.name)
    if not lines.rows:
        raise InputError("{name} has no points.", name=path.name)
    names = _names(lines)
    table, notes, names = _table(lines, names, path.name)
    content = _content(table, names, path)
    if lines.has_decimal_commas:
        notes.append(Sentence("Commas between digits were taken for decimal points"))
    content = Content(content.points, None, content.colours, notes=(*notes, *content.notes))
    return cells_of_rows(content, kind)


def _lines(text: str, name: str) -> _Lines:
    """Sorts the lines; commas between digits become points where they are decimal."""
    comments: list[str] = []
    rows: list[str] = []
    for line in text.splitlines():
        line = line.strip()
        if not line:
            continue
        if line.startswith(_COMMENTS):
            if not rows:
                comments.append(line.lstrip("#/%! "))
        else:
            rows.append(line)
    if any(heading.lower().startswith(_COLMAPS_OTHERS) for heading in comments):
        raise InputError(
            "{name} is COLMAP's list of pictures or cameras: the points are in points3D.txt.",
            name=name,
        )
    first = next((i for i, row in enumerate(rows[:_LOOKED_AT]) if _is_point(row)), 0)
    headings, rows = [*comments, *rows[:first]], rows[first:]
    sample = rows[:_LOOKED_AT]
    separator = _separator(sample)
    is_decimal = separator != "," and _has_decimal_commas(sample, separator)
    if is_decimal:
        rows = [row.replace(".", "").replace(",", ".") for row in rows]
    return _Lines(rows, headings, separator, is_decimal)


def _is_point(row: str) -> bool:
    """Whether a line has at least three numbers, perhaps behind a name."""
    cells = [cell.strip("\"' ") for cell in re.split(r"[;\t, ]+", row.replace(", ", ",")) if cell]
    return len(cells) >= 3 and sum(_is_number(cell) for cell in cells[:8]) >= min(3, len(cells))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _separator(sample: list[str]) -> str | None:
    """Semicolons and tabs only separate; commas do unless blanks or these do it as well."""
    for mark in (";", "\t"):
        if sum(mark in row for row in sample) > len(sample) / 2:
            return mark
    if sum("," in row for row in sample) <= len(sample) / 2:
        return None
    # "0,25 0,50 0,75" is separated by blanks, "0.25, 0.50, 0.75" by commas.
    return None if _has_decimal_commas(sample, None) else ","


def _has_decimal_commas(sample: list[str], separator: str | None) -> bool:
    cells = [cell.strip("\"' ") for row in sample for cell in row.split(separator)]
    cells = [cell for cell in cells if "," in cell or "." in cell]
    return bool(cells) and all(_DECIMAL_COMMA.fullmatch(cell) for cell in cells)


def _names(lines: _Lines) -> list[str] | None:
    """The names of the columns, of the last heading that names x, y and z."""
    for heading in reversed(lines.headings):
        for cut in (lines.cut(heading), re.split(r"[;,\t ]+", heading), heading.split(",")):
            names = [cell.strip().strip("\"'") for cell in cut]
            if coordinate_columns(names) is not None:
                return names
    return None


def _table(
    lines: _Lines, names: list[str] | None, name: str
) -> tuple[NDArray[np.float64], list[Sentence], list[str] | None]:
    """The numbers (N, C), notes, and the names of their columns where those are known."""
    rows = [row for row in lines.rows if len(row) > 8 or len(lines.cut(row)) > 1]
    widths = [len(lines.cut(row)) for row in rows[:_LOOKED_AT]]
    width = int(np.median(widths)) if widths else 0
    is_ragged = len(set(widths)) > 1
    if names is not None:
        wanted = [*(coordinate_columns(names) or ()), *(colour_columns(names) or ())]
        # Names of x, y and z alone say nothing of what is behind them.
        is_part = wanted == [0, 1, 2] and len(names) < width
        if not is_part and max(wanted[:3]) < max(widths, default=0):
            table, notes = _numbers(lines, rows, wanted, name)
            return table, notes, [names[column] for column in wanted]
    if is_ragged and _is_colmap(lines, rows):
        table, notes = _numbers(lines, rows, [1, 2, 3, 4, 5, 6], name)
        note = Sentence("Columns 2 to 7 were taken for x, y, z and colours, as COLMAP writes them")
        return table, [note, *notes], ["x", "y", "z", "red", "green", "blue"]
    if width < 3:
        raise InputError(
            "{name} is not a list of points: its lines have {width} columns, not x, y and z.",
            name=name, width=width,
        )  # fmt: skip
    # Columns of words are no numbers; points with a name in front have one.
    cut = [lines.cut(row) for row in rows[:_LOOKED_AT]]
    least = min(widths) if is_ragged else width
    columns = [
        column
        for column in range(max(3, least) if min(widths) >= 3 else width)
        if sum(column < len(cells) and _is_number(cells[column]) for cells in cut) > len(cut) / 2
    ]
    if len(columns) < 3:
        raise InputError(
            "{name} is not a list of points: line {line!r} has no three numbers.",
            name=name, line=rows[0][:60],
        )  # fmt: skip
    table, notes = _numbers(lines, rows, columns, name)
    if columns[0] > 0:
        notes.append(Sentence("The first column, of words, was left out"))
    return table, notes, None


def _is_colmap(lines: _Lines, rows: list[str]) -> bool:
    """Whether uneven rows are COLMAP's points: a number, x y z, three colours, error, a track."""
    sample = [lines.cut(row) for row in rows[:_LOOKED_AT]]
    if any(len(cells) < 8 or len(cells) % 2 for cells in sample):
        return False
    whole = (cell.isdigit() for cells in sample for cell in (cells[0], *cells[4:7], *cells[8:]))
    return all(whole) and all(int(cell) < 256 for cells in sample for cell in cells[4:7])


def _numbers(
    lines: _Lines, rows: list[str], columns: list[int], name: str
) -> tuple[NDArray[np.float64], list[Sentence]]:
    """The wanted columns of all rows (N, C); lines that can't be read are left out and counted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = np.loadtxt(
                rows, delimiter=lines.separator, usecols=columns, ndmin=2, comments=None,
                quotechar='"',
            )  # fmt: skip
        return table, []
    except (ValueError, IndexError, OverflowError):
        pass  # some line is broken: one at a time
    found, broken, example = [], 0, ""
    for row in rows:
        cells = lines.cut(row)
        try:
            found.append([_number(cells[column]) for column in columns])
        except (ValueError, IndexError):
            broken, example = broken + 1, example or row
    if not found or broken > max(3, _BROKEN_SHARE * len(rows)):
        raise InputError(
            "{name} is not a list of points: {count:,} of {total:,} lines have no numbers where "
            "they should, such as {line!r}.",
            name=name, count=broken, total=len(rows), line=example[:60],
        )  # fmt: skip
    notes = []
    if broken:
        notes.append(
            Sentence("{count:,} broken lines were left out, such as {line!r}", count=broken,
                     line=example[:60])
        )  # fmt: skip
    return np.array(found, dtype=np.float64), notes


def _number(cell: str) -> float:
    return float("nan") if _NOT_A_NUMBER.fullmatch(cell) else float(cell)


def _content(table: NDArray[np.float64], names: list[str] | None, path: Path) -> Content:
    """Points and colours among the columns of a table, by their names or by what they hold."""
    if names is not None:
        colours = as_colours(table[:, 3:6]) if len(names) >= 6 else None
        return Content(table[:, :3], colours=colours)
    notes: list[Sentence] = []
    finite = table[np.isfinite(table).all(axis=1)]
    if table.shape[1] > 3 and len(finite) > 1 and _counts(finite):
        table, finite = table[:, 1:], finite[:, 1:]
        notes.append(
            Sentence(
                "The first column counts the points, so the next three were taken for x, y and z; "
                "a first line such as 'x y z label' says otherwise"
            )
        )
    start = None if len(finite) == 0 else _colour_start(finite, path)
    if start is None:
        return Content(table[:, :3], notes=tuple(notes))
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
    return Content(table[:, :3], colours=colours, notes=tuple(notes))


def _counts(table: NDArray[np.float64]) -> bool:
    """Whether the first column numbers the rows, and the three behind it are no whole numbers."""
    steps = np.diff(table[:, 0])
    return bool(
        (steps == steps[0]).all()
        and steps[0] in (1, 10)
        and np.array_equal(table[:, 0], np.round(table[:, 0]))
        and not np.array_equal(table[:, 1:4], np.round(table[:, 1:4]))
    )


def _colour_start(table: NDArray[np.float64], path: Path) -> int | None:
    """The first of three columns that look like colours, behind x, y and z."""
    starts = [start for start in (3, 4, 6) if look_like_colours(table[:, start : start + 3])]
    starts = [start for start in starts if table.shape[1] >= start + 3]
    if path.suffix.lower() == ".xyzn" or not starts:
        return None
    if starts[:2] == [3, 4] and table.shape[1] == 7:
        # x y z r g b a, or an intensity on either side: an opaque alpha is the same everywhere.
        return 3 if table[:, 6].min() == table[:, 6].max() else 4
    return starts[0]


def _read_ptx(text: str, name: str) -> Content:
    """Leica's gridded scans: columns, rows, pose, matrix (4, 4) and the points, once for each scan.

    Cells that saw nothing are at the scanner's origin.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    parts, colours, place = [], [], 0
    try:
        while place < len(lines):
            count = int(lines[place]) * int(lines[place + 1])
            rows = lines[place + 10 : place + 10 + count]
            if count < 1 or len(rows) != count:
                raise InputError(
                    "{name} announces {count:,} points and holds {held:,}.",
                    name=name, count=count, held=len(rows),
                )  # fmt: skip
            matrix = np.loadtxt(lines[place + 6 : place + 10], ndmin=2).T
            table = np.loadtxt(rows, ndmin=2)
            seen = np.isfinite(table).all(axis=1) & (table[:, :3] != 0).any(axis=1)
            table = table[seen]
            parts.append(table[:, :3] @ matrix[:3, :3].T + matrix[:3, 3])
            colours.append(table[:, 4:7])
            place += 10 + count
    except (ValueError, IndexError) as error:
        raise InputError("{name} is damaged or not a PTX scan.", name=name) from error
    if not parts:
        raise InputError("{name} has no points.", name=name)
    joined = np.concatenate(colours) if all(part.shape[1] == 3 for part in colours) else None
    found = None if joined is None or not len(joined) else as_colours(joined)
    return Content(np.concatenate(parts), colours=found)
