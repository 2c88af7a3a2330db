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

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from .sparse_grid import MISSING, OUTSIDE, SparseGrid, indices_of

Evaluate = Callable[[Tensor], Tensor]
"""Keys (n,) of points in the box, see `sparse_grid.keys_of` -> logits (n,)."""


def follow(
    grid: SparseGrid,
    evaluate: Evaluate,
    doubted: Tensor | None = None,
    changed: Tensor | None = None,
    *,
    doubt: float = 1.0,
) -> SparseGrid:
    """The grid with values of the field at both ends of all edges that the surface crosses.

    grid: its sides are the estimate, and the points that are not in it are on the side of those
    beside them. It is used up. doubted: places (m,) of points to evaluate in any case. changed:
    of a grid that was followed already, the places (m,) of the points that are on the other side
    since; only there is anything looked for. doubt: estimates as near to the level as this share of
    the largest error are in doubt.
    Returns a grid that also has every cell that the surface crosses.
    """
    # The side that each point was estimated to be on, however it turns out.
    estimate = grid.is_inside
    # The largest error of each object's estimates, now and when doubts were last settled.
    objects = int(grid.objects(grid.keys.new_tensor([-1]))) + 1 if len(grid) else 1
    error = grid.values.new_zeros(objects)
    settled = error.clone()
    wanted = _unknown_at_crossings(grid) if changed is None else _unknown_beside(grid, changed)
    if doubted is not None:
        wanted = torch.cat([doubted, wanted]).unique()
    # Where a crossed edge may be new since cells were last looked for: None for everywhere.
    unsearched = changed
    turned = grid.keys.new_empty(0) if changed is None else changed
    while True:
        while len(wanted):
            before, after = grid.values[wanted], evaluate(grid.keys[wanted])
            grid.set_values(wanted, after)
            grid.is_known[wanted] = True
            error.scatter_reduce_(0, grid.objects(wanted), (after - before).abs(), "amax")
            has_turned = wanted[(before > grid.level) != (after > grid.level)]
            turned = torch.cat([turned, has_turned])
            wanted = _unknown_beside(grid, has_turned)
            if not len(wanted) and (error > settled).any():
                settled = error.clone()
                wanted = _in_doubt(grid, doubt * error)
        if unsearched is None:
            crossed = [grid.crossings(axis) for axis in range(3)]
        else:
            crossed = crossed_beside(grid, torch.cat([unsearched, turned]))
        keys, sides = _missing_points(grid, estimate, turned, crossed)
        if not len(keys):
            return grid
        indices = indices_of(keys, grid.resolution)
        beyond = grid.is_beyond(indices)
        values = grid.values.new_full((len(keys),), OUTSIDE)
        values[~beyond] = evaluate(keys[~beyond])
        sides &= ~beyond
        grid, old, unsearched = grid.joined(keys, values, torch.ones_like(beyond))
        estimate = _merged(estimate, old, sides, unsearched)
        turned = unsearched[(values > grid.level) != sides]
        wanted = _unknown_beside(grid, unsearched)


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


def _unknown_beside(grid: SparseGrid, places: Tensor) -> Tensor:
    """The points (m,) in the box whose values are estimates, at the other ends of the crossed edges
    of points whose values are known."""
    places = places[grid.values[places] != OUTSIDE]
    found = []
    for beside in _neighbours(grid, places):
        is_there = beside != MISSING
        found.append(beside[is_there & (grid.is_inside_at(places) != grid.is_inside_at(beside))])
    ends = torch.cat(found).unique()
    return ends[~grid.is_known[ends] & (grid.values[ends] != OUTSIDE)]


