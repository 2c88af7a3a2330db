"""What the points around each point of a cloud tell about the surface there.

A few noisy points can't tell which side of a thin wall they lie on; many can. Around each point, in
several sizes, a plane is fitted: how far the point lies off it, how it is inclined, and how much
its neighbours scatter off it. That is the start of classical surface reconstruction (Hoppe et al.
1992), here told to a network that makes up its own mind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional

from ..layers import precisely
from .neighbours import REACH, UNIT

# Lengths across a surface (in the unit cube) are seen in units of about a thin wall.
ACROSS = 0.01
# So many numbers describe the surroundings in one size.
NUMBERS = 16


def fit_planes(
    cloud: NDArray[np.floating], counts: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Planes through the nearest points of each point of a cloud (N, 3), for each of S counts.

    counts: how many points, itself included, are looked at; as many as there are where there are
    fewer. Returns a description (N, 16 S): for each count the way to their mean, the way to their
    plane (3 numbers each), the plane's normal as n n' (6: xx, xy, xz, yy, yz, zz), their deviations
    along the principal axes (3, the least first), and the least once more in smaller units; and
    the planes (N, S, 4): a unit normal, of either sign, and how far along it the plane lies from
    the point.
    """
    points = np.asarray(cloud, dtype=np.float64)
    most = min(max(counts), len(points))
    index = cKDTree(points).query(points, k=range(1, most + 1))[1]
    offsets = points[index] - points[:, None]
    told, planes = [], []
    for count in counts:
        some = offsets[:, :count]
        mean = some.mean(axis=1)
        centred = some - mean[:, None]
        covariance = centred.transpose(0, 2, 1) @ centred / some.shape[1]
        variances, axes = np.linalg.eigh(covariance)
        deviations = np.sqrt(variances.clip(0))
        normal = axes[..., 0]
        away = (mean * normal).sum(axis=1, keepdims=True)
        rows, columns = np.triu_indices(3)
        told += [
            mean / UNIT,
            away * normal / ACROSS,
            normal[:, rows] * normal[:, columns],
            deviations / UNIT,
            deviations[:, :1] / ACROSS,
        ]
        planes.append(np.concatenate([normal, away], axis=1))
    described = np.concatenate(told, axis=1).clip(-REACH, REACH)
    return described.astype(np.float32), np.stack(planes, axis=1).astype(np.float32)


class Surroundings(nn.Module):
    """Features of the points of clouds, from the planes around each.

    counts: see `fit_planes`. The features are zeros before they have learned, so that they can join
    a trained network. No gradients reach the points.
    """

    def __init__(self, counts: Sequence[int], *, channels: int, hidden: int = 64) -> None:
        super().__init__()
        if min(counts) < 3:
            raise ValueError(f"A plane needs 3 points at least, not {min(counts)}.")
        self.counts = tuple(counts)
        self.fc_0 = nn.Linear(NUMBERS * len(self.counts), hidden)
        self.fc_1 = nn.Linear(hidden, channels)
        nn.init.zeros_(self.fc_1.weight)
        nn.init.zeros_(self.fc_1.bias)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Clouds (B, N, 3) -> features (B, N, C) and the fitted planes (B, N, S, 4)."""
        clouds = points.detach().cpu().float().numpy()
        told, planes = zip(*(fit_planes(cloud, self.counts) for cloud in clouds), strict=True)
        seen = torch.from_numpy(np.stack(told)).to(points.device)
        fitted = torch.from_numpy(np.stack(planes)).to(points.device)
        return self.fc_1(functional.relu(precisely(self.fc_0, seen))), fitted
