"""Where half precision may stay in the values that a surface is made of.

A rough logit that is off by e moves the surface by e divided by the logit's slope. With the root
mean square of e, taken from a sample of points at the surface, and the slope between neighbours in
the grid, that is a length in cells. Where it is longer than the tolerance, float32 takes over. All
faces come from one set of values, whatever their precision, so the mesh is closed all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .following import crossed_beside, follow
from .rounds import Rounds
from .sparse_grid import MISSING, OUTSIDE, SparseGrid

TOLERANCE = 0.1
"""How far, in cells, half precision may move the surface by default (root mean square)."""

# A root mean square of 200 values is within a tenth of that of all.
_SAMPLE = 256
# Where more of the points than this would be evaluated again, all of them are at once.
_MOST_AGAIN = 0.4


def rough_errors(grid: SparseGrid, rounds: Rounds) -> Tensor:
    """The root mean square of rough logits' errors next to each object's surface, (objects,)."""
    ends = _ends(grid, *_edges(grid))
    objects = grid.objects(ends)
    sample = []
    for number in range(rounds.objects):
        own = ends[objects == number]
        sample.append(own[:: max(1, len(own) // _SAMPLE)][:_SAMPLE])
    chosen = torch.cat(sample)
    # What the grid has here may be float32's already.
    rough, exact = (
        rounds.on(grid.resolution, [is_rough] * rounds.objects)(grid.keys[chosen])
        for is_rough in (True, False)
    )
    squares = (exact - rough).square().split([len(part) for part in sample])
    return torch.stack([part.sum() / max(1, len(part)) for part in squares]).sqrt()


def stays_rough(grid: SparseGrid, rounds: Rounds, errors: Tensor) -> list[bool]:
    """Which objects' values on the grid of half the cells' size may be rough at first.

    There the logits of neighbours differ by half as much. Where most values would have to be
    evaluated again, all are better exact from the start.
    """
    doubted = _doubted(grid, 2 * errors, rounds.tolerance)
    again, ends = (
        torch.bincount(grid.objects(places), minlength=rounds.objects)
        for places in (doubted, _ends(grid, *_edges(grid)))
    )
    return (again <= _MOST_AGAIN * ends).tolist()


def sharpened(
    grid: SparseGrid,
    rounds: Rounds,
    errors: Tensor,
    is_rough: Sequence[bool] | None = None,
) -> SparseGrid:
    """The grid with float32's values wherever rough ones are not good enough; it is used up.

    is_rough: which objects have rough values, by default all.
    """
    if is_rough is None:
        is_rough = [True] * rounds.objects
    errors = errors * torch.tensor(is_rough, device=errors.device)
    exact, rough = (rounds.on(grid.resolution, halves) for halves in (None, is_rough))
    exact_keys = grid.keys[:0]
    wanted = _doubted(grid, errors, rounds.tolerance)
    while len(wanted):
        keys, was_inside = grid.keys[wanted], grid.is_inside_at(wanted)
        exact_keys = torch.cat([exact_keys, keys])
        grid.set_values(wanted, exact(keys))
        has_turned = grid.is_inside_at(wanted) != was_inside
        new = [keys[has_turned]]

        def evaluate(keys: Tensor, new: list[Tensor] = new) -> Tensor:
            new.append(keys)
            return rough(keys)

        grid = follow(grid, evaluate, changed=wanted[has_turned])
        # Elsewhere slopes have changed by less than the tolerance's part of them.
        places = grid.place(torch.cat(new))
        beside = torch.cat([places, *(grid.before(axis, places) for axis in range(3))])
        wanted = _doubted(grid, errors, rounds.tolerance, crossed_beside(grid, beside))
        wanted = wanted[~torch.isin(grid.keys[wanted], exact_keys)]
    return grid


def _doubted(
    grid: SparseGrid, errors: Tensor, tolerance: float, starts: list[Tensor] | None = None
) -> Tensor:
    """The places (m,) of crossed edges' ends whose values have to be float32's.

    errors: of each object, 0 where nothing is rough; starts: of each axis, the points (m,) where
    the edges begin that are asked about, by default all.
    """
    start, stop = _edges(grid, starts)
    moved = errors[grid.objects(start)] > tolerance * _slopes(grid, start)
    return _ends(grid, start[moved], stop[moved])


def _edges(grid: SparseGrid, starts: list[Tensor] | None = None) -> tuple[Tensor, Tensor]:
    """The places (m,) of the ends of all crossed edges, or of those that start there."""
    if starts is None:
        starts = [grid.crossings(axis) for axis in range(3)]
    stops = [grid.following[axis][start] for axis, start in enumerate(starts)]
    return torch.cat(starts), torch.cat(stops)


def _ends(grid: SparseGrid, start: Tensor, stop: Tensor) -> Tensor:
    """The places (m,) of the edges' ends in the box, each once."""
    is_end = torch.zeros(len(grid), dtype=torch.bool, device=grid.keys.device)
    is_end[start] = True
    is_end[stop] = True
    return (is_end & (grid.values != OUTSIDE)).nonzero().squeeze(1)


def _slopes(grid: SparseGrid, start: Tensor) -> Tensor:
    """How much the value changes from each point (m,) to the next one along the axis along which
    it changes most, (m,)."""
    before = grid.values[start]
    slopes = torch.zeros_like(before)
    for following in grid.following:
        stop = following[start]
        after = grid.values[stop]
        in_box = (stop != MISSING) & (after != OUTSIDE) & (before != OUTSIDE)
        slopes = torch.where(in_box, torch.maximum(slopes, (after - before).abs()), slopes)
    return slopes
