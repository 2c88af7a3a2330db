"""How good a generative network is: does it rebuild shapes, do its samples cover the test set?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from onet_core.errors import InputError, NoSurfaceError
from onet_core.mesh import Mesh
from onet_core.metrics import sample_surface
from onet_core.models.occupancy_network import OccupancyNetwork
from onet_core.reconstructor import Reconstruction, Reconstructor, Settings

from .labelled import LabelledShape

Cloud = NDArray[np.floating]
ENCODED_POINTS = 2048  # as many as a training step sees
COMPARED_POINTS = 2048


@dataclass(frozen=True)
class SampleSet:
    """A set of shapes against the test set (Achlioptas et al., ICML 2018).

    coverage: share of the test shapes that are the nearest one to some shape of the set;
    mmd: mean over the test shapes of the Chamfer-L1 distance to the set's nearest shape;
    size: shapes in the set; empty: how many of them had no surface.
    """

    coverage: float
    mmd: float
    size: int
    empty: int = 0


def in_network_frame(reconstruction: Reconstruction) -> Mesh:
    """The mesh of a reconstruction, brought back to the frame of the labels."""
    return reconstruction.mesh.transformed(reconstruction.frame.inverse)


def infer_latent(
    network: OccupancyNetwork, shape: LabelledShape, seed: int = 0
) -> NDArray[np.float32]:
    """The mean of q(z | labelled points) of one shape, (z_dim,)."""
    chosen = np.random.default_rng(seed).integers(len(shape.points), size=ENCODED_POINTS)
    device = next(network.parameters()).device
    points = torch.from_numpy(shape.points[chosen]).to(device)[None]
    occupancies = torch.from_numpy(shape.occupancies[chosen].astype(np.float32)).to(device)[None]
    with torch.no_grad():
        code = network.encode_inputs(points)
        return network.infer_z(points, occupancies, code).mean[0].cpu().numpy()


def sample_clouds(
    reconstructor: Reconstructor, count: int, settings: Settings, seed: int = 0
) -> tuple[list[Cloud], int]:
    """Surface points of samples from the prior, and how many samples had no surface."""
    clouds: list[Cloud] = []
    empty = 0
    for index in range(count):
        try:
            made = reconstructor.generate(seed + index, settings)
        except NoSurfaceError:
            empty += 1
            continue
        clouds.append(sample_surface(in_network_frame(made), COMPARED_POINTS, seed)[0])
    return clouds, empty


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
    trees = [cKDTree(cloud) for cloud in test]
    distance = np.empty((len(clouds), len(test)))
    for row, cloud in enumerate(clouds):
        tree = cKDTree(cloud)
        for column, other in enumerate(test):
            there = trees[column].query(cloud, workers=-1)[0].mean()
            back = tree.query(other, workers=-1)[0].mean()
            distance[row, column] = 0.5 * (there + back)
    covered = len(set(distance.argmin(axis=1).tolist()))
    return SampleSet(
        covered / len(test), float(distance.min(axis=0).mean()), len(clouds) + empty, empty
    )
