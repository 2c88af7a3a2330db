"""The surface of a field that changes a little at a time, each found from the one before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional

from ..field import Field, Progress, logit
from .extract import Extraction, meshed, only, search, skips_points, split_resolution
from .following import follow
from .precision import TOLERANCE, rough_errors, sharpened
from .root import coarse_values
from .rounds import Report, Rounds
from .sparse_grid import SparseGrid, keys_of

# Where more of the coarse grid's points than this share have changed sides, walking from point to
# point through all that lies between costs more than searching anew.
_MOST_TURNED = 0.02


WORTHWHILE = range(64, 128)
"""Cells per axis where an update costs less than a search: on coarser grids nearly all points are
the coarse grid's, and on finer ones a search follows the surface itself."""


class InteractiveSurface:
    """Surfaces of fields that are like each other, such as those of a morph.

    All arguments: see `surface.extract`.

    Each update looks at the whole coarse grid, as a search does, so that no part that a search
    would see at its start is missed, be it new or gone; then come the ends of the edges that the
    last surface crossed. From those, and from the points of the coarse grid that changed sides, the
    surface is followed to wherever it is now. Parts that have become too small for the coarse grid
    are left out, as a search would not see them. So this is the search's own surface, but for one
    case: a detail smaller than a cell of the coarse grid that appears apart from the surface, in a
    cell that a search would look into. Where more than 2 % of the coarse grid changed sides, or
    there is no last surface, an update searches the whole box and says so.
    """

    def __init__(
        self,
        *,
        resolution: int,
        threshold: float,
        padding: float = 0.1,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        tolerance: float = TOLERANCE,
    ) -> None:
        self._level = logit(threshold)
        self._resolution_0, self._depth = split_resolution(resolution)
        self._padding, self._device, self._dtype = padding, torch.device(device), dtype
        self._tolerance = tolerance
        axis = torch.arange(self._resolution_0 + 1, device=self._device) << self._depth
        self._coarse = torch.cartesian_prod(axis, axis, axis)
        self._last: SparseGrid | None = None
        self._last_coarse = torch.empty(0)

    def update(self, field: Field, progress: Progress | None = None) -> Extraction:
        """The surface of a field. Errors: see `surface.extract`; the next update searches then."""
        report = Report(progress, self._resolution_0, self._depth)
        rounds = Rounds(
            [field], self._padding, self._device, self._dtype, None, report, self._tolerance
        )
        last, self._last = self._last, None
        may_skip = skips_points(rounds, self._resolution_0)
        values = coarse_values(rounds, self._resolution_0, self._level, may_skip=may_skip)
        coarse = values.values.flatten()
        turned = (coarse > self._level) != (self._last_coarse > self._level) if last else None
        grid = None
        if last is not None and turned is not None and turned.sum() <= _MOST_TURNED * len(turned):
            grid = self._followed(last, turned.nonzero().squeeze(1), coarse, rounds)
        is_followed = grid is not None
        if grid is None:
            grid, (error,) = search(
                rounds, self._resolution_0, self._depth, self._level, coarse=values
            )
            if error is not None:
                raise error
        extraction = only(meshed(grid, rounds))
        self._last, self._last_coarse = grid, coarse
        return replace(extraction, is_followed=is_followed)

    def _followed(
        self, last: SparseGrid, turned: Tensor, coarse: Tensor, rounds: Rounds
    ) -> SparseGrid:
        """The surface from the last one and from points of the coarse grid that changed sides."""
        grid = last.as_estimate()
        keys = keys_of(self._coarse[turned], grid.resolution)
        missing = grid.place(keys) < 0
        values = self._last_coarse[turned][missing]
        grid, _, _ = grid.joined(keys[missing], values, torch.zeros_like(missing[missing]))
        is_rough = rounds.tolerance > 0
        grid = follow(grid, rounds.on(grid.resolution, [is_rough]), grid.place(keys))
        if is_rough:
            grid = sharpened(grid, rounds, rough_errors(grid, rounds))
        self._drop_unseen(grid, coarse)
        return grid

    def _drop_unseen(self, grid: SparseGrid, coarse: Tensor) -> None:
        """Turns the parts of the surface over that the coarse grid does not see.

        MISE looks into the cells of the coarse grid whose corners differ, and from each cell into
        those beyond a face that the surface crosses.
        """
        cells = self._resolution_0 + 2  # With a layer around the box, whose outer corners are out.
        size = (cells + 1,) * 3
        inside = torch.zeros(size, dtype=torch.bool, device=self._device)
        inside[1:-1, 1:-1, 1:-1] = (coarse > self._level).view((self._resolution_0 + 1,) * 3)
        count = functional.avg_pool3d(inside.float()[None, None], 2, stride=1).flatten()
        is_mixed = (count > 0) & (count < 1)
        found, pairs = self._linked_cells(grid, cells)
        rows, columns = pairs.cpu().numpy()
        links = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(cells**3,) * 2)
        _, label = connected_components(links, directed=False)
        part = torch.from_numpy(label).to(self._device)
        is_seen = torch.zeros(cells**3, dtype=torch.bool, device=self._device)
        is_seen[part[is_mixed].long()] = True
        is_unseen = torch.zeros_like(is_seen)
        is_unseen[found] = ~is_seen[part[found].long()]
        if not is_unseen.any():
            return
        indices = grid.indices()
        at = indices >> self._depth
        is_unseen_point = is_unseen[_cell_numbers(at, cells)] & ~grid.is_beyond(indices)
        rest = is_unseen_point.nonzero().squeeze(1)
        numbers = at[rest] @ at.new_tensor([(cells - 1) ** 2, cells - 1, 1])
        corner = coarse[numbers]
        turned = (corner > self._level) != grid.is_inside[rest]
        grid.set_values(rest[turned], corner[turned])

    def _linked_cells(self, grid: SparseGrid, cells: int) -> tuple[Tensor, Tensor]:
        """The coarse cells (m,) that the surface crosses, and pairs (2, k) of neighbours whose
        common face it crosses."""
        found, pairs = [], []
        for axis in range(3):
            edge = grid.indices(grid.crossings(axis))
            at = edge >> self._depth
            first = _cell_numbers(at, cells)
            found.append(first)
            on_face = (edge & ((1 << self._depth) - 1)) == 0
            for other in range(3):
                if other == axis:
                    continue
                rows = on_face[:, other]
                before = first[rows] - cells ** (2 - other)
                found.append(before)
                pairs.append(torch.stack([first[rows], before]))
            one, other = (a for a in range(3) if a != axis)
            rows = on_face[:, one] & on_face[:, other]
            before = first[rows] - cells ** (2 - one)
            found.append(before - cells ** (2 - other))
            pairs.append(torch.stack([before, found[-1]]))
        return torch.cat(found).unique(), torch.cat(pairs, dim=1)


def _cell_numbers(at: Tensor, cells: int) -> Tensor:
    """Numbers (n,) of the coarse cells (n, 3), of which -1 is the first along each axis."""
    return (at + 1) @ at.new_tensor([cells * cells, cells, 1])
