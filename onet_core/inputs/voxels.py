"""Voxel grids: files -> occupied cells with a place -> an observation of 32^3 cells.

The network has seen shapes that fill the unit cube along their longest edge, in 32 cells. A grid is
brought there with as little change as its size allows, see `prepare_voxels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .arrays import array_from_file
from .frame import Frame, network_to_up
from .observation import VOXEL_RESOLUTION, Observation

GRID_NAMES = ("voxels", "occupancies")
GRID_SUFFIXES = (".binvox", ".npy", ".npz")
# Grids whose shape spans at least this share of 32 cells are copied cell by cell: exact cells are
# worth more than the last eighth of the cube.
_NEARLY_FULL = 28
_LARGEST_GRID = 1024**3


@dataclass(frozen=True, eq=False)
class VoxelGrid:
    """Occupied cells somewhere in space.

    occupied: (X, Y, Z) bool along the source's x, y, z; origin: (3,) the lower corner of cell
    (0, 0, 0) and pitch: the edge of a cell, both in source coordinates.
    """

    occupied: NDArray[np.bool_]
    origin: NDArray[np.float64]
    pitch: float

    @classmethod
    def of_array(cls, values: ArrayLike, name: str = "") -> VoxelGrid:
        """An array (X, Y, Z) of bool, of integers (above 0 is occupied) or of floats (from 0.5).

        The grid's box is centred at the origin with its longest edge 1. Axes of length 1 in front
        (batch, channel) are dropped. Raises InputError for anything else.
        """
        label = name or "The voxel grid"
        array = np.asarray(values)
        while array.ndim > 3 and len(array) == 1:
            array = array[0]
        if array.ndim != 3 or array.size == 0 or array.dtype.kind not in "biuf":
            raise InputError(
                f"{label} must be numbers in three dimensions, not {array.dtype} "
                f"of shape {array.shape}."
            )
        if array.dtype.kind == "f":
            if not np.isfinite(array).all():
                raise InputError(f"{label} has cells that are not finite numbers.")
            occupied = array >= 0.5
        else:
            occupied = array > 0
        shape = np.array(occupied.shape, dtype=np.float64)
        return cls(occupied, -0.5 * shape / shape.max(), 1 / shape.max())


def read_binvox(path: str | Path) -> VoxelGrid:
    """Reads a .binvox file: run lengths of cells, y running fastest, then z, then x.

    The grid covers [translate, translate + scale] along its longest side. Raises InputError for
    damaged files. (Format: patrickmin.com/binvox/binvox.html)
    """
    path = Path(path)
    content = _content(path)
    try:
        if not content.startswith(b"#binvox"):
            raise ValueError("its first line is not '#binvox'")
        header, mark, body = content.partition(b"\ndata\n")
        if not mark:
            raise ValueError("its header has no end")
        fields = {
            words[0]: words[1:] for words in map(str.split, header.decode("ascii").split("\n"))
        }
        x, z, y = (int(word) for word in fields["dim"])
        if min(x, y, z) < 1 or x * y * z > _LARGEST_GRID:
            raise ValueError(f"a grid of {x} by {y} by {z} cells is out of bounds")
        origin = np.array([float(word) for word in fields.get("translate", ["0"] * 3)])
        scale = float(fields.get("scale", ["1"])[0])
        if origin.shape != (3,) or not (np.abs(origin) < 1e100).all() or not 0 < scale < 1e100:
            raise ValueError("its place or scale is not a number")
        if len(body) % 2:
            raise ValueError("it ends in the middle of a run")
        runs = np.frombuffer(body, np.uint8).reshape(-1, 2)
        if int(runs[:, 1].sum(dtype=np.int64)) != x * y * z:
            raise ValueError("its runs do not fill the grid")
    except (ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is damaged or not a binvox file: {error}.") from error
    cells = np.repeat(runs[:, 0] > 0, runs[:, 1]).reshape(x, z, y).transpose(0, 2, 1)
    return VoxelGrid(np.ascontiguousarray(cells), origin, scale / max(x, y, z))


def read_voxels(path: str | Path) -> VoxelGrid:
    """Reads .binvox, or an array (X, Y, Z) from .npy or .npz.

    Of several arrays "voxels" or "occupancies" is taken; see `VoxelGrid.of_array` for what counts
    as occupied. Raises InputError.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in GRID_SUFFIXES:
        raise InputError(f"{path.name} is not a voxel grid: choose {', '.join(GRID_SUFFIXES)}.")
    if suffix == ".binvox":
        return read_binvox(path)
    return VoxelGrid.of_array(array_from_file(path, GRID_NAMES), path.name)


def prepare_voxels(grid: VoxelGrid, up_axis: str = "y", name: str = "") -> Observation:
    """A voxel grid -> an observation of 32^3 cells, the shape centred and as large as it can be.

    With L the longest extent of the occupied cells:

    * L divides 32: every cell becomes a block of (32 / L)^3 cells; 28 <= L <= 32: cell for cell.
      Both are exact; the shape is centred to within half a cell, and a 32^3 grid that is centred to
      within one cell stays as it is.
    * L < 28 otherwise: enlarged, a new cell takes the value at its centre.
    * L > 32: reduced, a new cell is occupied where any occupied cell overlaps it, so that thin
      parts survive, as they do when a mesh is voxelised.

    The frame maps the cells back exactly in all cases. Raises InputError for an empty grid.
    """
    occupied = np.asarray(grid.occupied, dtype=bool)
    if not occupied.any():
        raise InputError(f"{name or 'The voxel grid'} has no occupied cell.")
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
    return Observation("voxels", data.astype(np.float32), Frame(matrix), name)


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


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.") from None
    except OSError as error:
        raise InputError(f"{path.name} can't be read: {error.strerror or error}.") from error
