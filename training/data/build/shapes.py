"""Sources with an `index.csv`: shapes that are normalised, sorted and judged already.

index.csv has a row per shape with at least id, category, split and inside_method; shapes lie in
shapes/<category>/<id>.npz: `vertices` (uint16, the unit cube), `faces`, `colours` (a face each).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from onet_core.errors import InputError

from ..datasets.files import read_arrays
from .layout import SPLITS
from .normalise import make_triangles
from .occupancy import METHODS
from .source import Entry, NormalisedShape

INDEX_FILE = "index.csv"
_COLUMNS = ("id", "category", "split", "inside_method")


@dataclass(frozen=True)
class IndexedShape(Entry):
    """A row of the index."""

    path: Path = field(kw_only=True)

    def load(self) -> NormalisedShape:
        """The shape as it is stored: it is in the network's frame."""
        arrays = read_arrays(self.path, ("vertices", "faces", "colours"))
        vertices = arrays["vertices"].astype(np.float64) / 65535 - 0.5
        triangles = make_triangles(vertices, arrays["faces"], arrays["colours"])
        return NormalisedShape(triangles, np.zeros(3), 1.0)


def list_indexed_shapes(
    source: Path, categories: Sequence[str] | None = None, method: str | None = None
) -> list[Entry]:
    """The shapes of an index, in its order.

    categories: None for all; method: None for the one that the index names for each shape.
    Raises InputError where the index is missing, damaged, or has nothing of a category.
    """
    index = source / INDEX_FILE
    if not index.is_file():
        raise InputError(f"There is no {index}.")
    with index.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{index} lacks the columns {', '.join(missing)}.")
        rows = list(reader)
    known = {row["category"] for row in rows}
    unknown = sorted(set(categories or ()) - known)
    if unknown:
        raise InputError(f"{index} has no category {', '.join(unknown)}.")
    entries: list[Entry] = []
    for row in rows:
        if categories is not None and row["category"] not in categories:
            continue
        if row["split"] not in SPLITS or row["inside_method"] not in METHODS:
            raise InputError(f"{index}: the row of {row['id']} has no known split or method.")
        if any(not _is_file_name(row[column]) for column in ("category", "id")):
            raise InputError(f"{index}: {row['category']}/{row['id']} can't be a file's name.")
        entries.append(
            IndexedShape(
                row["category"],
                row["id"],
                row["split"],
                method or row["inside_method"],
                row.get("source") or "",
                row.get("licence") or "",
                row.get("credit") or "",
                path=source / "shapes" / row["category"] / f"{row['id']}.npz",
            )
        )
    return entries


def _is_file_name(text: str) -> bool:
    return bool(text) and Path(text).name == text and not text.startswith(".")
