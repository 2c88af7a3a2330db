"""The shapes that are rebuilt: which file of which package, how it is turned, and its licence.

catalogue.csv has a row per shape. `file` is its path in the package, `member` its name in that file
where it is a zip; `turn` says what becomes x, y and z of the network's frame (y up, front towards
-z), as in `-z +y +x`; `without` numbers the parts that are left out, such as propeller discs.
`inside_method` and `split` were judged and drawn once for all: variants of one body share a split.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError

CATALOGUE = Path(__file__).with_name("catalogue.csv")


@dataclass(frozen=True)
class Shape:
    """A row of the catalogue."""

    id: str
    category: str
    split: str
    inside_method: str
    name: str
    package: str
    file: str
    member: str
    turn: str
    without: tuple[int, ...]
    licence: str
    credit: str


def read_catalogue(categories: Sequence[str] | None = None) -> list[Shape]:
    """The shapes of some categories, None for all. Raises InputError for unknown categories."""
    with CATALOGUE.open(newline="", encoding="utf-8") as file:
        shapes = [
            Shape(**{**row, "without": tuple(map(int, row["without"].split()))})  # type: ignore[arg-type]
            for row in csv.DictReader(file)
        ]
    unknown = sorted(set(categories or ()) - {shape.category for shape in shapes})
    if unknown:
        known = ", ".join(sorted({shape.category for shape in shapes}))
        raise InputError(f"There is no category {', '.join(unknown)}; there are {known}.")
    return [shape for shape in shapes if categories is None or shape.category in categories]


def turn_matrix(turn: str) -> NDArray[np.float64]:
    """The rotation (3, 3) that a turn such as `-z +y +x` names. Raises InputError."""
    matrix = np.zeros((3, 3))
    for row, part in zip(matrix, turn.split(), strict=False):
        if len(part) == 2 and part[0] in "+-" and part[1] in "xyz":
            row["xyz".index(part[1])] = 1 if part[0] == "+" else -1
    if not np.isclose(np.linalg.det(matrix), 1):
        raise InputError(f"{turn!r} is not a rotation onto the axes, such as '-z +y +x'.")
    return matrix


def attribution(shapes: Iterable[Shape]) -> str:
    """Who is to be credited for shapes, package by package, as Markdown."""
    lines = [
        "# Attribution",
        "",
        "The meshes in this folder are modified versions of the originals: turned, rescaled and",
        "quantised, some without parts such as propeller discs. index.csv has the licence and the",
        "credit of each. CC-BY, CC-BY-SA and GPL bind who passes the meshes on.",
    ]
    ordered = sorted(shapes, key=lambda shape: (shape.package, shape.licence))
    for package in dict.fromkeys(shape.package for shape in ordered):
        own = [shape for shape in ordered if shape.package == package]
        lines += ["", f"## {package} ({len(own)} shapes)", ""]
        for licence in dict.fromkeys(shape.licence for shape in own):
            credits = Counter(shape.credit for shape in own if shape.licence == licence)
            named = ", ".join(f"{credit} ({count})" for credit, count in credits.most_common())
            lines.append(f"* {licence}: {named}")
    return "\n".join(lines) + "\n"
