"""Variants of shapes on any device: mirrored and unevenly stretched, triangles and queries alike.

`training.data.stretching` for batches in torch: each axis is stretched by a smooth growing function
of its own, left and right alike, and the shape is fitted into the unit cube again.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

# Deviations of the logarithm of how much an axis is stretched: as a whole, and by each wave.
_WHOLE, _WAVE = 0.18, 0.22
# No part gets more than twice as long or short.
_MOST = 0.7
_WAVES = (1, 2)
# The curves cover the box of the queries and a little more.
_HALF, _STEPS = 0.6, 241


class Variation(NamedTuple):
    """Where the points of each shape of a batch go.

    curves: (B, 3, _STEPS), where places along each axis go.
    centre: (B, 3) of the stretched shape's box, which is moved to the origin.
    edge: (B,) the longest edge of that box, which is scaled to 1.
    sign: (B,), -1 for what is mirrored left to right.
    """

    curves: Tensor
    centre: Tensor
    edge: Tensor
    sign: Tensor

    def __call__(self, points: Tensor, shape: Tensor) -> Tensor:
        """Points (N, 3) of shapes (N,) in the batch -> (N, 3)."""
        moved = (_follow(self.curves, points, shape) - self.centre[shape]) / self.edge[shape, None]
        return torch.cat([moved[:, :1] * self.sign[shape, None], moved[:, 1:]], dim=1)

    def batch(self, points: Tensor) -> Tensor:
        """Points (B, N, 3) -> (B, N, 3)."""
        count, each = points.shape[:2]
        shape = torch.arange(count, device=points.device).repeat_interleave(each)
        return self(points.reshape(-1, 3), shape).view_as(points)


def draw_variation(
    corners: Tensor, shape: Tensor, count: int, generator: torch.Generator, share: float = 0.7
) -> Variation:
    """A random variation of each of `count` shapes.

    corners: (F, 3, 3), all their triangles; shape: (F,), whose each is; share: of the shapes are
    stretched, half of all are mirrored.
    """
    device = corners.device
    places = torch.linspace(-_HALF, _HALF, _STEPS, device=device)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, device=device)

    phase = torch.rand(count, 3, len(_WAVES), generator=generator, device=device) * (2 * math.pi)
    phase[:, 0] = 0  # Left and right alike.
    slope = (normal(count, 3, 1) * _WHOLE).expand(-1, -1, _STEPS).clone()
    for number, wave in enumerate(_WAVES):
        turned = 2 * math.pi * wave * places + phase[:, :, number, None]
        slope += normal(count, 3, 1) * _WAVE * turned.cos()
    slope = slope.clamp(-_MOST, _MOST).exp()
    step = 2 * _HALF / (_STEPS - 1)
    grown = ((slope[..., 1:] + slope[..., :-1]) / 2 * step).cumsum(-1)
    grown = torch.cat([torch.zeros_like(grown[..., :1]), grown], dim=-1)
    curves = grown - grown[..., _STEPS // 2, None]
    kept = torch.rand(count, generator=generator, device=device) >= share
    curves = torch.where(kept[:, None, None], places.expand_as(curves), curves)
    sign = torch.rand(count, generator=generator, device=device).sub(0.5).sign()
    sign = torch.where(sign == 0, 1.0, sign)
    moved = _follow(curves, corners.reshape(-1, 3), shape.repeat_interleave(3))
    low, high = bounds(moved, shape.repeat_interleave(3), count)
    edge = (high - low).amax(1).clamp_min(1e-6)
    return Variation(curves, (low + high) / 2, edge, sign)


def bounds(points: Tensor, shape: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The lowest and highest coordinates of each shape: points (N, D), shape (N,) -> (count, D)."""
    where = shape[:, None].expand_as(points)
    empty = points.new_full((count, points.shape[1]), torch.inf)
    low = empty.scatter_reduce(0, where, points, "amin")
    high = (-empty).scatter_reduce(0, where, points, "amax")
    return low, high


def _follow(curves: Tensor, points: Tensor, shape: Tensor) -> Tensor:
    """Each coordinate of points (N, 3) along its shape's curve."""
    place = (points + _HALF) * ((_STEPS - 1) / (2 * _HALF))
    lower = place.floor().clamp(0, _STEPS - 2)
    axis = torch.arange(3, device=points.device)
    index = (shape[:, None] * 3 + axis) * _STEPS + lower.long()
    flat = curves.reshape(-1)
    start = flat[index]
    return start + (place - lower) * (flat[index + 1] - start)
