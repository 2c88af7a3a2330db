"""Where half precision may stay in the values that a surface is made of.

A rough logit that is off by e moves the surface by e divided by the logit's slope. With the root
mean square of e, taken from a sample of points at the surface, and the slope between neighbours in
the grid, that is a length in cells. Where it is longer than the tolerance, or where a root step
needs to know a point's side for certain, float32 takes over. All faces come from one set of values,
whatever their precision, so the mesh is closed all the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .following import follow
from .mise import OUTSIDE
from .rounds import Rounds
from .sparse_grid import MISSING, SparseGrid
from .sparse_marching_cubes import CrossedEdges, crossed_edges

TOLERANCE = 0.1
"""How far, in cells, half precision may move the surface by default (root mean square)."""

# A root mean square of 200 values is within a tenth of that of all.
_SAMPLE = 256
# Errors are spread like a bell: one in 16,000 is beyond four times their root mean square.
_CERTAIN = 4.0
# Where more of the points than this would be evaluated again, all of them are at once.
_MOST_AGAIN = 0.4


def rough_error(grid: SparseGrid, rounds: Rounds) -> float:
    """The root mean square of rough logits' errors next to the surface, in logits."""
    ends = _ends(grid, crossed_edges(grid))
    ends = ends[:: max(1, len(ends) // _SAMPLE)][:_SAMPLE]
    if not len(ends):
        return 0.0
    indices = grid.indices(ends)
    # What the grid has here may be float32's already.
    rough, exact = (rounds.on(grid.resolution, is_rough)(indices) for is_rough in (True, False))
    return float((exact - rough).square().mean().sqrt())


def asks_for_float32(grid: SparseGrid, rounds: Rounds, error: float, root_steps: int) -> bool:
    """Whether most values of the grid of half the cells' size are better exact from the start.

    There the logits of neighbours differ by half as much.
    """
    edges = crossed_edges(grid)
    doubted = _doubted(grid, edges, 2 * error, rounds.tolerance, root_steps)
    return len(doubted) > _MOST_AGAIN * len(_ends(grid, edges))


def sharpened(grid: SparseGrid, rounds: Rounds, error: float, root_steps: int) -> SparseGrid:
    """The grid with float32's values wherever rough ones are not good enough; it is used up."""
    exact_keys = grid.keys[:0]
    while True:
        edges = crossed_edges(grid)
        wanted = _doubted(grid, edges, error, rounds.tolerance, root_steps)
        wanted = wanted[~torch.isin(grid.keys[wanted], exact_keys)]
        if not len(wanted):
            return grid
        grid.values[wanted] = rounds.at(grid.indices(wanted), grid.resolution)
        exact_keys = torch.cat([exact_keys, grid.keys[wanted]])
        grid = follow(grid, rounds.on(grid.resolution, is_rough=True))


def _doubted(
    grid: SparseGrid, edges: CrossedEdges, error: float, tolerance: float, root_steps: int
) -> Tensor:
    """The places (m,) of crossed edges' ends whose values have to be float32's."""
    if root_steps:
        # Each vertex is evaluated itself: of the ends, only the sides have to be right.
        ends = _ends(grid, edges)
        return ends[(grid.values[ends] - grid.level).abs() <= _CERTAIN * error]
    slope = _slopes(grid)
    steepest = torch.maximum(slope[edges.start], slope[edges.stop])
    moved = error > tolerance * steepest
    return _ends(grid, CrossedEdges(*(part[moved] for part in edges)))


def _ends(grid: SparseGrid, edges: CrossedEdges) -> Tensor:
    """The places (m,) of the edges' ends in the box, each once."""
    is_end = torch.zeros(len(grid), dtype=torch.bool, device=grid.keys.device)
    is_end[edges.start] = True
    is_end[edges.stop] = True
    return (is_end & (grid.values != OUTSIDE)).nonzero().squeeze(1)


def _slopes(grid: SparseGrid) -> Tensor:
    """How much each point's value differs from those of its neighbours at most, (n,)."""
    slope = torch.zeros_like(grid.values)
    in_box = grid.values != OUTSIDE
    for following in grid.following:
        start = ((following[:-1] != MISSING) & in_box).nonzero().squeeze(1)
        stop = following[start]
        start, stop = start[in_box[stop]], stop[in_box[stop]]
        step = (grid.values[stop] - grid.values[start]).abs()
        slope[start] = torch.maximum(slope[start], step)
        slope[stop] = torch.maximum(slope[stop], step)
    return slope
