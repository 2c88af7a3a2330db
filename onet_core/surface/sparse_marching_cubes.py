"""Marching cubes over the cells of a sparse grid, on its device.

Every crossed grid edge gives one vertex, shared by the cells around it; every vertex's faces form
one closed fan. The grid's border is outside, so the surface is closed, and each of its edges has
exactly two faces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .cube_cases import EDGE_AXIS, EDGE_CORNERS, TRIANGLE_COUNTS, TRIANGLES
from .sparse_grid import SparseGrid

_CELLS_AT_ONCE = 1 << 18


class CrossedEdges(NamedTuple):
    """The grid edges that the surface crosses, ordered by their lower end, then by axis.

    start, stop: places (V,) of their ends in the grid, the lower first.
    axis: (V,) 0 to 2.
    """

    start: Tensor
    stop: Tensor
    axis: Tensor


def crossed_edges(grid: SparseGrid) -> CrossedEdges:
    """All edges between points of the grid on different sides."""
    starts = [grid.crossings(axis) for axis in range(3)]
    slots = torch.cat([start * 3 + axis for axis, start in enumerate(starts)])
    slots, _ = torch.sort(slots)
    start, axis = slots // 3, slots % 3
    stop = torch.stack(grid.following)[axis, start]
    return CrossedEdges(start, stop, axis)


def faces_of(grid: SparseGrid, edges: CrossedEdges) -> NDArray[np.int32]:
    """Faces (F, 3) of vertices on the crossed edges, counter-clockwise seen from outside.

    In the order of the cells. Every cell that the surface crosses must be in the grid.
    """
    device = grid.keys.device
    number = torch.zeros(len(grid) * 3, dtype=torch.int32, device=device)
    slots = edges.start * 3 + edges.axis
    number[slots] = torch.arange(len(slots), dtype=torch.int32, device=device)
    corners, cases = grid.mixed_cells()
    counts = torch.from_numpy(TRIANGLE_COUNTS).to(device)
    triangles = torch.from_numpy(TRIANGLES).to(device)
    lower_corner = torch.from_numpy(EDGE_CORNERS[:, 0].copy()).to(device)
    axis_of_edge = torch.from_numpy(EDGE_AXIS).to(device)
    faces = []
    for part, case in zip(corners.split(_CELLS_AT_ONCE), cases.split(_CELLS_AT_ONCE), strict=True):
        case = case.long()
        count = counts[case]
        cell = torch.repeat_interleave(count)
        within = torch.arange(len(cell), device=device) - (count.cumsum(0) - count)[cell]
        edge = triangles[case[cell], within]  # [F, 3]
        owner = part[cell[:, None], lower_corner[edge]]
        faces.append(number[owner * 3 + axis_of_edge[edge]].cpu().numpy())
    return np.concatenate(faces) if faces else np.zeros((0, 3), dtype=np.int32)
