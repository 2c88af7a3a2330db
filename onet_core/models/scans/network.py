"""The network that reads every point of a scan: its outward normal, its distance from the surface.

A U-Net over the occupied voxels, the finest a few spacings of the cloud wide, the coarsest as large
as the object or a good part of it. All it is given is in units of the finest voxel: it knows no
absolute length, so that a dense scan looks like a flatter sparse one.

In every voxel it predicts quadratic functions of the place in the voxel; a small MLP of their
values gives the answer for any place in there, for the scan's points and for others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from .layers import Block, Down, Up
from .levels import Level, codes_of, find, levels_of

MONOMIALS = 10
"""1, the coordinates and their products."""

_STATISTICS = 21
_SMALLEST_SPREAD = -4.0
_LARGEST_SPREAD = 1.5


@dataclass(frozen=True)
class ScanConfig:
    """The sizes of a scan network.

    widths: channels of each level, the finest first.
    functions: quadratic functions a voxel.
    hidden: width of the MLP behind them.
    """

    widths: tuple[int, ...] = (32, 48, 64, 80, 96, 128)
    functions: int = 20
    hidden: int = 64

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file's header."""
        return {**asdict(self), "widths": list(self.widths)}


@dataclass(frozen=True)
class Voxels:
    """Clouds cut into voxels.

    size: (clouds,) edge of the finest voxels.
    levels: the finest first.
    statistics: (M, 21) of the points in each of the finest.
    clouds: how many.
    """

    size: Tensor
    levels: list[Level]
    statistics: Tensor


@dataclass(frozen=True)
class Answers:
    """What the network says of places; lengths in units of the finest voxel.

    normals: (N, 3) outward, not of unit length.
    distance: (N,) from the surface, positive outside.
    spread: (N,) natural logarithm of the expected error of the distance.
    noise: (N,) natural logarithm of the noise's deviation around there.
    outlier: (N,) logit that a point of the cloud there belongs to no surface.
    """

    normals: Tensor
    distance: Tensor
    spread: Tensor
    noise: Tensor
    outlier: Tensor


def voxels_of(points: Tensor, size: Tensor, clouds: Tensor, levels: int) -> Voxels:
    """Points (N, 3) of several clouds, `clouds` (N,) their numbers, in voxels of edges `size`."""
    scaled = points / size[clouds][:, None]
    indices = scaled.floor()
    codes, order = torch.sort(codes_of(indices, clouds))
    finest, inverse, counts = torch.unique_consecutive(
        codes, return_inverse=True, return_counts=True
    )
    inside = (scaled - indices - 0.5)[order]
    x, y, z = inside.unbind(1)
    products = torch.stack([x * x, y * y, z * z, x * y, y * z, z * x], dim=1)
    cubes = torch.cat([inside * products[:, :3], inside * products[:, [1, 2, 0]]], dim=1)
    cubes = torch.cat([cubes, inside * products[:, [2, 0, 1]], (x * y * z)[:, None]], dim=1)
    moments = torch.cat([inside, products, cubes], dim=1)
    sums = moments.new_zeros(len(finest), moments.shape[1]).index_add_(0, inverse, moments)
    means = sums / counts[:, None]
    middle = means[:, :3]
    spread = means[:, 3:6] - middle * middle
    logarithm = counts[:, None].to(means.dtype).log()
    features = torch.cat([2 * means[:, :3], 6 * means[:, 3:9], 12 * spread], dim=1)
    features = torch.cat([features, 12 * means[:, 9:16], 0.5 * logarithm, 1 / counts[:, None]], 1)
    return Voxels(size, levels_of(finest, levels), features)


class ScanNetwork(nn.Module):
    """See the module."""

    def __init__(self, config: ScanConfig | None = None) -> None:
        super().__init__()
        self.config = config or ScanConfig()
        widths = self.config.widths
        self.first = nn.Linear(_STATISTICS, widths[0])
        self.down_blocks = nn.ModuleList(Block(width) for width in widths)
        self.up_blocks = nn.ModuleList(Block(width) for width in widths[:-1])
        pairs = list(pairwise(widths))
        self.downs = nn.ModuleList(Down(fine, coarse) for fine, coarse in pairs)
        self.ups = nn.ModuleList(Up(coarse, fine) for fine, coarse in pairs)
        functions, hidden = self.config.functions, self.config.hidden
        self.last = nn.LayerNorm(widths[0])
        self.functions = nn.Linear(widths[0], functions * MONOMIALS)
        self.head = nn.Sequential(
            nn.Linear(functions, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.answers = nn.Linear(hidden, 7)
        self.products = torch.float32
        """What the convolutions are computed in."""

    def encode(self, voxels: Voxels) -> Tensor:
        """The functions' coefficients of each of the finest voxels, (M, functions * 10)."""
        values = self.first(voxels.statistics)
        levels, kept = voxels.levels, []
        for number, block in enumerate(self.down_blocks):
            level = levels[number]
            values = block(values, level.neighbours, self.products)
            if number < len(self.downs):
                kept.append(values)
                values = self.downs[number](
                    values, level.parents, level.slots, len(levels[number + 1])
                )
        for number in reversed(range(len(self.ups))):
            level = levels[number]
            values = kept[number] + self.ups[number](values, level.parents, level.slots)
            values = self.up_blocks[number](values, level.neighbours, self.products)
        result: Tensor = self.functions(self.last(values).relu())
        return result

    def decode(
        self, coefficients: Tensor, voxels: Voxels, places: Tensor, clouds: Tensor
    ) -> tuple[Answers, Tensor]:
        """Answers for places (N, 3), and which of them lie in a voxel of the cloud (N,) bool."""
        scaled = places / voxels.size[clouds][:, None]
        indices = scaled.floor()
        finest = voxels.levels[0].codes
        voxel = find(finest, codes_of(indices, clouds))
        is_known = voxel < len(finest)
        chosen = coefficients.index_select(0, voxel.clamp(max=len(finest) - 1))
        x, y, z = (2 * (scaled - indices - 0.5)).unbind(1)
        monomials = torch.stack(
            [torch.ones_like(x), x, y, z, x * x, y * y, z * z, x * y, y * z, z * x], dim=1
        )
        values = torch.bmm(chosen.view(len(places), -1, MONOMIALS), monomials[:, :, None])[..., 0]
        out = self.answers(self.head(values))
        spread = out[:, 4].clamp(_SMALLEST_SPREAD, _LARGEST_SPREAD)
        noise = out[:, 5].clamp(_SMALLEST_SPREAD, _LARGEST_SPREAD)
        return Answers(out[:, :3], out[:, 3], spread, noise, out[:, 6]), is_known
