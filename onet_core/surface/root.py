"""The coarse grid's values, of which those are skipped that plainly lie far from the surface.

First every second point along each axis is evaluated: an eighth of the points. Then come the
middles of the cubes between them, and then all others, each of which has six of the former no
further away than the diagonal of a cell's face. Where the points around one are on one side, and
further from the level than half of what they differ by (around a middle, all of it), it is taken to
be on that side too. Then the points of all cells that the surface crosses are evaluated, and those
of the cells that it turns out to cross.

A network's logit falls on for many cells around a shape, which shows where the surface can't be.
Fields in general do nothing of the kind: theirs are evaluated at every point.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from .rounds import Rounds

# By how much of what its neighbours differ by a point has to be away from the level to be skipped.
# On 28 clouds and the shipped network a quarter leaves 28 of a million points on the wrong side, a
# half 10, the whole 6; it skips 67, 66 and 60 % of the points.
MARGIN = 0.5
# The same for the middles, whose neighbours are further away. On 120 clouds of validation shapes a
# half skips 3,400 of 4,096 middles, 2 of them on the wrong side, and loses a part of one shape; the
# whole 2,500, 1, and of no shape anything.
_MIDDLES_MARGIN = 1.0
# The corners of the cube around a middle, and the six nearest of both to any other point: two at
# one step, four at a step along two axes.
_AROUND_MIDDLE = list(product((-1, 1), repeat=3))
BESIDE = [step for step in product((-1, 0, 1), repeat=3) if 0 < sum(map(abs, step)) < 3]
_CORNERS = list(product((0, 1), repeat=3))


class CoarseValues(NamedTuple):
    """Logits of each object's coarse grid of n points an axis, (objects, n, n, n), along x, y, z.

    is_known: which are the field's own. Others have the value of the neighbour that is nearest to
    the level.
    """

    values: Tensor
    is_known: Tensor


def coarse_values(rounds: Rounds, resolution: int, level: float, *, may_skip: bool) -> CoarseValues:
    """Logits of each object's coarse grid, of `resolution` cells an axis.

    may_skip: whether points may be skipped that plainly lie far from the surface; at an odd
    resolution none are. An object of which nothing is seen so is evaluated at every point.
    """
    size = (rounds.objects, *[resolution + 1] * 3)
    values = torch.zeros(size, dtype=rounds.dtype, device=rounds.device)
    is_known = torch.zeros(size, dtype=torch.bool, device=rounds.device)

    def ask(wanted: Tensor) -> None:
        objects, *axes = wanted.nonzero(as_tuple=True)
        if len(objects):
            indices = torch.stack(axes, dim=1)
            values[wanted] = rounds.at(indices, resolution, level, 0, objects)
            is_known.logical_or_(wanted)

    if not may_skip or resolution % 2:
        ask(~is_known)
        return CoarseValues(values, is_known)
    is_told = torch.zeros_like(is_known)
    is_told[:, ::2, ::2, ::2] = True
    ask(is_told)
    is_middle = torch.zeros_like(is_known)
    is_middle[:, 1::2, 1::2, 1::2] = True
    for chosen, steps, margin in (
        (is_middle, _AROUND_MIDDLE, _MIDDLES_MARGIN),
        (~is_told & ~is_middle, BESIDE, MARGIN),
    ):
        low, high = range_around(values - level, is_told, steps)
        nearest = torch.where(low > 0, low, high)
        is_far = ((low > 0) | (high < 0)) & (nearest.abs() > margin * (high - low))
        values = torch.where(chosen, level + nearest, values)
        ask(chosen & ~is_far)
        is_told |= chosen
    while (wanted := _corners_of_crossed(values > level) & ~is_known).any():
        ask(wanted)
    inside = (values > level).flatten(1)
    is_empty = inside.all(dim=1) | ~inside.any(dim=1)
    ask(~is_known & is_empty[:, None, None, None])
    return CoarseValues(values, is_known)


def range_around(
    values: Tensor, is_told: Tensor, steps: Sequence[tuple[int, ...]]
) -> tuple[Tensor, Tensor]:
    """The smallest and the largest value among those that are told at steps from each point."""
    padding, size = (1,) * 6, values.shape[1]
    infinite = torch.full_like(values, torch.inf)
    low, high = infinite, -infinite
    above = pad(torch.where(is_told, values, infinite), padding, value=torch.inf)
    below = pad(torch.where(is_told, values, -infinite), padding, value=-torch.inf)
    for step in steps:
        window = (slice(None), *(slice(1 + along, 1 + along + size) for along in step))
        low = torch.minimum(low, above[window])
        high = torch.maximum(high, below[window])
    return low, high


def _corners_of_crossed(inside: Tensor) -> Tensor:
    """Which points are corners of cells with corners on both sides."""
    cells = inside.shape[1] - 1
    windows = [(slice(None), *(slice(c, c + cells) for c in corner)) for corner in _CORNERS]
    count = torch.stack([inside[window] for window in windows]).sum(dim=0)
    is_crossed = (count > 0) & (count < len(_CORNERS))
    corners = torch.zeros_like(inside)
    for window in windows:
        corners[window] |= is_crossed
    return corners
