"""The search for a surface on a graphics card: few steps over whole grids.

A card takes some microseconds for each step, however small, and far longer whenever the processor
has to learn a number of it. So here the grids are dense, what is to be evaluated is a mask of the
whole grid, and each round asks for one number only: how many points it has. What comes out is what
`following` finds on the processor: both ends of every edge that the surface crosses are evaluated,
and so are points whose estimates are as near to the level as the estimates were wrong.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .. import devices
from ..errors import NoSurfaceError
from .between import halved_values
from .messages import no_surface
from .rounds import Rounds
from .sparse_grid import OUTSIDE, SparseGrid

LARGEST = 2**25
"""Points of all objects' final grids: half a gigabyte while it is searched."""


def is_dense(rounds: Rounds, resolution: int) -> bool:
    """Whether a search of that many cells an axis is done here."""
    fits = rounds.objects * (resolution + 3) ** 3 <= LARGEST
    return fits and rounds.are_networks and not rounds.tolerance and devices.is_card(rounds.device)


def dense_search(
    rounds: Rounds, resolution_0: int, depth: int, asked: int, level: float, doubt: float
) -> tuple[SparseGrid, list[NoSurfaceError | None]]:
    """The points of all cells that the surfaces cross on the grid of resolution_0 * 2 ** depth.

    asked: see `extract.search`; doubt: see `following.follow`. Returns also, of each object, the
    error where it has no surface.
    """
    size = resolution_0 + 1
    values = torch.zeros((rounds.objects, size, size, size), device=rounds.device)
    wanted = torch.arange(values.numel(), device=rounds.device)
    values.view(-1)[wanted] = _asked(rounds, wanted, resolution_0)
    lowest, highest = torch.stack(values.flatten(1).aminmax(dim=1)).tolist()
    errors = [
        no_surface(level, low, high) if high <= level or low > level else None
        for low, high in zip(lowest, highest, strict=True)
    ]
    samples, is_known = values, torch.ones_like(values, dtype=torch.bool)
    for halvings in range(1, asked + 1):
        values, is_known = _halved(rounds, values, is_known, resolution_0 << halvings, level, doubt)
    if asked < depth:
        for _ in range(asked):
            samples = halved_values(samples)
        values = torch.where(is_known, values, samples)
    for _ in range(asked, depth):
        values = halved_values(values)
    is_empty = values.new_tensor([error is not None for error in errors], dtype=torch.bool)
    values = values.masked_fill(is_empty.view(-1, 1, 1, 1), OUTSIDE)
    return _near_surface(values, resolution_0 << depth, level), errors


def _asked(rounds: Rounds, wanted: Tensor, resolution: int) -> Tensor:
    """Logits (n,) at the numbers (n,) of the grid's points, counted object by object, z fastest."""
    size = resolution + 1
    rows = wanted // size
    indices = torch.stack([rows // size % size, rows % size, wanted % size], dim=1)
    objects = wanted // size**3 if rounds.objects > 1 else None
    return rounds.at(indices, resolution, objects=objects)


def _halved(
    rounds: Rounds, coarse: Tensor, was_known: Tensor, resolution: int, level: float, doubt: float
) -> tuple[Tensor, Tensor]:
    """Values (objects, n, n, n) on the grid of twice the resolution, and which are the field's.

    coarse, was_known: the same on the grid before. New points begin with the mean of the points
    around them.
    """
    size = resolution + 1
    values = functional.interpolate(
        coarse[:, None], (size,) * 3, mode="trilinear", align_corners=True
    ).squeeze(1)
    is_known = torch.zeros_like(values, dtype=torch.bool)
    is_known[:, ::2, ::2, ::2] = was_known
    # Interpolation rounds; the field's own values stay as they are.
    values[:, ::2, ::2, ::2] = coarse
    near = functional.interpolate(_crossed_cells(coarse > level)[:, None], scale_factor=2)
    is_near = _corners(near[:, 0]) > 0
    error = values.new_zeros((len(values), 1, 1, 1))
    wanted = (_ends(values > level) & ~is_known).view(-1).nonzero().squeeze(1)
    while len(wanted):
        after = _asked(rounds, wanted, resolution)
        change = (after - values.view(-1)[wanted]).abs()
        if rounds.objects > 1:
            change = torch.zeros_like(values).view(-1).index_put_((wanted,), change)
        largest = change.view(len(values), -1).amax(1).view_as(error)
        error = torch.maximum(error, largest)
        values.view(-1)[wanted] = after
        is_known.view(-1)[wanted] = True
        in_doubt = is_near & ((values - level).abs() <= doubt * error)
        wanted = ((_ends(values > level) | in_doubt) & ~is_known).view(-1).nonzero().squeeze(1)
    return values, is_known


def _ends(inside: Tensor) -> Tensor:
    """The ends of crossed edges of a grid (objects, n, n, n)."""
    ends = torch.zeros_like(inside)
    for axis in range(1, 4):
        count = inside.shape[axis] - 1
        crossed = inside.narrow(axis, 0, count) ^ inside.narrow(axis, 1, count)
        ends.narrow(axis, 0, count).logical_or_(crossed)
        ends.narrow(axis, 1, count).logical_or_(crossed)
    return ends


def _crossed_cells(inside: Tensor) -> Tensor:
    """1 for the cells (objects, n - 1, ...) with corners on both sides, 0 for the others."""
    number = inside.float()[:, None]
    highest = functional.max_pool3d(number, 2, stride=1)
    lowest = -functional.max_pool3d(-number, 2, stride=1)
    return (highest - lowest).squeeze(1)


def _corners(cells: Tensor) -> Tensor:
    """For each point (objects, n + 1, ...) the largest number of the cells around it."""
    return functional.max_pool3d(functional.pad(cells, (1,) * 6)[:, None], 2, stride=1).squeeze(1)


def _near_surface(values: Tensor, resolution: int, level: float) -> SparseGrid:
    """The corners of crossed cells, those at the box's border included."""
    padded = functional.pad(values, (1,) * 6, value=OUTSIDE)
    keys = (_corners(_crossed_cells(padded > level)) > 0).view(-1).nonzero().squeeze(1)
    values = padded.view(-1)[keys]
    return SparseGrid(resolution, level, keys, values, torch.ones_like(keys, dtype=torch.bool))
