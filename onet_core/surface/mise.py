"""Multiresolution IsoSurface Extraction (paper, section 3.3), object beside object.

On sparse grids, on the fields' device: every cell that the surface crosses is halved and all its
new points are evaluated, also in cells that it only enters from a finer neighbour. The points of
one round are those of all objects. `benchmarks/original/mise.py` is the original's form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import NoSurfaceError
from ..field import EXACT_BAND
from .following import Evaluate, follow
from .messages import no_surface
from .root import CoarseValues
from .rounds import Rounds
from .sparse_grid import MISSING, OUTSIDE, SparseGrid, halved, keys_of


def searched(
    rounds: Rounds,
    resolution_0: int,
    steps: int,
    level: float,
    coarse: CoarseValues,
) -> tuple[SparseGrid, list[NoSurfaceError | None]]:
    """The points of the cells that the surfaces cross on the grid of resolution_0 * 2 ** steps.

    coarse: see `root.coarse_values`.
    Returns also, of each object, the error where the coarse grid sees no surface: then the grid has
    none either.
    """
    values = coarse.values.clone()
    errors: list[NoSurfaceError | None] = [None] * rounds.objects
    lowest, highest = (part.tolist() for part in values.flatten(1).aminmax(dim=1))
    for number, (low, high) in enumerate(zip(lowest, highest, strict=True)):
        if high <= level or low > level:
            errors[number] = no_surface(level, low, high)
            values[number] = OUTSIDE
    grid = SparseGrid.of_coarse(values, coarse.is_known, resolution_0, level)
    for _ in range(steps):
        grid = halved(grid)
        grid = _completed(grid, rounds.sides(grid.resolution, level))
    if rounds.are_rough and not rounds.tolerance:
        grid.is_known &= ((grid.values - level).abs() < EXACT_BAND) | (grid.values == OUTSIDE)
    return grid, errors


def _completed(grid: SparseGrid, evaluate: Evaluate) -> SparseGrid:
    """The grid with values at all points of each cell of the grid before that the surface crosses.

    It spreads: a new value can show that the surface enters the next cell.
    """
    while True:
        keys = _points_of_parents(grid)
        missing = keys[grid.place(keys) == MISSING]
        if len(missing):
            known = torch.ones_like(missing, dtype=torch.bool)
            grid, _, _ = grid.joined(missing, evaluate(missing), known)
        places = grid.place(keys)
        unknown = places[~grid.is_known[places]]
        if not len(missing) and not len(unknown):
            return grid
        grid = follow(grid, evaluate, unknown)


def _points_of_parents(grid: SparseGrid) -> Tensor:
    """Keys (m,) of the 27 points of each cell of twice the size, in the box, that is crossed."""
    corners, _ = grid.mixed_cells()
    lowest = corners[:, 0]
    parents = grid.indices(lowest) >> 1
    in_box = ((parents >= 0) & (2 * parents < grid.resolution)).all(dim=1)
    first = keys_of(2 * parents, grid.resolution, grid.objects(lowest))[in_box].unique()
    steps = torch.arange(3, device=first.device)
    across, along, _ = grid.strides
    offsets = torch.cartesian_prod(steps * across, steps * along, steps).sum(dim=1)
    return (first[:, None] + offsets).flatten().unique()
