"""What holes of scans are filled with from their mirror images, beside what is missing.

    python -m training.measure.clouds.completion --data DATA [--split val] [--limit 172]
        [--points 3000]

Clouds of shapes with round holes, and of the same shapes whole: nothing is missing there, so all
that is added is wrong. The network `points` says where something may be. Prints a table in
Markdown: for some values of the constants of `onet_core.inputs.symmetry.completion`, what share of
the points lost is filled in again, and what share of the cloud is added where there is no surface.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import nn

from onet_core.inputs.symmetry import completion
from onet_core.inputs.symmetry.planes import find_mirror_planes
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights
from onet_core.pipeline.encoding import beliefs

from ...data.conditions import with_holes, with_outliers
from ...data.labelled import read_shape
from ..protocol import Protocol

FloatArray = NDArray[np.float64]

_NEAR = 0.02
"""Added points nearer to the true surface than this are right, four deviations of the noise."""

_HOLE = 0.012
"""True points farther than this from all that was kept are missing."""

_VALUES: dict[str, tuple[float, ...]] = {
    "GAIN": (0.0, 0.01, 0.02, 0.03, 0.035, 0.05, 0.065, 0.08, 0.12),
    "BELIEVED": (0.0, 0.02, 0.05, 0.1, 0.2, 0.5),
    "LIKENESS": (1.05, 1.1, 1.15, 1.2, 1.3),
    "MATCHED": (0.5, 0.6, 0.7, 0.8),
    "BEHIND": (0.02, 0.05, 0.1, 0.15, 0.2, 1.0),
}


class Group(NamedTuple):
    """A group of mirrored points where a cloud has none.

    shape: the number of its shape.
    share: of the cloud's number of points.
    right: the share of it that lies on the true surface.
    gain: see `completion.groups_of`; believed: see `completion.believed`.
    likeness, matched: of the plane.
    behind: how much less it matches than the best plane.
    filled: which of the missing points lie beside it.
    """

    shape: int
    share: float
    right: float
    gain: float
    believed: float
    likeness: float
    matched: float
    behind: float
    filled: NDArray[np.bool_]


def groups_in(
    network: nn.Module,
    model: ModelDescription,
    number: int,
    surface: FloatArray,
    count: int,
    noise: float,
    missing: float,
) -> tuple[list[Group], int]:
    """The groups of one cloud of a surface (N, 3), and how many of its points are missing."""
    random = np.random.default_rng(number)
    kept = np.asarray(with_holes(surface.astype(np.float32), missing, random), dtype=np.float64)
    cloud = kept[random.choice(len(kept), count, replace=False)]
    cloud = cloud + noise * random.standard_normal(cloud.shape)
    if missing:
        cloud = with_outliers(cloud.astype(np.float32), 0.02, random).astype(np.float64)
    lost = surface[cKDTree(kept).query(surface)[0] > _HOLE]
    truth = cKDTree(surface)
    groups = []
    believes = beliefs(network, model, cloud.astype(np.float32), 0, torch.device("cpu"))
    planes = find_mirror_planes(cloud)
    most = max((plane.matched for plane in planes), default=0.0)
    for plane in planes:
        if plane.matched < min(_VALUES["MATCHED"]) or plane.likeness > max(_VALUES["LIKENESS"]):
            continue
        for points, gain in completion.groups_of(cloud, plane):
            right = float((truth.query(points)[0] < _NEAR).mean())
            filled = cKDTree(points).query(lost)[0] < _NEAR if len(lost) else np.zeros(0, bool)
            share = len(points) / count
            groups.append(
                Group(
                    number,
                    share,
                    right,
                    gain,
                    completion.believed(points, believes),
                    plane.likeness,
                    plane.matched,
                    most - plane.matched,
                    filled,
                )
            )
    return groups, len(lost)


def row(name: str, value: float, clouds: dict[float, list[tuple[list[Group], int]]]) -> str:
    """A line of the table: that constant at that value, the others as they are."""
    limits = {one: float(getattr(completion, one)) for one in _VALUES} | {name: value}
    cells = []
    for found in clouds.values():
        filled, wrong = [], []
        for groups, lost in found:
            taken = [
                group
                for group in groups
                if group.gain >= limits["GAIN"]
                and group.believed >= limits["BELIEVED"]
                and group.likeness <= limits["LIKENESS"]
                and group.matched >= limits["MATCHED"]
                and group.behind <= limits["BEHIND"]
            ]
            wrong.append(sum(group.share * (1 - group.right) for group in taken))
            if lost:
                seen = np.zeros(lost, dtype=bool)
                for group in taken:
                    seen |= group.filled
                filled.append(float(seen.mean()))
        often = sum(one > 0.02 for one in wrong)
        again = f"{100 * np.mean(filled):.1f} %" if filled else "-"
        cells.append(f"{again} | {100 * np.mean(wrong):.2f} % | {often}")
    return f"| {name} {value:g} | {' | '.join(cells)} |"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--points", type=int, default=3_000)
    parser.add_argument("--noise", type=float, default=0.005)
    given = parser.parse_args()
    network, model = load_weights(find_model("points").path)
    names = Protocol(split=given.split, limit=given.limit).shapes(given.data)
    clouds: dict[float, Any] = {0.3: [], 0.0: []}
    for number, (category, name) in enumerate(names):
        shape = read_shape(given.data, category, name)
        surface = np.asarray(shape.surface_points, dtype=np.float64)
        for missing, found in clouds.items():
            asked = (network.eval(), model, number, surface, given.points, given.noise, missing)
            found.append(groups_in(*asked))
    print(f"{len(names)} shapes of the split `{given.split}`, {given.points:,} points.\n")
    print("| | 30 % missing: filled | wrong | shapes with > 2 % wrong | whole: filled | wrong | "
          "shapes with > 2 % wrong |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for constant, values in _VALUES.items():
        for value in values:
            print(row(constant, value, clouds))


if __name__ == "__main__":
    main()
