"""What the scan network says of a cloud: outward normals, distances, noise and outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..models.scans.network import ScanNetwork, Voxels, voxels_of
from ..surface.from_points import unique
from .batches import parts

FloatArray = NDArray[np.float64]

POINTS_IN_A_VOXEL = 4.0
"""Points in a voxel that holds any, on average, at the finest level: what the network learned."""

_FINEST = 1 / 200
"""Edge of the finest voxels, in edges of the cloud: the network's time has a limit."""

_MOST_READ = 1_000_000
"""The most points that are read; the answer is for all of them."""


@dataclass(frozen=True)
class Reading:
    """What the scan network says of each point.

    normals: (N, 3), outward; the length, 0 to about 1, says how sure the side is.
    distances: (N,) from the surface, along the normal.
    errors: (N,) expected errors of the distances.
    noise: (N,) its standard deviation.
    outlier: (N,) the probability that the point belongs to no surface.
    voxel: edge of the voxels.
    """

    normals: FloatArray
    distances: FloatArray
    errors: FloatArray
    noise: FloatArray
    outlier: FloatArray
    voxel: float


def voxel_edge(points: FloatArray, wanted: float = POINTS_IN_A_VOXEL) -> float:
    """The edge of voxels that hold `wanted` points on average where they hold any."""
    rng = np.random.default_rng(0)
    offset = rng.random(3)
    low, high = 1e-4, 0.25
    for _ in range(14):
        edge = float(np.sqrt(low * high))
        indices = np.floor(points / edge + offset).astype(np.int64) + (1 << 15)
        keys = (indices[:, 0] << 32) | (indices[:, 1] << 16) | indices[:, 2]
        if len(points) / len(unique(keys)) < wanted:
            low = edge
        else:
            high = edge
        if high / low < 1.05:
            break
    return max(float(np.sqrt(low * high)), _FINEST)


@torch.inference_mode()
def read(network: ScanNetwork, points: FloatArray) -> Reading:
    """What the network says of points (N, 3) within a box of edge 1 around 0."""
    device = next(network.parameters()).device
    rng = np.random.default_rng(0)
    seen = points
    if len(points) > _MOST_READ:
        seen = points[rng.choice(len(points), _MOST_READ, replace=False)]
    some = seen if len(seen) <= 200_000 else seen[rng.choice(len(seen), 200_000, replace=False)]
    # Fewer points in larger voxels are as full as all in those that are looked for.
    edge = voxel_edge(some, POINTS_IN_A_VOXEL * len(some) / len(seen))
    size = torch.tensor([edge], dtype=torch.float32, device=device)
    tensor = torch.from_numpy(np.ascontiguousarray(seen, dtype=np.float32)).to(device)
    clouds = torch.zeros(len(seen), dtype=torch.int64, device=device)
    voxels = voxels_of(tensor, size, clouds, len(network.config.widths))
    coefficients = network.encode(voxels)
    found = [
        _answers(network, coefficients, voxels, points[part])
        for part in parts(len(points), 1 << 16)
    ]
    columns = np.concatenate(found)
    return Reading(
        columns[:, :3], columns[:, 3] * edge, columns[:, 4] * edge, columns[:, 5] * edge,
        columns[:, 6], edge,
    )  # fmt: skip


def _answers(
    network: ScanNetwork, coefficients: torch.Tensor, voxels: Voxels, points: FloatArray
) -> FloatArray:
    places = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32))
    places = places.to(coefficients.device)
    clouds = torch.zeros(len(places), dtype=torch.int64, device=places.device)
    answers, is_known = network.decode(coefficients, voxels, places, clouds)
    outlier = torch.where(is_known, answers.outlier.sigmoid(), 1.0)
    columns = [answers.distance, answers.spread.exp(), answers.noise.exp(), outlier]
    return torch.cat([answers.normals, torch.stack(columns, dim=1)], 1).double().cpu().numpy()
