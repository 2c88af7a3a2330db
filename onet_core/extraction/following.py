"""Evaluating a field along its surface, from an estimate of where the surface is.

The estimate gives every point of a sparse grid a side. Wherever two neighbours are on different
sides, both are evaluated; where that turns a point's side, the crossing moves and the search goes
on there, beyond the points of the estimate if it must. So are all points whose estimates are as
near to the level as the largest error that was met: their sides could be wrong too. In the end
every crossed edge has two values of the field at its ends, and every cell around it is there: the
surface is closed.

What is never evaluated keeps the side that was estimated. So a part of the surface that nothing
connects to the estimated one, or to what moved from it, is found only where the estimate is in
doubt.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .mise import OUTSIDE
from .sparse_grid import MISSING, SparseGrid, indices_of

Evaluate = Callable[[Tensor], Tensor]
"""Keys (n,) of points in the box, see `sparse_grid.keys_of` -> logits (n,)."""


def follow(grid: SparseGrid, evaluate: Evaluate, doubted: Tensor | None = None) -> SparseGrid:
    """The grid with values of the field at both ends of all edges that the surface crosses.

    grid: its sides are the estimate, and the points that are not in it are on the side of those
    beside them. It is used up. doubted: places (m,) of points to evaluate in any case.
    Returns a grid that also has every cell that the surface crosses.
    """
    # The side that each point was estimated to be on, however it turns out.
    estimate = grid.is_inside
    turned = torch.zeros_like(estimate)
    # The largest error of each object's estimates.
    objects = int(grid.objects(grid.keys.new_tensor([-1]))) + 1 if len(grid) else 1
    error = grid.values.new_zeros(objects)
    if doubted is None:
        doubted = grid.keys.new_empty(0)
    while True:
        wanted, doubted = torch.cat([doubted, _unknown_at_crossings(grid)]).unique(), doubted[:0]
        if not len(wanted):
            wanted = _in_doubt(grid, error)
        if len(wanted):
            before, after = grid.values[wanted], evaluate(grid.keys[wanted])
            grid.set_values(wanted, after)
            grid.is_known[wanted] = True
            turned[wanted] = (before > grid.level) != (after > grid.level)
            error.scatter_reduce_(0, grid.objects(wanted), (after - before).abs(), "amax")
            continue
        keys, sides = _missing_points(grid, estimate, turned)
        if not len(keys):
            return grid
        indices = indices_of(keys, grid.resolution)
        beyond = grid.is_beyond(indices)
        values = grid.values.new_full((len(keys),), OUTSIDE)
        values[~beyond] = evaluate(keys[~beyond])
        sides &= ~beyond
        grid, order = grid.joined(keys, values, torch.ones_like(beyond))
        estimate = torch.cat([estimate, sides])[order]
        new_turned = (values > grid.level) != sides
        turned = torch.cat([torch.zeros_like(turned), new_turned])[order]


def _in_doubt(grid: SparseGrid, error: Tensor) -> Tensor:
    """The points (m,) whose estimates are no further from the level than their object's error."""
    estimated = (~grid.is_known).nonzero().squeeze(1)
    distance = (grid.values[estimated] - grid.level).abs()
    return estimated[distance <= error[grid.objects(estimated)]]


def _unknown_at_crossings(grid: SparseGrid) -> Tensor:
    """The points (m,) at the ends of crossed edges whose values are estimates.

    Where the shape leaves the box, the surface is the box's: no value is needed for it.
    """
    unknown = torch.zeros_like(grid.is_known)
    for axis in range(3):
        start = grid.crossings(axis)
        stop = grid.following[axis][start]
        in_box = (grid.values[start] != OUTSIDE) & (grid.values[stop] != OUTSIDE)
        unknown[start[in_box]] = True
        unknown[stop[in_box]] = True
    return (unknown & ~grid.is_known).nonzero().squeeze(1)


def _missing_points(grid: SparseGrid, estimate: Tensor, turned: Tensor) -> tuple[Tensor, Tensor]:
    """Points that are needed and not there: neighbours of points that turned, and corners of the
    cells around crossed edges. Returns their keys (m,), sorted, and the sides they are taken for.
    """
    keys, sides = [grid.keys[:0]], [estimate[:0]]
    padded = torch.cat([estimate, estimate.new_zeros(1)])

    def want(origin: Tensor, steps: list[int]) -> None:
        """Asks for the points that are some steps of the keys away from places that are there.

        A point takes the side of the last point on the way to it that is there.
        """
        if not len(origin):
            return
        key, side = grid.keys[origin], padded[origin]
        for step in steps:
            key = key + step
            place = grid.place(key)
            is_missing = place == MISSING
            side = torch.where(is_missing, side, padded[place])
            keys.append(key[is_missing])
            sides.append(side[is_missing])

    at_rim = _at_rim(grid, turned.nonzero().squeeze(1))
    for stride in grid.strides:
        for step in (-stride, stride):
            want(at_rim, [step])
    for axis in range(3):
        across = [grid.strides[other] for other in range(3) if other != axis]
        start = _with_missing_cells(grid, axis)
        for end in (start, grid.following[axis][start]):
            for one in (-across[0], across[0]):
                for other in (-across[1], across[1]):
                    want(end, [one, other])
                    want(end, [other])
    all_keys, all_sides = torch.cat(keys), torch.cat(sides)
    all_keys, order = torch.sort(all_keys, stable=True)
    is_first = torch.ones_like(all_sides)
    is_first[1:] = all_keys[1:] != all_keys[:-1]
    return all_keys[is_first], all_sides[order][is_first]


def _at_rim(grid: SparseGrid, places: Tensor) -> Tensor:
    """Those of the places (m,) in the box that lack a neighbour."""
    places = places[grid.values[places] != OUTSIDE]
    lacks = torch.zeros_like(places, dtype=torch.bool)
    for table in (*grid.following, *grid.preceding):
        lacks |= table[places] == MISSING
    return places[lacks]


def _with_missing_cells(grid: SparseGrid, axis: int) -> Tensor:
    """The points whose crossed edge along the axis lacks one of the four cells around it."""
    start = grid.crossings(axis)
    one, other = (grid.preceding[a] for a in range(3) if a != axis)
    around = (start, one[start], other[start], one[other[start]])
    complete = torch.ones_like(start, dtype=torch.bool)
    for cells in around:
        complete &= grid.is_cell[cells]
    return start[~complete]
