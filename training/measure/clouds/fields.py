"""The surface that the field of dense scans has, beside the true one.

    python -m training.measure.clouds.fields BUILT --data DATA [--limit 112] [--points 15000]

The clouds are those of `validation`, with a noise of 0, 0.002 and 0.005 in turn; Open3D has to be
installed, too. Each is oriented once. Prints a table in Markdown: for some values of the constants
of `onet_core.scans.whole`, and with no spheres fitted to the points, how far the surface is from
the true one. Distances are exact, in units of the longest edge.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from onet_core.inputs.observation import Observation
from onet_core.models.catalogue import default_model
from onet_core.pipeline import dense
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.scans import sheets, whole
from onet_core.scans.surface import Oriented, surface_of
from onet_core.settings import Settings

from ...data.observations import NETWORK_FRAME
from ..baselines.scans import distances_to
from .validation import noisy_scans, options

FloatArray = NDArray[np.float64]

NOISES = (0.0, 0.002, 0.005)
WAYS: dict[str, dict[Any, dict[str, float]]] = {
    "SCREENING 4, COARSER 1": {whole: {"COARSER": 1}},
    "COARSER 0.25": {},
    "no spheres": {sheets: {"ENOUGH": 1e9}},
}
"""Constants of modules that differ from the first way's."""

_CELLS = 112
_MEASURED = 30_000


class _Oriented(Exception):
    """An oriented cloud with the edge of cells, which is all that is wanted of a reconstruction."""


def oriented(points: FloatArray, reconstructor: Reconstructor) -> Oriented:
    """A cloud (N, 3) as it is before its surface is sought, in the network's frame."""

    def stop(cloud: Oriented, *_: Any) -> None:
        raise _Oriented(cloud)

    before, fewest = dense.surface_of, dense.DENSE_FROM
    dense.surface_of = stop  # type: ignore[assignment]
    dense.DENSE_FROM = 1
    try:
        observation = Observation("points", points.astype(np.float32), NETWORK_FRAME)
        reconstructor.reconstruct(observation, Settings(resolution=64, symmetry=False))
    except _Oriented as found:
        cloud: Oriented = found.args[0]
        return cloud
    finally:
        dense.surface_of, dense.DENSE_FROM = before, fewest
    raise ValueError("the cloud is not followed point by point")


def errors(
    cloud: Oriented, truth: trimesh.Trimesh, outer: FloatArray, noise: float
) -> tuple[float, float]:
    """Chamfer-L1 and the share of the surface that is too far off, in a frame in which the true
    surface, of which outer points (N, 3) are given, is that of the cloud."""
    mesh = surface_of(cloud, 1.1 / _CELLS, 0.55)
    made = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    some = np.asarray(trimesh.sample.sample_surface(made, _MEASURED, seed=8)[0])
    away, missed = distances_to(truth, some), distances_to(made, outer)
    too_far = float((away > (0.006 if noise else 0.003)).mean())
    return float(away.mean() + missed.mean()) / 2, too_far


def compared(given: Namespace) -> Iterator[tuple[float, dict[str, tuple[float, float]]]]:
    """Of each shape the noise and, by way, what `errors` has."""
    reconstructor = Reconstructor(default_model("points").path, "cpu")
    for name, noise, points, outer, truth in noisy_scans(given, 0.9, NOISES):
        try:
            cloud = oriented(points, reconstructor)
        except ValueError:
            continue
        found = {}
        for title, modules in WAYS.items():
            kept = {module: {key: getattr(module, key) for key in values}
                    for module, values in modules.items()}  # fmt: skip
            _set(modules)
            found[title] = errors(cloud, truth, outer, noise)
            _set(kept)
        print(name, noise, found, flush=True)
        yield noise, found


def _set(modules: dict[Any, dict[str, float]]) -> None:
    for module, values in modules.items():
        for key, value in values.items():
            setattr(module, key, value)


def table(rows: list[tuple[float, dict[str, tuple[float, float]]]]) -> str:
    """The rows as Markdown: means for each noise, and the change of the logarithm of Chamfer-L1."""
    lines = [
        "| noise | shapes | | Chamfer-L1 x 1e-5 | too far | to the first |",
        "|---|---|---|---|---|---|",
    ]
    for noise in (*NOISES, None):
        same = [found for kind, found in rows if noise in (None, kind)]
        first = np.array([next(iter(found.values())) for found in same])
        for title in same[0]:
            values = np.array([found[title] for found in same])
            change = np.log(values[:, 0] / first[:, 0])
            error = change.std(ddof=1) / np.sqrt(len(change))
            chamfer, too_far = values.mean(axis=0)
            lines.append(
                f"| {'all' if noise is None else f'{noise:g}'} | {len(same)} | {title} "
                f"| {1e5 * chamfer:.1f} | {100 * too_far:.3f} % "
                f"| {100 * change.mean():+.1f} ± {100 * error:.1f} % |"
            )
    return "\n".join(lines)


def main() -> None:
    """See the module."""
    parser = options(__doc__)
    parser.set_defaults(points=15_000)
    print(table(list(compared(parser.parse_args()))))


if __name__ == "__main__":
    main()
