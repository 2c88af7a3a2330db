"""What several denoisers make of the same noisy scans of validation shapes.

    python -m training.measure.clouds.denoisers BUILT --data DATA --weights FILE FILE...
        [--limit 112] [--points 15000]

The clouds are those of `validation`, with a noise of 0.002 and 0.005 in turn; Open3D has to be
installed, too. Each is prepared once. Prints a table in Markdown: how far the points that each file
of weights (`training.learn.scans.denoiser`) leaves, and the surface through them, are from the true
surface, and how long the denoising takes. Distances are exact, in units of the longest edge.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray

from onet_core.models.scans.denoiser import Denoiser
from onet_core.models.scans.load import load_denoiser, load_scan_network
from onet_core.pipeline.dense import WEIGHTS
from onet_core.scans.surface import Prepared, evened, neighbours_together, prepared

from ..baselines.scans import distances_to
from .fields import errors
from .validation import noisy_scans, options

FloatArray = NDArray[np.float64]

NOISES = (0.002, 0.005)


class Score(NamedTuple):
    """Of one denoiser and scan.

    points: mean distance of the points from the true surface.
    chamfer, too_far: of the surface, see `fields.errors`.
    seconds: of the processor, for the denoising.
    """

    points: float
    chamfer: float
    too_far: float
    seconds: float


def score(
    ready: Prepared, denoiser: Denoiser, truth: trimesh.Trimesh, outer: FloatArray, noise: float
) -> Score:
    """Of a prepared scan, in the frame of the true surface, outer points (N, 3) of which are
    given."""
    start = time.process_time()
    cloud, _ = evened(ready, denoiser)
    seconds = time.process_time() - start
    left = float(distances_to(truth, cloud.points).mean())
    return Score(left, *errors(cloud, truth, outer, noise), seconds)


def compared(given: Namespace) -> Iterator[tuple[float, list[Score]]]:
    """Of each scan its noise and the scores of all denoisers."""
    network = load_scan_network(WEIGHTS)
    denoisers = [load_denoiser(path) for path in given.weights]
    for name, noise, points, outer, truth in noisy_scans(given, 0.9, NOISES):
        ready = prepared(neighbours_together(points), network)
        if not ready.noise.any():
            continue
        scores = [score(ready, denoiser, truth, outer, noise) for denoiser in denoisers]
        print(name, noise, *scores, flush=True)
        yield noise, scores


def table(rows: list[tuple[float, list[Score]]], titles: list[str]) -> str:
    """The rows as Markdown: means for each noise, and the mean change of logarithms to the first
    with its standard error."""
    lines = [
        "| noise | scans | | points x 1e-5 | change | Chamfer-L1 x 1e-5 | change "
        "| too far | seconds |",
        "|---" * 9 + "|",
    ]
    for noise in (*NOISES, None):
        same = np.array([scores for kind, scores in rows if noise in (None, kind)])
        if len(same) < 2:
            continue
        for title, values in zip(titles, same.transpose(1, 0, 2), strict=True):
            points, chamfer, too_far, seconds = values.mean(axis=0)
            change = np.log(values[:, :2] / same[:, 0, :2])
            mean, error = 100 * change.mean(axis=0), 100 * change.std(axis=0) / len(same) ** 0.5
            lines.append(
                f"| {'all' if noise is None else f'{noise:g}'} | {len(same)} | {title} "
                f"| {1e5 * points:.1f} | {mean[0]:+.1f} ± {error[0]:.1f} % "
                f"| {1e5 * chamfer:.1f} | {mean[1]:+.1f} ± {error[1]:.1f} % "
                f"| {100 * too_far:.2f} % | {seconds:.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """See the module."""
    parser = options(__doc__)
    parser.set_defaults(points=15_000)
    parser.add_argument("--weights", type=Path, nargs="+", required=True)
    given = parser.parse_args()
    print(table(list(compared(given)), [path.parent.name for path in given.weights]))


if __name__ == "__main__":
    main()
