"""How good a generative network is: does it rebuild shapes, do its samples cover the test set?"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from torch import nn

from onet_core.errors import InputError, ModelError, NoSurfaceError
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import sample_surface
from onet_core.models.convolutional.network import LatentPlanesNetwork
from onet_core.models.occupancy_network import OccupancyNetwork
from onet_core.pipeline.morphing import along
from onet_core.pipeline.reconstructor import Reconstruction, Reconstructor
from onet_core.settings import Settings

from ..data.labelled import LabelledShape
from ..learn.latents import fit_latent

Cloud = NDArray[np.floating]
ENCODED_POINTS = 2048  # as many as a training step sees
COMPARED_POINTS = 2048


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
    return _meshes(reconstructor, range(seed, seed + count), settings)


def halfway_meshes(
    reconstructor: Reconstructor, count: int, settings: Settings, seed: int = 0
) -> list[Mesh | None]:
    """Shapes halfway between each two of samples that follow each other, as `sample_meshes`."""
    latents = [reconstructor.latent(seed + index) for index in range(count + 1)]
    halves = [along(pair, 0.5, spherical=True) for pair in itertools.pairwise(latents)]
    return _meshes(reconstructor, halves, settings)


def _meshes(
    reconstructor: Reconstructor, latents: Iterable[ArrayLike | int], settings: Settings
) -> list[Mesh | None]:
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
