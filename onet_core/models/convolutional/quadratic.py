"""Features of a query point from the nearest points of a cloud, at a third of the usual cost.

`neighbours.NeighbourFeatures` describes each pair of a query and a point by distances, which are no
polynomials. Here all that a query sees of a point is quadratic in the offset between them: heights
over the point's fitted sheets, squared distances. So the first layer of each point is a table of
numbers that is made once a cloud, and a pair costs one short sum, whatever its width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers import precisely
from .neighbours import MONOMIALS, UNIT, Code, gather, nearest, sides_of

# Units of heights over fitted sheets and of the roots of squared ones, in the unit cube.
ACROSS = 0.01
_ROOTS = 0.02
# From this length on, plus that many spacings of the cloud, what is seen of a point fades.
_REACH = 0.03
_REACH_SPACINGS = 1.5
# Of a plane's two factors, the terms of their product in the order of `MONOMIALS`.
_PAIRS = ((0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3))
# What is seen of a point beside what is seen of each size of its surroundings.
_OF_POINTS = 9
_OF_SIZES = 6


class QuadraticNeighbours(nn.Module):
    """Attention of query points to the nearest points of the input cloud.

    channels: width of the features that are read and given; wide: of the first layer; hidden: of
    the second one, divisible by the heads; neighbours: how many points a query attends to;
    surroundings: in how many sizes shapes are fitted around each point, at least one.
    """

    HEADS = 4

    def __init__(
        self, *, channels: int, wide: int, hidden: int, neighbours: int, surroundings: int
    ) -> None:
        super().__init__()
        if neighbours < 1 or hidden % self.HEADS or surroundings < 1:
            raise ValueError(
                f"Attention needs at least 1 neighbour and 1 size of surroundings, and a width "
                f"divisible by {self.HEADS}; got {neighbours}, {surroundings} and {hidden}."
            )
        self.neighbours = neighbours
        self.fc_outwards = nn.Linear(channels, 3)
        self.fc_seen = nn.Linear(_OF_SIZES * surroundings + _OF_POINTS, wide, bias=False)
        self.fc_neighbour = nn.Linear(channels, wide)
        self.fc_plane = nn.Linear(channels, wide, bias=False)
        self.fc_1 = nn.Linear(wide, hidden)
        self.fc_weight = nn.Linear(hidden, self.HEADS)
        self.fc_out = nn.Linear(hidden, channels)

    def forward(self, points: Tensor, code: Code, features: Tensor) -> Tensor:
        """Features (B, T, C) at points (B, T, 3); features: what the planes say there, (B, T, C).

        code: see `neighbours.with_cloud_features`.
        """
        index, seen = self.see(points, code)
        known = self.fc_neighbour(code["cloud_features"])
        return self.attend(seen, gather(known, index), features)

    def see(self, points: Tensor, code: Code) -> tuple[Tensor, Tensor]:
        """The nearest K points of queries (B, T, 3), (B, T, K), and what is seen of each of them,
        (B, T, K, P)."""
        cloud = code["cloud"]
        index = nearest(points, cloud, min(self.neighbours, cloud.shape[1]))
        offsets = points.unsqueeze(2) - gather(cloud, index)
        powers = damped(offsets, reach(code["spacing"]).view(-1, 1, 1, 1))
        polynomials = self.polynomials(code)
        near = gather(polynomials.flatten(2), index).unflatten(-1, polynomials.shape[2:])
        with torch.autocast(points.device.type, enabled=False):
            return index, (near @ powers.unsqueeze(-1)).squeeze(-1)

    def attend(self, seen: Tensor, known: Tensor, features: Tensor) -> Tensor:
        """Features (..., C) of queries; features: what the planes say there, (..., C).

        seen: of each of K points, (..., K, P); known: what the first layer makes of the points'
        own features, (..., K, wide).
        """
        net = precisely(self.fc_seen, seen) + known + self.fc_plane(features).unsqueeze(-2)
        net = functional.relu(self.fc_1(functional.relu(net)))
        share = self.fc_weight(net).softmax(-2)
        heads = net.unflatten(-1, (self.HEADS, -1)) * share.unsqueeze(-1)
        return self.fc_out(heads.sum(-3).flatten(-2))

    def polynomials(self, code: Code) -> Tensor:
        """What is seen of each point, as polynomials of the offset from it: (B, N, P, 10).

        Of each size the height over plane and curved sheet, both with the sign of the side that is
        outside (see `neighbours.sides_of`), the squares of plane's height and of the distance from
        the line; then offset and squared distance in two units, and 1.
        """
        forms, space = code["cloud_forms"], code["spacing"].view(-1, 1, 1, 1)
        sizes = forms.shape[2] // 3
        sheets, lines = forms.split([2 * sizes, sizes], dim=2)
        sheets = sheets / ACROSS
        sides = sides_of(self.fc_outwards, code).unsqueeze(-1).repeat(1, 1, 2, 1)
        squares = squared(forms[:, :, :sizes]) / _ROOTS**2
        fixed = forms.new_zeros(5, MONOMIALS)
        fixed[:3, 1:4] = torch.eye(3, device=forms.device)
        fixed[3, [4, 7, 9]] = 1
        fixed[4, 0] = 1
        fixed = fixed.expand(*forms.shape[:2], -1, -1)
        offsets, distance, one = fixed.split([3, 1, 1], dim=2)
        of_points = [offsets / UNIT, distance / UNIT**2, offsets / space, distance / space**2, one]
        return torch.cat([sheets, sides * sheets, squares, lines / UNIT**2, *of_points], dim=2)


def reach(spacing: Tensor) -> Tensor:
    """How far from a point what is seen of it has faded to a half, of clouds of a spacing."""
    return _REACH + _REACH_SPACINGS * spacing


def damped(offsets: Tensor, length: Tensor) -> Tensor:
    """The monomials of offsets (..., 3), see `MONOMIALS`, by 1 + (distance / length)^2: (..., 10).

    length: (..., 1). So what is quadratic stays bounded far away.
    """
    x, y, z = offsets.unbind(-1)
    one = torch.ones_like(x)
    powers = torch.stack([one, x, y, z, x * x, x * y, x * z, y * y, y * z, z * z], dim=-1)
    return powers / (1 + offsets.square().sum(-1, keepdim=True) / length**2)


def squared(planes: Tensor) -> Tensor:
    """The squares of linear polynomials (..., 10), see `MONOMIALS`: (..., 10)."""
    return torch.stack(
        [(1 if i == j else 2) * planes[..., i] * planes[..., j] for i, j in _PAIRS], dim=-1
    )
