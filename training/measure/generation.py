"""How good a generative network is: does it rebuild shapes, do its samples cover the test set?

    python -m training.measure.generation MODEL --data ROOT [--record]

measures the samples alone, after a change of the prior: what `training.measure.evaluate` recorded
of the network itself stays.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from torch import nn

from onet_core.errors import InputError, ModelError, NoSurfaceError, OnetError
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import sample_surface
from onet_core.mesh.parts import count_parts
from onet_core.models.catalogue import find_model
from onet_core.models.convolutional.network import LatentPlanesNetwork
from onet_core.models.occupancy_network import OccupancyNetwork
from onet_core.models.weights import load_weights
from onet_core.pipeline.morphing import along
from onet_core.pipeline.reconstructor import Reconstruction, Reconstructor
from onet_core.pipeline.sampling import LEAST_PART
from onet_core.settings import Settings

from ..data.labelled import LabelledShape, list_shapes, read_shape
from ..learn.latents import fit_latent
from .record import record_metrics

Cloud = NDArray[np.floating]
ENCODED_POINTS = 2048  # as many as a training step sees
COMPARED_POINTS = 2048
# Sets of samples, and of real shapes beside them.
SETS = 10
# Shapes halfway between two samples.
HALFWAY = 60


@dataclass(frozen=True)
class SampleSet:
    """A set of shapes against the test set (Achlioptas et al., ICML 2018).

    coverage: share of the test shapes that are the nearest one to some shape of the set.
    mmd: mean over the test shapes of the Chamfer-L1 distance to the set's nearest shape.
    size: shapes in the set.
    empty: how many of them had no surface. Of several sets these are means and sums, see
        `mean_of_sets`, and deviation is the standard deviation of their coverage.
    """

    coverage: float
    mmd: float
    size: int
    empty: int = 0
    sets: int = 1
    deviation: float = 0.0


def in_network_frame(reconstruction: Reconstruction) -> Mesh:
    """The mesh of a reconstruction, brought back to the frame of the labels."""
    return reconstruction.mesh.transformed(reconstruction.frame.inverse)


def infer_latent(network: nn.Module, shape: LabelledShape, seed: int = 0) -> NDArray[np.float32]:
    """The latent of one shape from its labelled points, (z_dim,).

    The mean of q(z | points) where the network has an encoder of shapes, else the most probable
    latent. Raises ModelError for networks without a latent space.
    """
    if isinstance(network, LatentPlanesNetwork):
        return fit_latent(network, shape.points, shape.occupancies, seed=seed)
    if not isinstance(network, OccupancyNetwork) or not network.z_dim:
        raise ModelError("The network has no latent space, from which it could rebuild a shape.")
    chosen = np.random.default_rng(seed).integers(len(shape.points), size=ENCODED_POINTS)
    device = next(network.parameters()).device
    points = torch.from_numpy(shape.points[chosen]).to(device)[None]
    occupancies = torch.from_numpy(shape.occupancies[chosen].astype(np.float32)).to(device)[None]
    with torch.no_grad():
        code = network.encode_inputs(points)
        return network.infer_z(points, occupancies, code).mean[0].cpu().numpy()


def sample_meshes(
    reconstructor: Reconstructor, count: int, settings: Settings, seed: int = 0
) -> list[Mesh | None]:
    """Samples of the prior in the labels' frame, None where one has no surface."""
    return rebuilt_meshes(reconstructor, range(seed, seed + count), settings)


def halfway_meshes(
    reconstructor: Reconstructor, count: int, settings: Settings, seed: int = 0
) -> list[Mesh | None]:
    """Shapes halfway between each two of samples that follow each other, as `sample_meshes`."""
    latents = [reconstructor.latent(seed + index) for index in range(count + 1)]
    halves = [along(pair, 0.5, spherical=True) for pair in itertools.pairwise(latents)]
    return rebuilt_meshes(reconstructor, halves, settings)


def rebuilt_meshes(
    reconstructor: Reconstructor, latents: Iterable[ArrayLike | int], settings: Settings
) -> list[Mesh | None]:
    """The shapes of latents or seeds in the labels' frame, None where one has no surface."""
    meshes: list[Mesh | None] = []
    for latent in latents:
        try:
            meshes.append(in_network_frame(reconstructor.generate(latent, settings)))
        except NoSurfaceError:
            meshes.append(None)
    return meshes


def mesh_cloud(mesh: Mesh, seed: int = 0) -> Cloud:
    """COMPARED_POINTS of a mesh's surface."""
    return sample_surface(mesh, COMPARED_POINTS, seed)[0]


