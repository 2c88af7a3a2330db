"""Values between the points of a grid on which a field was asked.

A network that reads a few thousand points, or some thousand cells, has little to tell that is finer
than a grid it was asked on. On finer grids its values are interpolated by cubics (Catmull and Rom
1974), which are smooth and follow thin parts better than straight lines do. Sheets that are thinner
than the cells it was asked at get holes so: where to stop asking is chosen for each model.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from .following import Evaluate
from .sparse_grid import OUTSIDE, SparseGrid, indices_of, objects_of

# So many points are interpolated at a time: 64 values each.
_BATCH = 1 << 15


class Samples:
    """Logits at all points of each object's grid, (objects, n, n, n), along x, y, z."""

    def __init__(self, values: Tensor) -> None:
        self._cells = values.shape[1] - 1
        for axis in (1, 2, 3):
            values = _framed(values, axis)
        self._size = values.shape[1]
        self._framed = values.flatten()
        four = torch.arange(4, device=values.device)
        # From the first of the 4 x 4 x 4 points around a cell to each of them.
        self._around = (four[:, None, None] * self._size + four[:, None]) * self._size + four

    @classmethod
    def of(cls, coarse: Tensor, grid: SparseGrid) -> Samples:
        """What is known on a grid and, elsewhere, what a coarse one of all points says.

        coarse: (objects, n, n, n), of as many cells as the grid or of fewer by a power of two.
        """
        while coarse.shape[1] - 1 < grid.resolution:
            coarse = halved_values(coarse)
        known = (grid.is_known & (grid.values != OUTSIDE)).nonzero().squeeze(1)
        values = coarse.clone()
        values[(grid.objects(known), *grid.indices(known).unbind(1))] = grid.values[known]
        return cls(values)

    def on(self, resolution: int) -> Evaluate:
        """The function of keys that `follow` needs; resolution: a multiple of the samples'."""
        return partial(self._at_keys, resolution)

    def _at_keys(self, resolution: int, keys: Tensor) -> Tensor:
        parts = [self._between(resolution, some) for some in keys.split(_BATCH)]
        return torch.cat(parts) if parts else self._framed.new_empty(0)

    def _between(self, resolution: int, keys: Tensor) -> Tensor:
        """Logits (n,) at the points of keys (n,) of a grid of that many cells."""
        finer = resolution // self._cells
        indices = indices_of(keys, resolution)
        cells = (indices // finer).clamp_(max=self._cells - 1)
        along_x, along_y, along_z = _weights(finer, self._framed)[indices - finer * cells].unbind(1)
        first = objects_of(keys, resolution)
        for one in cells.unbind(1):
            first = first * self._size + one
        values = self._framed[first[:, None, None, None] + self._around]
        values = torch.einsum("nxyz,nz->nxy", values, along_z)
        values = torch.einsum("nxy,ny->nx", values, along_y)
        return torch.einsum("nx,nx->n", values, along_x)


def halved_values(values: Tensor) -> Tensor:
    """The same with values between: (objects, n, n, n) -> the same with 2 n - 1 along each axis."""
    for axis in (1, 2, 3):
        size = values.shape[axis]
        framed = _framed(values, axis)
        before, start, stop, after = (framed.narrow(axis, at, size - 1) for at in range(4))
        middle = (9 * (start + stop) - before - after) / 16
        paired = torch.stack([values.narrow(axis, 0, size - 1), middle], dim=axis + 1)
        last = values.narrow(axis, size - 1, 1)
        values = torch.cat([paired.flatten(axis, axis + 1), last], dim=axis)
    return values


def _framed(values: Tensor, axis: int) -> Tensor:
    """With a point more at each end of an axis, straight on."""
    size = values.shape[axis]
    first, second = (values.narrow(axis, at, 1) for at in (0, 1))
    last, one_before = (values.narrow(axis, size - at, 1) for at in (1, 2))
    return torch.cat([2 * first - second, values, 2 * last - one_before], dim=axis)


def _weights(finer: int, like: Tensor) -> Tensor:
    """Of the four points around a cell, at each of its `finer` + 1 fractions: (finer + 1, 4)."""
    t = torch.arange(finer + 1, dtype=like.dtype, device=like.device) / finer
    square, cube = t * t, t * t * t
    weights = [
        -cube + 2 * square - t,
        3 * cube - 5 * square + 2,
        -3 * cube + 4 * square + t,
        cube - square,
    ]
    return torch.stack(weights, dim=1) / 2
