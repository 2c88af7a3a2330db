"""Lines of text -> a table of numbers; the few that can't be read are left out and counted."""

from __future__ import annotations

import re
import warnings

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError
from ....sentences import Sentence
from .lines import Lines

_NOT_A_NUMBER = re.compile(
    r"[+-]?(nan\(.*\)|1\.#\w+|<?null>?|none|n/?a|#n/a|undefined|-+|\*+)?", re.IGNORECASE
)
# What may be left out of a file with a few broken lines, as a share of all.
_BROKEN_SHARE = 0.1
# Lines that are read in one step: of those around a broken one each is read by itself.
_TOGETHER = 2000


def numbers_of(
    lines: Lines, rows: list[str], columns: list[int], name: str
) -> tuple[NDArray[np.float64], list[Sentence]]:
    """The wanted columns of all rows (N, C); lines that can't be read are left out and counted.

    Raises InputError where too many can't be.
    """
    try:
        return _together(rows, lines.separator, columns), []
    except (ValueError, IndexError, OverflowError):
        pass  # some line is broken
    most = max(3, _BROKEN_SHARE * len(rows))
    found: list[NDArray[np.float64]] = []
    seen = 0
    broken: list[str] = []
    for start in range(0, len(rows), _TOGETHER):
        part = rows[start : start + _TOGETHER]
        seen += len(part)
        try:
            found.append(_together(part, lines.separator, columns))
        except (ValueError, IndexError, OverflowError):
            table, failed = _one_by_one(part, lines.separator, columns)
            found.append(table)
            broken += failed
        if len(broken) > most:
            break
    table = np.concatenate(found) if found else np.zeros((0, len(columns)))
    if not len(table) or len(broken) > most:
        example = broken[0] if broken else ""
        raise InputError(
            "{name} is not a list of points: {count:,} of {total:,} lines have no numbers where "
            "they should, such as {line!r}.",
            name=name, count=len(broken), total=seen, line=example[:60],
        )  # fmt: skip
    if not broken:
        return table, []
    note = Sentence(
        "{count:,} broken lines were left out, such as {line!r}",
        count=len(broken), line=broken[0][:60],
    )  # fmt: skip
    return table, [note]


def _together(rows: list[str], separator: str | None, columns: list[int]) -> NDArray[np.float64]:
    """The columns of rows that are all sound (N, C); raises ValueError where one is not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = np.loadtxt(
            rows, delimiter=separator, usecols=columns, ndmin=2, comments=None, quotechar='"'
        )
    if len(table) != len(rows):
        # An open quote joins lines.
        raise ValueError(len(table))
    return table


def _one_by_one(
    rows: list[str], separator: str | None, columns: list[int]
) -> tuple[NDArray[np.float64], list[str]]:
    """The columns of the rows that can be read (N, C), and the others."""
    found, broken = [], []
    last = max(columns)
    for row in rows:
        cells = row.split(separator, last + 1)
        try:
            found.append([_number(cells[column]) for column in columns])
        except (ValueError, IndexError):
            broken.append(row)
    return np.array(found, dtype=np.float64).reshape(-1, len(columns)), broken


def _number(cell: str) -> float:
    """A cell as a number, NaN where it says that there is none; raises ValueError for others."""
    try:
        return float(cell)
    except ValueError:
        cell = cell.strip().strip("\"'")
        return float("nan") if _NOT_A_NUMBER.fullmatch(cell) else float(cell)
