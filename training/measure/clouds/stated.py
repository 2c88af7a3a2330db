"""Which side of dense scans is taken for outside where a file states normals that are partly wrong.

    python -m training.measure.clouds.stated BUILT --data DATA [--limit 112] [--points 15000]

The clouds are those of `validation`, their normals damaged as in files: 3 % are turned, each
by itself; patches of a tenth of the points are turned; or a third of the cloud is missing and 3 %
are turned. Prints a table in Markdown: where the normals are plausible, the share of the points
whose normals point inward, if the stated ones count for some numbers of votes of the network.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from onet_core.scans import signs
from onet_core.scans.neighbours import Neighbours
from onet_core.scans.normals import LOOKED_AT, around_rods, plane_normals
from onet_core.scans.stated import are_plausible

from .validation import clouds, options

FloatArray = NDArray[np.float64]

_VALUES = (1.0, 10.0, 40.0)
_TURNED, _IN_PATCHES, _MISSING = 0.03, 0.1, 1 / 3
_PATCH = 0.08
"""Radius of a patch; the longest edge of a cloud is 1."""

_NEIGHBOURS = 10
"""Of planes, as for scans without noise."""


def damaged(
    points: FloatArray, truth: FloatArray, seed: int
) -> Iterator[tuple[str, FloatArray, FloatArray, FloatArray]]:
    """Of each kind of damage its name, points (N, 3), true normals and stated ones (N, 3)."""
    random = np.random.default_rng(seed)
    is_turned = random.random(len(points)) < _TURNED
    yield "single ones turned", points, truth, _turned(truth, is_turned)
    tree, is_in_patch = cKDTree(points), np.zeros(len(points), dtype=bool)
    while is_in_patch.mean() < _IN_PATCHES:
        middle = points[random.integers(len(points))]
        is_in_patch[tree.query_ball_point(middle, _PATCH)] = True
    yield "patches turned", points, truth, _turned(truth, is_in_patch)
    way = random.standard_normal(3)
    along = points @ way
    kept = along > np.quantile(along, _MISSING)
    yield "a third missing", points[kept], truth[kept], _turned(truth, is_turned)[kept]


def wrong_sides(points: FloatArray, truth: FloatArray, stated: FloatArray) -> list[float] | None:
    """For each value the share of points whose normals point inward; None where stated ones are
    not plausible."""
    around = Neighbours(points)
    around.know(LOOKED_AT)
    axes = around_rods(points, plane_normals(points, around, _NEIGHBOURS), around)
    if not are_plausible(points, axes, stated):
        return None
    spacing = float(np.median(around.spacing()))
    found, before = [], signs.TRUST
    for value in _VALUES:
        signs.TRUST = value * before
        normals = signs.signed(points, axes, stated, spacing, around=around).normals
        found.append(float((np.einsum("ni,ni->n", normals, truth) < 0).mean()))
    signs.TRUST = before
    return found


def _turned(normals: FloatArray, chosen: NDArray[np.bool_]) -> FloatArray:
    return normals * np.where(chosen, -1.0, 1.0)[:, None]


def main() -> None:
    """See the module."""
    parser = options(__doc__)
    parser.set_defaults(points=15_000)
    given = parser.parse_args()
    rows: dict[str, list[list[float]]] = {}
    for number, (name, points, truth) in enumerate(clouds(given, least=0.9)):
        for kind, *cloud in damaged(points, truth, number):
            wrong = wrong_sides(*cloud)
            if wrong is not None:
                rows.setdefault(kind, []).append([100 * share for share in wrong])
                print(name, kind, [round(share, 2) for share in rows[kind][-1]], flush=True)
    print(f"\nThe split `val`, {given.points:,} points.\n")
    print("| damage to the stated normals | shapes | " + " | ".join(map(_votes, _VALUES)) + " |")
    print("|---|" + "---|" * (len(_VALUES) + 1))
    for kind, found in rows.items():
        print(f"| {kind} | {len(found)} | " + " | ".join(_cells(np.array(found))) + " |")


def _votes(value: float) -> str:
    return f"{value:g} votes"


def _cells(values: FloatArray) -> list[str]:
    """Of each column of (shapes, values) the mean; of all but the first also how much less that is
    than the first, its error, and how many shapes are worse by more than 0.05."""
    less = values[:, :1] - values
    error = less.std(axis=0, ddof=1) / np.sqrt(len(less))
    cells = [f"{values[:, 0].mean():.2f} %"]
    for column in range(1, values.shape[1]):
        gain, worse = less[:, column].mean(), (less[:, column] < -0.05).sum()
        mean = values[:, column].mean()
        cells.append(f"{mean:.2f} %, {gain:.2f} ± {error[column]:.2f}, {worse}")
    return cells


if __name__ == "__main__":
    main()