def nearest_clouds(clouds: Sequence[Cloud], others: Sequence[Cloud]) -> list[tuple[int, float]]:
    """For each cloud the index of the other one nearest to it, and their Chamfer-L1 distance."""
    if not others:
        raise InputError("There are no training shapes to compare samples with.")
    distance = chamfer_distances(clouds, others)
    return [(int(row.argmin()), float(row.min())) for row in distance]


def surface_cloud(shape: LabelledShape, seed: int = 0) -> Cloud:
    """COMPARED_POINTS of a shape's surface points."""
    rng = np.random.default_rng(seed)
    return shape.surface_points[rng.integers(len(shape.surface_points), size=COMPARED_POINTS)]


def compare_sets(clouds: Sequence[Cloud], test: Sequence[Cloud], empty: int = 0) -> SampleSet:
    """Coverage and minimum matching distance of a set of clouds (n, 3) against the test clouds."""
    if not test:
        raise InputError("There are no test shapes to compare samples with.")
    if not clouds:
        return SampleSet(0.0, float("inf"), 0, empty)
    distance = chamfer_distances(clouds, test)
    covered = len(set(distance.argmin(axis=1).tolist()))
    return SampleSet(
        covered / len(test), float(distance.min(axis=0).mean()), len(clouds) + empty, empty
    )


def mean_of_sets(sets: Sequence[SampleSet]) -> SampleSet:
    """What sets of the same kind show on average: one of few shapes is much a matter of luck."""
    coverage = [one.coverage for one in sets]
    return SampleSet(
        float(np.mean(coverage)),
        float(np.mean([one.mmd for one in sets])),
        sum(one.size for one in sets),
        sum(one.empty for one in sets),
        len(sets),
        float(np.std(coverage)),
    )


def sets_of_samples(samples: Sequence[Cloud | None], test: Sequence[Cloud]) -> SampleSet:
    """What sets of as many samples as test shapes show, None for one without a surface."""
    sets = []
    for first in range(0, len(samples), len(test)):
        some = samples[first : first + len(test)]
        found = [cloud for cloud in some if cloud is not None]
        sets.append(compare_sets(found, test, empty=len(some) - len(found)))
    return mean_of_sets(sets)


def torn_share(meshes: Sequence[Mesh]) -> float:
    """The share of meshes that are in several parts, crumbs of 0.1 % of the area left out."""
    return sum(count_parts(mesh, LEAST_PART) > 1 for mesh in meshes) / max(1, len(meshes))


def chamfer_distances(clouds: Sequence[Cloud], others: Sequence[Cloud]) -> NDArray[np.float64]:
    """Chamfer-L1 distances between all pairs of clouds (n, 3): (clouds, others)."""
    trees = [cKDTree(cloud) for cloud in others]
    distance = np.empty((len(clouds), len(others)))
    for row, cloud in enumerate(clouds):
        tree = cKDTree(cloud)
        for column, other in enumerate(others):
            there = trees[column].query(cloud, workers=-1)[0].mean()
            back = tree.query(other, workers=-1)[0].mean()
            distance[row, column] = 0.5 * (there + back)
    return distance


@click.command()
@click.argument("model")
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--split", default="test", show_default=True)
@click.option("--resolution", default=64, show_default=True)
@click.option("--record", is_flag=True, help="Replace what the weights' record says of samples.")
def main(model: str, data: Path, split: str, resolution: int, record: bool) -> None:
    """Measures the samples of MODEL, and shapes halfway between two, against a split of DATA."""
    settings = Settings(resolution=resolution, normals=False)
    try:
        path = find_model(model).path
        network, described = load_weights(path)
        listed = list_shapes(data, split, described.categories)
        test = [surface_cloud(read_shape(data, *entry)) for entry in listed]
        reconstructor = Reconstructor.of_network(network, described)
        samples = sample_meshes(reconstructor, SETS * len(test), settings)
        halfway = halfway_meshes(reconstructor, HALFWAY, settings)
        found = sets_of_samples([None if one is None else mesh_cloud(one) for one in samples], test)
        shares = [
            torn_share([one for one in some if one is not None]) for some in (samples, halfway)
        ]
        if record:
            sets = {"coverage": round(found.coverage, 5), "mmd": round(found.mmd, 5)}
            before: dict[str, Any] = dict(described.metrics)
            before["generation"] = {**before.get("generation", {}), "samples": sets}
            names = ("torn", "torn_halfway")
            before |= {name: round(share, 5) for name, share in zip(names, shares, strict=True)}
            record_metrics(path, before)
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    click.echo(
        f"{model}: {found.sets} sets of {len(test)}: coverage {found.coverage:.3f} ± "
        f"{found.deviation:.3f}, MMD {found.mmd:.4f}, without surface {found.empty}; in several "
        f"parts {shares[0]:.3f} of the samples, {shares[1]:.3f} of {HALFWAY} halfway between two"
    )


if __name__ == "__main__":
    main()
