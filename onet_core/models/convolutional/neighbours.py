"""What the nearest points of a cloud tell about a query point.

Feature planes blur what is thinner than their cells. Here each query also attends to its nearest
input points: their offsets say where the surface is, their features what kind of surface it is.
Point transformers (Zhao et al. 2021) and POCO (Boulch and Marlet 2022) are the models of the idea.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional

from ..layers import precisely
from .planes import sample_features

Code = dict[str, Tensor]

# Offsets are seen in units of a length (in the unit cube) and of the cloud's spacing, up to
# so many of them.
UNIT = 0.03
REACH = 5.0
# Distances from the planes around a cloud's points are seen in units of the second length, half a
# thin wall, too.
UNITS_TO_PLANES = (UNIT, 0.006)
# So many points tell a cloud's spacing.
SPACING_POINTS = 500


def nearest(points: Tensor, cloud: Tensor, count: int) -> Tensor:
    """Indices of the cloud's points that are nearest to each point, nearest first.

    points: (B, T, 3); cloud: (B, N, 3), N >= count -> (B, T, count) int64. No gradients.
    """
    queries = points.detach().cpu().numpy()
    clouds = cloud.detach().cpu().numpy()
    found = [
        cKDTree(one).query(query, k=range(1, count + 1))[1]
        for one, query in zip(clouds, queries, strict=True)
    ]
    return torch.from_numpy(np.stack(found).astype(np.int64)).to(points.device)


def spacing(cloud: Tensor, count: int) -> Tensor:
    """Mean distance of a cloud's points to their nearest others: (B, N, 3) -> (B,).

    count: how many nearest points are looked at, the point itself included.
    """
    few = min(count, cloud.shape[1])
    some = cloud[:, :: max(1, cloud.shape[1] // SPACING_POINTS)]
    others = _gather(cloud, nearest(some, cloud, few))[:, :, 1:]
    if few < 2:
        return cloud.new_ones(len(cloud))
    return (others - some.unsqueeze(2)).norm(dim=-1).mean((1, 2)).clamp_min(1e-4)


def with_cloud_features(code: Code, neighbours: int, padding: float) -> Code:
    """A code whose "cloud" (B, N, 3) and "cloud_features" (B, N, C) are ready for queries.

    The features get those of the planes at the points added; "spacing" (B,) is new.
    """
    planes = sample_features(code, code["cloud"], padding)
    return {
        **code,
        "cloud_features": code["cloud_features"].to(planes.dtype) + planes,
        "spacing": spacing(code["cloud"], neighbours),
    }


class NeighbourFeatures(nn.Module):
    """Attention of query points to the nearest points of the input cloud.

    channels: width of the features that are read and given; hidden: width in between, divisible by
    the heads; neighbours: how many points a query attends to; planes: how many were fitted around
    each point, see `Surroundings`. A query sees how far it is from those of its neighbours; that
    has no effect before it has learned, so that it can join a trained network.
    """

    HEADS = 4

    def __init__(self, *, channels: int, hidden: int, neighbours: int, planes: int = 0) -> None:
        super().__init__()
        if neighbours < 1 or hidden % self.HEADS:
            raise ValueError(
                f"Attention needs at least 1 neighbour and a width divisible by {self.HEADS}; "
                f"got {neighbours} and {hidden}."
            )
        self.neighbours = neighbours
        self.fc_offset = nn.Linear(9, hidden)
        self.fc_neighbour = nn.Linear(channels, hidden)
        self.fc_plane = nn.Linear(channels, hidden)
        self.fc_1 = nn.Linear(hidden, hidden)
        self.fc_weight = nn.Linear(hidden, self.HEADS)
        self.fc_out = nn.Linear(hidden, channels)
        self.fc_to_planes = None
        if planes:
            self.fc_to_planes = nn.Linear(len(UNITS_TO_PLANES) * planes, hidden, bias=False)
            nn.init.zeros_(self.fc_to_planes.weight)

    def forward(self, points: Tensor, code: Code, features: Tensor) -> Tensor:
        """Features (B, T, C) at points (B, T, 3); features: what the planes say there, (B, T, C).

        code: see `with_cloud_features`.
        """
        cloud = code["cloud"]
        index = nearest(points, cloud, min(self.neighbours, cloud.shape[1]))
        near = _gather(cloud, index)
        offsets = self._offsets(points, near, code["spacing"])
        # The linear map comes before the copies: N rows instead of T * neighbours.
        known = _gather(self.fc_neighbour(code["cloud_features"]), index)
        net = precisely(self.fc_offset, offsets) + known + self.fc_plane(features).unsqueeze(2)
        if self.fc_to_planes is not None:
            planes = _gather(code["cloud_planes"].flatten(2), index).unflatten(-1, (-1, 4))
            seen = distances_to_planes(points.unsqueeze(2) - near, planes)
            net = net + precisely(self.fc_to_planes, seen)
        net = functional.relu(self.fc_1(functional.relu(net)))
        share = self.fc_weight(net).softmax(2)
        heads = net.unflatten(-1, (self.HEADS, -1)) * share.unsqueeze(-1)
        return self.fc_out(heads.sum(2).flatten(-2))

    @staticmethod
    def _offsets(points: Tensor, near: Tensor, spaces: Tensor) -> Tensor:
        """Offsets and distances in two units, and the cloud's spacing: (B, T, K, 9)."""
        offset = points.unsqueeze(2) - near
        distance = offset.square().sum(-1, keepdim=True).clamp_min(1e-12).sqrt()
        space = spaces.view(-1, 1, 1, 1)
        return torch.cat(
            [
                (offset / UNIT).clamp(-REACH, REACH),
                (distance / UNIT).clamp_max(REACH),
                (offset / space).clamp(-REACH, REACH),
                (distance / space).clamp_max(REACH),
                (space * 20).expand_as(distance),
            ],
            dim=-1,
        )


def distances_to_planes(offsets: Tensor, planes: Tensor) -> Tensor:
    """How far queries are from the planes at points, in each unit: (..., 2 S).

    offsets: (..., 3), from the point to the query; planes: (..., S, 4), see `fit_planes`.
    """
    along = (planes[..., :3] * offsets.unsqueeze(-2)).sum(-1) - planes[..., 3]
    return torch.cat([along.abs() / unit for unit in UNITS_TO_PLANES], dim=-1).clamp_max(REACH)


def _gather(values: Tensor, index: Tensor) -> Tensor:
    """values (B, N, C) at index (B, T, K) -> (B, T, K, C)."""
    wide = index.flatten(1).unsqueeze(-1).expand(-1, -1, values.shape[-1])
    return values.gather(1, wide).unflatten(1, index.shape[1:])
