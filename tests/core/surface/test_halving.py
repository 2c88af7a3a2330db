"""Halved grids, judged cell by cell from plain arrays."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from onet_core.surface.sparse_grid import OUTSIDE, SparseGrid, halved

STEPS = np.array(list(product((0, 1), repeat=3)))
LEVEL = 0.1


def logits(resolution: int, seed: int) -> NDArray[np.float32]:
    """Two objects' (2, n, n, n), whose surfaces leave the box here and there."""
    rough = torch.randn(2, 1, 5, 5, 5, generator=torch.Generator().manual_seed(seed))
    size = (resolution + 1,) * 3
    smooth = interpolate(rough, size, mode="trilinear", align_corners=True)
    return np.asarray(smooth[:, 0].numpy())


def expected(grid: SparseGrid, objects: int) -> dict[tuple[int, ...], float]:
    """The object and the indices of each point of the halved grid, and its value."""
    resolution = grid.resolution
    rows = np.concatenate([grid.objects()[:, None].numpy(), grid.indices().numpy()], axis=1)
    there = dict(zip(map(tuple, rows.tolist()), grid.values.tolist(), strict=True))
    found = {}
    for number in range(objects):
        for lowest in product(range(-1, resolution + 1), repeat=3):
            corners = [(number, *corner) for corner in (lowest + STEPS).tolist()]
            if not all(corner in there for corner in corners):
                continue
            values = np.array([there[corner] for corner in corners], np.float32)
            if len(set((values > LEVEL).tolist())) == 1:
                continue
            values = values.reshape(2, 2, 2)
            for step in product((0, 1, 2), repeat=3):
                index = 2 * np.array(lowest) + step
                if (index < -1).any() or (index > 2 * resolution + 1).any():
                    continue
                between = values
                for along in step:
                    between = between.mean(axis=0) if along == 1 else between[along // 2]
                beyond = (index < 0).any() or (index > 2 * resolution).any()
                found[(number, *index.tolist())] = OUTSIDE if beyond else float(between)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_halved_grid_has_the_corners_of_the_mixed_cells_parts(seed: int) -> None:
    values = logits(5, seed)
    known = torch.rand(values.shape, generator=torch.Generator().manual_seed(seed)) > 0.5
    grid = SparseGrid.of_coarse(torch.tensor(values), known, 5, LEVEL)
    for _ in range(2):
        was_known = {
            (number, *index): is_known
            for number, index, is_known in zip(
                grid.objects().tolist(),
                grid.indices().tolist(),
                grid.is_known.tolist(),
                strict=True,
            )
        }
        fine = halved(grid)
        points = [
            (number, *index)
            for number, index in zip(fine.objects().tolist(), fine.indices().tolist(), strict=True)
        ]
        wanted = expected(grid, objects=2)
        assert points == sorted(wanted)
        np.testing.assert_allclose(fine.values, [wanted[point] for point in points], rtol=1e-5)
        for point, value, is_known in zip(points, fine.values, fine.is_known, strict=True):
            number, *index = point
            is_old = not any(place % 2 for place in index)
            old = is_old and was_known[(number, *(place // 2 for place in index))]
            assert is_known == (old or value == OUTSIDE)
        grid = fine
