"""Voxel grids -> an observation of 32^3 cells.

The network has seen shapes that fill the unit cube along their longest edge, in 32 cells. A grid is
brought there with as little change as its size allows, see `prepare_voxels`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sentences import Sentence
from .frame import Frame, network_to_up
from .observation import VOXEL_RESOLUTION, Observation
from .volumes import VoxelGrid

# Shapes that span at least so many of 32 cells are copied cell by cell: exact cells are worth more
# than the last eighth of the cube.
_NEARLY_FULL = 28

# Shapes that span at most so many are blocks of several of the 32 cells each, which the network
# keeps as blocks. In between cells become blocks of different sizes, which look lumpy.
_BLOCKS = VOXEL_RESOLUTION // 2


def prepare_voxels(grid: VoxelGrid, up_axis: str = "y", name: str = "") -> Observation:
    """A voxel grid -> an observation of 32^3 cells, the shape centred and as large as it can be.

    With L the longest extent of the occupied cells:

    * L divides 32: every cell becomes a block of (32 / L)^3 cells; 28 <= L <= 32: cell for cell.
      Both are exact; the shape is centred to within half a cell, and a 32^3 grid that is centred to
      within one cell stays as it is.
    * L < 28 otherwise: enlarged, a new cell takes the value at its centre.
    * L > 32: reduced, a new cell is occupied where any occupied cell overlaps it, so that thin
      parts survive, as they do when a mesh is voxelised.

    From 17 to 27 and above 32 the observation keeps the cells as well, to be followed.

    The frame maps the cells back exactly in all cases. Raises InputError for an empty grid.
    """
    occupied = np.asarray(grid.occupied, dtype=bool)
    if not occupied.any():
        raise InputError("{name} has no occupied cell.", name=name or Sentence("The voxel grid"))
    rotation = network_to_up(up_axis)
    lower, upper = _bounds(occupied)
    crop = occupied[tuple(slice(a, b) for a, b in zip(lower, upper, strict=True))]
    # Network axis n runs along source axis source[n], backwards where forwards[n] is False.
    source = np.abs(rotation).argmax(axis=0)
    forwards = rotation.sum(axis=0) > 0
    crop = np.flip(crop.transpose(source), axis=tuple(np.flatnonzero(~forwards)))

    factor = _factor(max(crop.shape))
    extents = np.array(crop.shape) * factor
    place = (VOXEL_RESOLUTION - extents) / 2
    if factor == int(factor):
        place = np.floor(place)
        if occupied.shape == (VOXEL_RESOLUTION,) * 3 and factor == 1:
            as_it_is = np.where(forwards, lower[source], (VOXEL_RESOLUTION - upper)[source])
            if np.abs(as_it_is - (VOXEL_RESOLUTION - extents) / 2).max() <= 1:
                place = as_it_is.astype(np.float64)
    data = crop
    for axis in range(3):
        data = _resample(data, axis, factor, float(place[axis]))

    # A network coordinate t lies at ((t + 1/2) 32 - place) / factor cells into the crop.
    middle = (VOXEL_RESOLUTION / 2 - place) / factor
    middle = np.where(forwards, middle, np.array(crop.shape) - middle)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * (grid.pitch * VOXEL_RESOLUTION / factor)
    inside = np.empty(3)
    inside[source] = middle
    matrix[:3, 3] = np.asarray(grid.origin) + grid.pitch * (lower + inside)
    longest = max(crop.shape)
    is_followed = _BLOCKS < longest < _NEARLY_FULL or longest > VOXEL_RESOLUTION
    cells = np.ascontiguousarray(crop) if is_followed else None
    return Observation("voxels", data.astype(np.float32), Frame(matrix), name, cells=cells)


def _factor(longest: int) -> float:
    """New cells per old cell."""
    if VOXEL_RESOLUTION % longest == 0:
        return VOXEL_RESOLUTION // longest
    if _NEARLY_FULL <= longest <= VOXEL_RESOLUTION:
        return 1
    return VOXEL_RESOLUTION / longest


def _resample(
    cells: NDArray[np.bool_], axis: int, factor: float, place: float
) -> NDArray[np.bool_]:
    """One axis of `cells` -> 32 cells, old cell boundary u landing at place + factor * u."""
    count = cells.shape[axis]
    edges = (np.arange(VOXEL_RESOLUTION + 1) - place) / factor
    shape = [*cells.shape[:axis], VOXEL_RESOLUTION, *cells.shape[axis + 1 :]]
    result = np.zeros(shape, dtype=bool)
    old, new = np.moveaxis(cells, axis, 0), np.moveaxis(result, axis, 0)
    if factor >= 1:
        nearest = np.floor((edges[:-1] + edges[1:]) / 2).astype(int)
        valid = (nearest >= 0) & (nearest < count)
        new[valid] = old[nearest[valid]]
        return result
    # A hair inside, so that cells that only touch do not count as overlapping.
    first = np.clip(np.floor(edges[:-1] + 1e-9).astype(int), 0, count)
    last = np.clip(np.ceil(edges[1:] - 1e-9).astype(int), 0, count)
    for index, (start, stop) in enumerate(zip(first, last, strict=True)):
        new[index] = old[start:stop].any(axis=0)
    return result


def _bounds(occupied: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and one past the last occupied index along each axis."""
    spans = [
        np.flatnonzero(occupied.any(axis=tuple(a for a in range(3) if a != axis)))
        for axis in range(3)
    ]
    return np.array([s[0] for s in spans]), np.array([s[-1] + 1 for s in spans])