def crossed_beside(grid: SparseGrid, places: Tensor) -> list[Tensor]:
    """Of each axis, the points (m,) whose edge to the next one is crossed, and ends at a place."""
    crossed = []
    for axis in range(3):
        start = torch.cat([places, grid.before(axis, places)]).unique()
        stop = grid.following[axis][start]
        is_edge = (start != MISSING) & (stop != MISSING)
        start, stop = start[is_edge], stop[is_edge]
        crossed.append(start[grid.is_inside_at(start) != grid.is_inside_at(stop)])
    return crossed


def _merged(one: Tensor, places: Tensor, other: Tensor, other_places: Tensor) -> Tensor:
    """What two sets of points have, where they are in the grid of both."""
    both = torch.cat([one, other])
    both[places], both[other_places] = one, other
    return both


def _missing_points(
    grid: SparseGrid, estimate: Tensor, turned: Tensor, crossed: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Points that are needed and not there: neighbours of points that turned, and corners of the
    cells around crossed edges, of which the starts are given for each axis. Returns their keys
    (m,), sorted, and the sides they are taken for.
    """
    keys, sides = [grid.keys[:0]], [estimate[:0]]
    padded = torch.cat([estimate, estimate.new_zeros(1)])

    def step(key: Tensor, side: Tensor, steps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The points some steps of the keys away from others: keys, sides, whether they are
        missing. A point that is takes the side of the one before it."""
        key = key + steps
        place = grid.place(key)
        is_missing = place == MISSING
        return key, torch.where(is_missing, side, padded[place]), is_missing

    def want(key: Tensor, side: Tensor, is_missing: Tensor) -> None:
        keys.append(key[is_missing])
        sides.append(side[is_missing])

    there = grid.keys.new_tensor([-1, 1])
    at_rim = _at_rim(grid, turned)
    if len(at_rim):
        beside = (grid.keys.new_tensor(grid.strides)[:, None] * there).flatten()[:, None]
        want(*step(grid.keys[at_rim], padded[at_rim], beside))
    for axis in range(3):
        start = _with_missing_cells(grid, axis, crossed[axis])
        if not len(start):
            continue
        one, other = (there * grid.strides[a] for a in range(3) if a != axis)
        ends = torch.stack([start, grid.following[axis][start]])
        # By end, by the step along the one axis and by that along the other.
        key, side = (part[:, None, None] for part in (grid.keys[ends], padded[ends]))
        aside = step(key, side, one[:, None, None])
        wanted = [aside, step(*aside[:2], other[:, None]), step(key, side, other[:, None])]
        shape = (2, 2, 2, len(start))
        want(
            *(torch.stack([p.expand(shape) for p in part], 3) for part in zip(*wanted, strict=True))
        )
    all_keys, all_sides = torch.cat(keys), torch.cat(sides)
    all_keys, order = torch.sort(all_keys, stable=True)
    is_first = torch.ones_like(all_sides)
    is_first[1:] = all_keys[1:] != all_keys[:-1]
    return all_keys[is_first], all_sides[order][is_first]


def _at_rim(grid: SparseGrid, places: Tensor) -> Tensor:
    """Those of the places (m,) in the box that lack a neighbour."""
    places = places[grid.values[places] != OUTSIDE]
    lacks = torch.zeros_like(places, dtype=torch.bool)
    for beside in _neighbours(grid, places):
        lacks |= beside == MISSING
    return places[lacks]


def _neighbours(grid: SparseGrid, places: Tensor) -> Iterator[Tensor]:
    """Of each of the six directions, the places (m,) of the points beside those places."""
    for axis in range(3):
        yield grid.following[axis][places]
        yield grid.before(axis, places)


def _with_missing_cells(grid: SparseGrid, axis: int, start: Tensor) -> Tensor:
    """Those points (m,) whose edge along the axis lacks one of the four cells around it."""
    one, other = (a for a in range(3) if a != axis)
    beside = grid.before(other, start)
    around = (start, grid.before(one, start), beside, grid.before(one, beside))
    complete = torch.ones_like(start, dtype=torch.bool)
    for cells in around:
        complete &= grid.is_cell[cells]
    return start[~complete]
