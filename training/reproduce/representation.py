"""Representation power (section 4.1): voxel grids of 16 to 128 cells, and learned codes.

A grid has the occupancy at the middle of each of its cells. Datasets hold labelled points and
surface samples, not meshes: whether a middle is inside is read off the nearest surface sample's
normal. How well that tells inside from outside is measured too, as `ceiling`, on the labelled
points themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from tqdm import tqdm

from onet_core.errors import InputError
from onet_core.mesh.metrics import volumetric_iou
from onet_core.models.build import network_layout
from onet_core.models.catalogue import read_description

from ..data.labelled import LabelledShape, read_shape
from .pages import spread_text
from .plot import draw_lines
from .runs import WEIGHTS, Measured

SIZES = (16, 32, 64, 128)
CEILING = "ceiling"
COUNTS = (100, 1000, 4746)
# Sheets thinner than their samples are apart have no side that could be read: where the ceiling is
# lower than this, a shape says nothing about grids.
READABLE = 0.95
BOX = 1.1
LOWEST = 0.4


@dataclass(frozen=True)
class Grids:
    """The mean IoU of grids over shapes whose sides can be read.

    ious: by cells along an axis. ceiling: that of the labelled points read in the same way.
    shapes, listed: how many there are, and of how many.
    """

    ious: dict[int, float]
    ceiling: float
    shapes: int
    listed: int


def sides(shape: LabelledShape, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points (N, 3) lie behind the surface sample nearest to them: (N,)."""
    low, high = shape.surface_points.min(axis=0), shape.surface_points.max(axis=0)
    within = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    _, near = cKDTree(shape.surface_points).query(points[within])
    towards = points[within] - shape.surface_points[near]
    inside = np.zeros(len(points), dtype=bool)
    inside[within] = np.einsum("ni,ni->n", towards, shape.surface_normals[near]) < 0
    return inside


def grid_iou(shape: LabelledShape, cells: int) -> float:
    """IoU over the labelled points of a grid of that many cells along each axis of the box."""
    place = np.clip(np.floor((shape.points / BOX + 0.5) * cells), 0, cells - 1).astype(np.int64)
    keys, which = np.unique(np.ravel_multi_index(place.T, (cells,) * 3), return_inverse=True)
    middles = np.stack(np.unravel_index(keys, (cells,) * 3), axis=1)
    inside = sides(shape, ((middles + 0.5) / cells - 0.5) * BOX)
    return float(volumetric_iou(inside[which], shape.occupancies))


def grids(
    root: Path, shapes: Sequence[tuple[str, str]], sizes: Sequence[int] = SIZES
) -> tuple[Grids, list[dict[str, float | str]]]:
    """The grids' mean IoU, and each shape's for the CSV.

    Raises InputError where no shape is readable.
    """
    rows: list[dict[str, float | str]] = []
    for category, name in tqdm(shapes, "grids", disable=not sys.stderr.isatty()):
        shape = read_shape(root, category, name)
        row: dict[str, float | str] = {"category": category, "shape": name}
        row[CEILING] = float(volumetric_iou(sides(shape, shape.points), shape.occupancies))
        rows.append({**row, **{str(cells): grid_iou(shape, cells) for cells in sizes}})
    readable = [row for row in rows if float(row[CEILING]) >= READABLE]
    if not readable:
        raise InputError(f"Of no shape of {root} the surface samples say what is inside.")
    ious = {cells: mean(float(row[str(cells)]) for row in readable) for cells in sizes}
    ceiling = mean(float(row[CEILING]) for row in readable)
    return Grids(ious, ceiling, len(readable), len(rows)), rows


@dataclass(frozen=True)
class Codes:
    """What learned codes of shapes come to.

    ious: over the shapes, of each run. shapes: how many. parameters: of the network without the
    codes. width: of a code.
    """

    ious: tuple[float, ...]
    shapes: int
    parameters: int
    width: int

    @property
    def iou(self) -> float:
        """The mean of the runs."""
        return mean(self.ious)

    def bytes_for(self, shapes: int) -> float:
        """Memory of the network and a code of float32 for each of as many shapes."""
        return 4.0 * (self.parameters + self.width * shapes)


def codes(found: Sequence[Measured]) -> list[Codes]:
    """The runs of `repr_power/onet`, those of each row together, by their number of shapes."""
    made = []
    for title in dict.fromkeys(one.row.title for one in found):
        runs = [one for one in found if one.row.title == title]
        description = read_description(runs[0].folder / WEIGHTS)
        total = sum(value.numel() for value in network_layout(description).values())
        shapes = int(description.network["encoder_kwargs"]["shapes"])
        width = int(description.network["c_dim"])
        ious = tuple(float(one.metrics["iou"]) for one in runs)
        made.append(Codes(ious, shapes, total - shapes * width, width))
    return sorted(made, key=lambda one: one.shapes)


def grid_bytes(cells: int, shapes: int) -> float:
    """Memory of as many grids, a bit for each cell."""
    return cells**3 / 8 * shapes


def text_of(found: Grids, learned: Sequence[Codes], data: str) -> str:
    """Markdown: IoU and memory of grids and codes over the number of shapes."""
    lines = ["", "## Voxel grids and codes", ""]
    lines += [
        f"- {found.shapes} of {found.listed} shapes of {data}; the others have sheets too thin for "
        "their surface samples. 1 bit for each cell, 4 bytes for each number.",
        "- A cell is occupied where the nearest surface sample says that its middle is; read in "
        f"the same way the labelled points have IoU {found.ceiling:.3f}.",
        "",
        f"| representation | IoU | {' | '.join(f'{count:,} shapes' for count in COUNTS)} |",
        "|" + "---|" * (2 + len(COUNTS)),
    ]
    for cells, iou in found.ious.items():
        sizes = (_size(grid_bytes(cells, count)) for count in COUNTS)
        lines.append(f"| {cells}³ cells | {iou:.3f} | {' | '.join(sizes)} |")
    for one in learned:
        sizes = (_size(one.bytes_for(count)) for count in COUNTS)
        title = f"codes of {one.width}, {one.shapes} shapes learned"
        lines.append(f"| {title} | {spread_text(one.ious)} | {' | '.join(sizes)} |")
    return "\n".join(lines) + "\n"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def draw(path: Path, found: Grids, learned: Sequence[Codes]) -> None:
    """The plot: IoU over memory, a line for each number of shapes."""
    lines = {
        f"grids of 16 to 128 cells, {count:,} shapes": [
            (grid_bytes(cells, count) / 1e6, iou) for cells, iou in found.ious.items()
        ]
        for count in COUNTS
    }
    if learned:
        title = f"codes of {learned[0].width}, as many shapes as were learned"
        lines[title] = [(one.bytes_for(one.shapes) / 1e6, one.iou) for one in learned]
    draw_lines(path, lines, "memory, MB", "IoU", low=LOWEST, high=1.0)


def draw_codes(path: Path, found: Grids, learned: Sequence[Codes]) -> None:
    """The plot: IoU over the number of shapes, of codes and beside them of grids."""
    counts = [one.shapes for one in learned]
    lines = {
        f"codes of {learned[0].width}": [(one.shapes, one.iou) for one in learned],
        **{f"grids, {n} cells an axis": [(count, iou) for count in counts]
           for n, iou in found.ious.items()},
    }  # fmt: skip
    draw_lines(path, lines, "shapes", "IoU", low=LOWEST, high=1.0)
