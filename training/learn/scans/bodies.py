"""Random bodies: limbs that blend into each other, with bumps and creases, as points and normals.

What is scanned is mostly grown or sculpted, with detail of a few points everywhere; shapes made by
people for games have little of it, and random solids none. The surface is where a smooth union of
round cones, less a relief, is 0; points are brought there by Newton's steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_FEWEST_LIMBS, _MOST_LIMBS = 6, 24
_WAVES = 10
_STEPS = 5
_AT_ONCE = 1 << 14
_NEAR = 2e-4
_DRAWN = 2.2
"""Points drawn for each that is wanted: limbs' points within others are left out, and where many
remain, they are thinned."""

_IN_A_VOXEL = 12


@dataclass(frozen=True)
class Body:
    """Round cones and a relief.

    starts, ends: (L, 3) of the cones' axes.
    radii: (L, 2) at both.
    sharpness: of the union, the inverse of how wide the blends are.
    waves: (W, 3) radians per unit of length. phases: (W,).
    height: of the relief.
    is_creased: whether it is the highest of the waves instead of their sum, by the root of
        their number.
    """

    starts: Tensor
    ends: Tensor
    radii: Tensor
    sharpness: float
    waves: Tensor
    phases: Tensor
    height: float
    is_creased: bool

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Values (N,), negative inside, and gradients (N, 3) at points (N, 3)."""
        along = self.ends - self.starts
        squared = along.square().sum(1)
        away = points[:, None] - self.starts
        raw = (away * along).sum(-1) / squared
        share = raw.clamp(0, 1)
        away = away - share[..., None] * along
        lengths = away.norm(dim=-1).clamp(min=1e-9)
        grown = self.radii[:, 1] - self.radii[:, 0]
        distances = lengths - self.radii[:, 0] - share * grown
        slopes = away / lengths[..., None]
        between = (raw == share).float() * (grown / squared)
        slopes = slopes - between[..., None] * along
        weights = (-self.sharpness * distances).softmax(1)
        values = -(-self.sharpness * distances).logsumexp(1) / self.sharpness
        gradients = (weights[..., None] * slopes).sum(1)
        angles = points @ self.waves.T + self.phases
        if self.is_creased:
            highest = angles.sin().max(1)
            relief, rows = highest.values, highest.indices
            turned = angles.gather(1, rows[:, None]).cos() * self.waves[rows]
        else:
            share_of_each = len(self.waves) ** -0.5
            relief = angles.sin().sum(1) * share_of_each
            turned = angles.cos() @ self.waves * share_of_each
        return values - self.height * relief, gradients - self.height * turned


def random_body(generator: torch.Generator, detail: float) -> Body:
    """A tree of limbs, about within the unit cube; detail: the least length of a wave of its
    relief, which has up to eight times that."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(uniform(1))

    limbs = int(between(_FEWEST_LIMBS, _MOST_LIMBS + 1))
    starts, ends, radii = torch.zeros(limbs, 3), torch.zeros(limbs, 3), torch.zeros(limbs, 2)
    thick = between(0.06, 0.16)
    for limb in range(limbs):
        way = torch.randn(3, generator=generator)
        way = way / way.norm()
        if limb == 0:
            begin, radius, length = torch.zeros(3), thick, between(0.15, 0.5)
        else:
            parent = int(float(uniform(1)) ** 1.5 * limb)
            share = between(0.0, 1.0) if float(uniform(1)) < 0.5 else 1.0
            begin = starts[parent] + share * (ends[parent] - starts[parent])
            before = ends[parent] - starts[parent]
            way = way + between(0, 1.2) * before / before.norm()
            way = way / way.norm()
            radius = float(radii[parent].min()) * between(0.35, 0.95)
            length = radius * between(2.0, 7.0)
        starts[limb], ends[limb] = begin, begin + length * way
        radii[limb, 0], radii[limb, 1] = radius, radius * between(0.4, 1.15)
    low = torch.minimum(starts, ends).amin(0) - thick
    high = torch.maximum(starts, ends).amax(0) + thick
    scale = 1 / float((high - low).max())
    starts, ends = ((places - (low + high) / 2) * scale for places in (starts, ends))
    waves = torch.randn(_WAVES, 3, generator=generator)
    lengths = detail * (uniform(_WAVES, 1) * math.log(8)).exp()
    waves = 2 * math.pi * waves / (waves.norm(dim=1, keepdim=True) * lengths)
    steep = between(0.0, 0.8) if float(uniform(1)) < 0.75 else 0.0
    height = steep / float(waves.norm(dim=1).mean())
    return Body(
        starts, ends, radii * scale, 1 / (between(0.02, 0.25) * thick * scale), waves,
        2 * math.pi * uniform(_WAVES), height, float(uniform(1)) < 0.4,
    )  # fmt: skip


def points_of(body: Body, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """At most that many points (N, 3) of the body's surface, about evenly but sparser at tips, in
    random order, with their outward unit normals (N, 3)."""
    along = body.ends - body.starts
    areas = body.radii.sum(1) * (along.norm(dim=1) + body.radii.sum(1))
    drawn = int(_DRAWN * count)
    limb = torch.multinomial(areas, drawn, replacement=True, generator=generator)
    share = torch.rand(drawn, 1, generator=generator)
    radius = body.radii[limb]
    radius = radius[:, :1] + share * (radius[:, 1:] - radius[:, :1])
    way = torch.randn(drawn, 3, generator=generator)
    points = body.starts[limb] + share * along[limb] + radius * way / way.norm(dim=1, keepdim=True)
    found = [_onto(body, part) for part in points.split(_AT_ONCE)]
    points, normals = (torch.cat(some) for some in zip(*found, strict=True))
    # Those of full voxels are less likely to stay.
    edge = (_IN_A_VOXEL * float(areas.sum()) * math.pi / drawn) ** 0.5
    cells = (points / edge).floor().long()
    cells = cells - cells.amin(0)
    size = cells.amax(0) + 1
    keys = (cells[:, 0] * size[1] + cells[:, 1]) * size[2] + cells[:, 2]
    _, voxel, full = keys.unique(return_inverse=True, return_counts=True)
    order = torch.rand(len(points), generator=generator).log() * full[voxel]
    chosen = order.argsort(descending=True)[:count]
    chosen = chosen[torch.randperm(len(chosen), generator=generator)]
    return points[chosen], normals[chosen]


def _onto(body: Body, points: Tensor) -> tuple[Tensor, Tensor]:
    """Points (N, 3) brought onto the surface, with normals; without those that don't come there."""
    for _ in range(_STEPS):
        values, gradients = body(points)
        squared = gradients.square().sum(1).clamp(min=0.04)
        points = points - (values / squared)[:, None] * gradients
    values, gradients = body(points)
    lengths = gradients.norm(dim=1)
    is_there = (values.abs() < _NEAR) & (lengths > 0.2)
    return points[is_there], (gradients / lengths.clamp(min=1e-9)[:, None])[is_there]
