"""Features of a query point from the nearest points of a cloud.

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

from ... import devices
from ..layers import precisely
from . import on_device
from .planes import sample_features

Code = dict[str, Tensor]

# Offsets are measured in two units: a length (in the unit cube) and the cloud's spacing.
UNIT = 0.03
# Offsets of more units than this are cut off.
REACH = 5.0
# Distances from what is fitted around a cloud's points are seen in units of the second length, half
# a thin wall, too.
UNITS_TO_FORMS = (UNIT, 0.006)
# How many numbers describe, in one unit, the distance of a query from what was fitted in one size.
NUMBERS_TO_FORMS = 5
# How many numbers describe an offset in both units, and the cloud's spacing.
OF_OFFSETS = 9
# Of an offset: 1, x, y, z, xx, xy, xz, yy, yz, zz.
MONOMIALS = 10
# How many points a cloud's spacing is measured with.
SPACING_POINTS = 500


def nearest(points: Tensor, cloud: Tensor, count: int) -> Tensor:
    """Indices of the cloud's points that are nearest to each point, nearest first.

    points: (B, T, 3); cloud: (B, N, 3), N >= count -> (B, T, count) int64. No gradients.
    """
    if devices.is_card(points.device):
        return on_device.nearest(points, cloud, count)
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
    others = gather(cloud, nearest(some, cloud, few))[:, :, 1:]
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
    the heads; neighbours: how many points a query attends to; surroundings: in how many sizes
    shapes are fitted around each point, see `fit_surroundings`. A query sees how far it is from
    those of its neighbours, and on which side of their sheets: what is known of a point says where
    outwards is. That has no effect before it has learned, so that it can join a trained network.
    """

    HEADS = 4

    def __init__(
        self, *, channels: int, hidden: int, neighbours: int, surroundings: int = 0
    ) -> None:
        super().__init__()
        if neighbours < 1 or hidden % self.HEADS:
            raise ValueError(
                f"Attention needs at least 1 neighbour and a width divisible by {self.HEADS}; "
                f"got {neighbours} and {hidden}."
            )
        self.neighbours = neighbours
        self.fc_offset = nn.Linear(OF_OFFSETS, hidden)
        self.fc_neighbour = nn.Linear(channels, hidden)
        self.fc_plane = nn.Linear(channels, hidden)
        self.fc_1 = nn.Linear(hidden, hidden)
        self.fc_weight = nn.Linear(hidden, self.HEADS)
        self.fc_out = nn.Linear(hidden, channels)
        self.fc_to_forms = None
        if surroundings:
            self.fc_outwards = nn.Linear(channels, 3)
            numbers = len(UNITS_TO_FORMS) * surroundings * NUMBERS_TO_FORMS
            self.fc_to_forms = nn.Linear(numbers, hidden, bias=False)
            nn.init.zeros_(self.fc_to_forms.weight)

    def forward(self, points: Tensor, code: Code, features: Tensor) -> Tensor:
        """Features (B, T, C) at points (B, T, 3); features: what the planes say there, (B, T, C).

        code: see `with_cloud_features`.
        """
        index, seen = self.see(points, code)
        # The linear map comes before the copies: N rows instead of T * neighbours.
        known = self.fc_neighbour(code["cloud_features"])
        return self.attend(seen, gather(known, index), features)

    def see(self, points: Tensor, code: Code) -> tuple[Tensor, Tensor]:
        """The nearest K points of queries (B, T, 3), (B, T, K), and what is seen of each of them,
        (B, T, K, 9 + 10 S): offsets and distances, then how far their forms are."""
        cloud = code["cloud"]
        index = nearest(points, cloud, min(self.neighbours, cloud.shape[1]))
        near = gather(cloud, index)
        offsets = self._offsets(points, near, code["spacing"])
        if self.fc_to_forms is None:
            return index, offsets
        forms = gather(code["cloud_forms"].flatten(2), index).unflatten(-1, (-1, MONOMIALS))
        sides = gather(sides_of(self.fc_outwards, code), index)
        away = distances_to_forms(points.unsqueeze(2) - near, forms, sides)
        return index, torch.cat([offsets, away], dim=-1)

    def attend(self, seen: Tensor, known: Tensor, features: Tensor) -> Tensor:
        """Features (..., C) of queries; features: what the planes say there, (..., C).

        seen: of each of K points, (..., K, 9 + 10 S); known: what the first layer makes of the
        points' own features, (..., K, hidden).
        """
        offsets, away = seen[..., :OF_OFFSETS], seen[..., OF_OFFSETS:]
        net = precisely(self.fc_offset, offsets) + known + self.fc_plane(features).unsqueeze(-2)
        if self.fc_to_forms is not None:
            net = net + precisely(self.fc_to_forms, away)
        net = functional.relu(self.fc_1(functional.relu(net)))
        share = self.fc_weight(net).softmax(-2)
        heads = net.unflatten(-1, (self.HEADS, -1)) * share.unsqueeze(-1)
        return self.fc_out(heads.sum(-3).flatten(-2))

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


def sides_of(fc_outwards: nn.Linear, code: Code) -> Tensor:
    """Which way the normals around each point look: (B, N, S), from -1, inwards, to 1.

    fc_outwards: tells from what is known of a point where outwards is. Normals are of either sign,
    and these numbers with them. Their product with heights over sheets has one sign outside and the
    other inside.
    """
    outwards = precisely(fc_outwards, code["cloud_features"])
    return (code["cloud_normals"] * outwards.unsqueeze(-2)).sum(-1).tanh()


def distances_to_forms(offsets: Tensor, forms: Tensor, sides: Tensor) -> Tensor:
    """How far queries are from the shapes fitted around points, in each unit: (..., 10 S).

    offsets: (..., 3), from the point to the query; forms: (..., 3 S, 10), see `fit_surroundings`;
    sides: (..., S). For each unit the distances from planes, curved sheets and lines, then those
    from planes and curved sheets times the sides. Exact under autocast too: heights are small
    differences of large terms.
    """
    x, y, z = offsets.unbind(-1)
    one = torch.ones_like(x)
    powers = torch.stack([one, x, y, z, x * x, x * y, x * z, y * y, y * z, z * z], dim=-1)
    with torch.autocast(offsets.device.type, enabled=False):
        values = (forms @ powers.unsqueeze(-1)).squeeze(-1)
    sizes = sides.shape[-1]
    heights, squares = values[..., : 2 * sizes], values[..., 2 * sizes :]
    from_lines = squares.clamp_min(1e-12).sqrt()
    sided = heights * torch.cat([sides, sides], dim=-1)
    distances = torch.cat([heights.abs(), from_lines, sided], dim=-1)
    units = distances.new_tensor(UNITS_TO_FORMS).unsqueeze(-1)
    return (distances.unsqueeze(-2) / units).clamp(-REACH, REACH).flatten(-2)


def gather(values: Tensor, index: Tensor) -> Tensor:
    """values (B, N, C) at index (B, T, K) -> (B, T, K, C)."""
    wide = index.flatten(1).unsqueeze(-1).expand(-1, -1, values.shape[-1])
    return values.gather(1, wide).unflatten(1, index.shape[1:])
