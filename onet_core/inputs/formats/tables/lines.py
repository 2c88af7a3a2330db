"""The lines of a text file with one point a line: which they are, how they are cut into cells.

What is odd about how a file writes its numbers (quotes, brackets, decimal commas, thousands
separators, Fortran's exponents) is found in its first lines and then changed in all of them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ....errors import InputError
from ....sentences import Sentence

LOOKED_AT = 200
# With the numbers of all pictures that see it, a point takes some thousand characters.
_LONGEST = 1_000_000
_COMMENTS = ("#", "//", "%", "!")
_COLMAPS_OTHERS = ("image list with", "camera list with")
# Joins the cells of lines that had quotes; in no text file.
_CUT = "\x1f"
# Between groups of three digits: apostrophes, and blanks of several widths.
_APOSTROPHES = "'\u2019"
_BLANKS = " \u00a0\u2007\u2009\u202f"
_DECIMAL_COMMA = re.compile(
    rf"[+-]?(\d{{1,3}}([.{_APOSTROPHES}{_BLANKS}]\d{{3}})+|\d*)(,\d+)?([eE][+-]?\d+)?"
)
_THOUSANDS = re.compile(rf"[+-]?\d{{1,3}}([,{_APOSTROPHES}{_BLANKS}]\d{{3}})+(\.\d*)?")
_FORTRAN = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")
# A name of a part of an array, such as Houdini's "P[0]".
_INDEXED = re.compile(r"[A-Za-z_][\[(]\d[\])]")
# A list of lists, and what programs print in front of one: "array(", "tensor(", "points = ".
_NESTED = ("[[", "((", "[(", "{{")
_CALL = re.compile(r"^\s*[A-Za-z_][\w.]*\s*[(=]\s*(?=\[\s*\[)")
_QUOTED = re.compile(r'"[^"]*"')
_BRACKETS = str.maketrans("()[]{}", " " * 6)
_NO_MARKS = _BRACKETS | str.maketrans("", "", _APOSTROPHES)
_MARKS = re.compile(rf"[;\t|,{_CUT} ]+")


@dataclass(frozen=True)
class Lines:
    """A file's lines: those of points, those in front that may hold names, and how they are cut.

    separator: None for blanks and tabs.
    notes: what was decided about the numbers.
    """

    rows: list[str]
    headings: list[str]
    separator: str | None
    notes: tuple[Sentence, ...] = field(default=())

    def cut(self, line: str) -> list[str]:
        """The cells of a line."""
        return [cell.strip().strip("\"'") for cell in line.split(self.separator)]

    @property
    def sample(self) -> list[str]:
        return self.rows[:LOOKED_AT]

    def names(self) -> Iterator[list[str]]:
        """What the cells of headings may be, those of the last heading first."""
        for heading in reversed(self.headings):
            for cut in (
                self.cut(heading), re.split(rf"[;,|\t {_CUT}]+", heading), heading.split(","),
            ):  # fmt: skip
                yield [cell.strip().strip("\"'") for cell in cut]


def lines_of(text: str, name: str) -> Lines:
    """Sorts the lines of a text; raises InputError where it is known to hold no points."""
    text = text.replace("\u2212", "-").rstrip("\0\x1a\r\n ")
    text = _CALL.sub("", text, count=1)
    start = text[:64].lstrip()
    if start.startswith(("{", "[{")) and not start.startswith(_NESTED):
        raise InputError(
            "{name} is JSON, not rows of numbers: save the points as .csv or .ply.", name=name
        )
    if start.startswith(_NESTED):
        text = re.sub(r"[\])}]\s*,?\s*", "\n", text)
    listed = text.splitlines()
    longest = max(map(len, listed), default=0)
    if longest > _LONGEST:
        raise InputError(
            "{name} is not a list of points: a line of it has {count:,} characters.",
            name=name, count=longest,
        )  # fmt: skip
    comments, rows = _sorted(listed)
    if any(heading.lower().startswith(_COLMAPS_OTHERS) for heading in comments):
        raise InputError(
            "{name} is COLMAP's list of pictures or cameras: the points are in points3D.txt.",
            name=name,
        )
    if _is_most('"' in row for row in _points_among(rows)):
        rows = _unquoted(rows)
    elif _is_most(row[0] in "([{" for row in _points_among(rows)):
        rows = [row.translate(_BRACKETS).strip(", ") for row in rows]
    if _is_most(row.endswith(";") and row.count(";") == 1 for row in _points_among(rows)):
        rows = [row.rstrip("; ") for row in rows]
    first = next((i for i, row in enumerate(rows[:LOOKED_AT]) if is_point(row)), 0)
    found = Lines(rows[first:], [*comments, *rows[:first]], None)
    found = replace(found, separator=_separator(found.sample))
    return _without_counted_names(_with_plain_numbers(found))


def is_point(row: str) -> bool:
    """Whether a line has at least three numbers, perhaps behind a name."""
    if _INDEXED.search(row):
        return False
    plain = row.translate(_NO_MARKS).replace(", ", ",")
    cells = [cell.strip('"') for cell in _MARKS.split(_FORTRAN.sub("e", plain)) if cell]
    return len(cells) >= 3 and sum(is_number(cell) for cell in cells[:8]) >= min(3, len(cells))


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_most(found: Iterable[bool]) -> bool:
    """Whether more than half of these are true."""
    listed = list(found)
    return sum(listed) > len(listed) / 2


def _sorted(lines: list[str]) -> tuple[list[str], list[str]]:
    """Comments in front of the first other line, and all lines that are neither empty nor those."""
    comments: list[str] = []
    rows: list[str] = []
    for line in lines:
        line = line.strip()
        if not line:
            continue
        if line.startswith(_COMMENTS):
            if not rows:
                comments.append(line.lstrip("#/%! "))
        else:
            rows.append(line)
    return comments, rows


def _points_among(rows: list[str]) -> list[str]:
    """Some lines behind the headings."""
    return rows[min(20, len(rows) // 2) :][:LOOKED_AT]


def _unquoted(rows: list[str]) -> list[str]:
    """Lines with quotes, cut as spreadsheets mean it and joined by a mark of ours."""
    bare = [_QUOTED.sub("", row) for row in _points_among(rows)]
    mark = next((m for m in ";\t,|" if _is_most(m in row for row in bare)), " ")
    listed = csv.reader(rows, delimiter=mark, skipinitialspace=True)
    try:
        return [_CUT.join(cells) for cells in listed]
    except csv.Error:  # a quote without its partner
        return [row.replace('"', "") for row in rows]


def _separator(sample: list[str]) -> str | None:
    """Semicolons, tabs and bars only separate; commas do unless blanks or these do it as well."""
    for mark in (_CUT, ";", "\t", "|"):
        if _is_most(mark in row for row in sample):
            return mark
    if _is_most("," in row for row in sample):
        # "0,25 0,50 0,75" is separated by blanks, "0.25, 0.50, 0.75" by commas.
        return None if _has_decimal_commas(_cells(sample, None)) else ","
    if _is_most(len(row.split()) < 3 and row.count(":") > 1 for row in sample):
        return ":"
    return None


def _cells(sample: list[str], separator: str | None) -> list[str]:
    cells = (cell.strip(" \"'") for row in sample for cell in row.split(separator))
    return [cell for cell in cells if cell]


def _has_decimal_commas(cells: list[str]) -> bool:
    marked = [cell for cell in cells if "," in cell or "." in cell]
    commas = [cell for cell in marked if "," in cell]
    return bool(commas) and all(_DECIMAL_COMMA.fullmatch(cell) for cell in marked)


def _with_plain_numbers(lines: Lines) -> Lines:
    """The lines with numbers as Python reads them."""
    separator, cells = lines.separator, _cells(lines.sample, lines.separator)
    if separator != "," and _has_decimal_commas(cells):
        drop = "." if separator is None else "." + _APOSTROPHES + _BLANKS
        change = str.maketrans({**dict.fromkeys(drop, None), ",": "."})
        return _changed(
            lines, [row.translate(change) for row in lines.rows],
            Sentence("Commas between digits were taken for decimal points"),
        )  # fmt: skip
    if separator is not None and _has_thousands(cells):
        dropped = ("," + _APOSTROPHES + _BLANKS).replace(separator, "")
        without = str.maketrans("", "", dropped)
        return _changed(
            lines, [row.translate(without) for row in lines.rows],
            Sentence("Marks between groups of three digits were taken for thousands separators"),
        )  # fmt: skip
    if any(_FORTRAN.search(cell) and is_number(_FORTRAN.sub("e", cell)) for cell in cells):
        return replace(lines, rows=[_FORTRAN.sub("e", row) for row in lines.rows])
    if separator == "," and _are_pairs(lines):
        joined = (row.split(",") for row in lines.rows)
        rows = [
            ";".join(f"{a}.{b}" for a, b in zip(row[::2], row[1::2], strict=False))
            for row in joined
        ]
        note = Sentence("Every second comma was taken for a decimal point")
        return _changed(replace(lines, separator=";"), rows, note)
    return lines


def _changed(lines: Lines, rows: list[str], note: Sentence) -> Lines:
    return replace(lines, rows=rows, notes=(*lines.notes, note))


def _has_thousands(cells: list[str]) -> bool:
    """Whether cells are numbers, some of them with marks between groups of three digits."""
    grouped = [cell for cell in cells if not is_number(cell)]
    with_groups = [cell for cell in grouped if _THOUSANDS.fullmatch(cell)]
    return bool(with_groups) and len(with_groups) > 0.9 * len(grouped)


def _are_pairs(lines: Lines) -> bool:
    """Whether comma-separated lines are numbers with decimal commas.

    These are whole numbers throughout, and behind every other comma some begin with zeros.
    """
    cut = [row.split(",") for row in lines.sample]
    if any(len(row) < 6 or len(row) % 2 for row in cut):
        return False
    behind = [cell for row in cut for cell in row[1::2]]
    if not all(cell.isdigit() for cell in behind):
        return False
    if not all(re.fullmatch(r"[+-]?\d+", cell) for row in cut for cell in row[::2]):
        return False
    return any(len(cell) > 1 and cell[0] == "0" for cell in behind)


def _without_counted_names(lines: Lines) -> Lines:
    """The lines without a first one of column numbers, as tables without names are written.

    Its cells become names: 0, 1 and 2 (or 1, 2 and 3) are x, y and z.
    """
    cells = [cell for cell in lines.cut(lines.rows[0]) if cell] if lines.rows else []
    if len(lines.rows) < 3 or len(cells) < 3 or not all(cell.isdigit() for cell in cells):
        return lines
    numbers = [int(cell) for cell in cells]
    if numbers[0] not in (0, 1) or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return lines
    if all(cell.lstrip("+-").isdigit() for cell in lines.cut(lines.rows[1]) if cell):
        return lines
    first = len(lines.cut(lines.rows[0])) - len(cells)
    names = [*("index" for _ in range(first)), "x", "y", "z", *cells[3:]]
    return replace(lines, rows=lines.rows[1:], headings=[*lines.headings, ",".join(names)])
