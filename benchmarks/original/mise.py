"""Multiresolution IsoSurface Extraction on NumPy arrays (paper, section 3.3; original `MISE`).

A coarse grid is evaluated completely. Every voxel that a point at or above the level and a point
at or below it touch is split into eight, the new grid points are evaluated, and so on down to the
final grid. All known points count, also those that lie on a voxel's faces because a neighbour is
split finer ("hanging" points); so the splitting can spread to voxels whose own corners agree, and a
few small rounds may follow the large ones. The original's rounds are reproduced point for point.

Production searches by `onet_core.surface.mise`, which is checked against this.

No dense grid is kept: points are sorted integer keys with values, voxels an octree in arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from onet_core.surface.cube_cases import CORNERS
from onet_core.surface.sparse_grid import OUTSIDE

_NO_CHILD = -1
_BEYOND = 127  # The depth of the voxels around the grid: deeper than any that may be split.
# The 27 grid points of a split voxel less its own corners, in half voxels; and how many of the
# eight children meet at each.
_SPLIT_POINTS = np.array(
    [(i, j, k) for i in range(3) for j in range(3) for k in range(3) if 1 in (i, j, k)]
)
_CHILDREN_AROUND = 1 << (_SPLIT_POINTS == 1).sum(axis=1)


class Mise:
    """One extraction. Ask `query` for points, give their values to `update`, until none is left.

    resolution_0: voxels per axis of the coarse grid; upsampling_steps: how often a voxel may be
    halved; level: the value at the surface, in the units of the values. The final grid has
    `resolution` = resolution_0 * 2 ** upsampling_steps cells, `resolution` + 1 points, per axis.
    """

    def __init__(self, resolution_0: int, upsampling_steps: int, level: float) -> None:
        if resolution_0 < 1 or upsampling_steps < 0:
            raise ValueError("resolution_0 must be at least 1 and upsampling_steps at least 0")
        self.level = float(level)
        self.depth = upsampling_steps
        self.resolution = resolution_0 << upsampling_steps
        self.evaluations: list[int] = []
        """How many points each round evaluated."""

        self._resolution_0 = resolution_0
        points = self.resolution + 1
        self._stride = np.array([points * points, points, 1], dtype=np.int64)

        # Known points, sorted by key. Then the keys of the points that are asked for, and whether
        # a voxel that may still be split can touch them.
        self._keys = np.zeros(0, dtype=np.int64)
        self._values = np.zeros(0)
        axis = np.arange(0, points, 1 << self.depth)
        self._asked = (
            axis[:, None, None] * self._stride[0] + axis[:, None] * self._stride[1] + axis
        ).ravel()
        self._asked_matter = np.full(len(self._asked), self.depth > 0)

        # Voxels: lowest corner on the final grid, depth in the tree, the first of eight children,
        # and whether a point at or above (at or below) the level touches it. A layer of voxels
        # around the grid, as if at the final depth, saves looking out for the grid's end.
        axis = (np.arange(resolution_0 + 2, dtype=np.int32) - 1) << self.depth
        corners = np.meshgrid(axis, axis, axis, indexing="ij")
        self._corner = np.stack(corners, axis=-1).reshape(-1, 3)
        self._depth = np.zeros(len(self._corner), dtype=np.int8)
        beyond = ((self._corner < 0) | (self._corner >= self.resolution)).any(axis=1)
        self._depth[beyond] = _BEYOND
        self._child = np.full(len(self._corner), _NO_CHILD, dtype=np.int32)
        self._high = np.zeros(len(self._corner), dtype=bool)
        self._low = np.zeros(len(self._corner), dtype=bool)
        self._touches = _Touches.none()

    def query(self) -> NDArray[np.int64]:
        """The grid points whose values are needed next, (n, 3) int, ordered by x, then y, then z.

        Empty when the extraction is complete.
        """
        return self._points(self._asked)

    def update(self, values: NDArray[np.floating]) -> None:
        """Takes the values of the points of the last `query`, (n,), and splits voxels once.

        Raises ValueError where their number is another or one is not finite.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.shape != self._asked.shape:
            raise ValueError(f"{len(self._asked)} values are needed, not {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("values must be finite")
        keys = self._asked
        if not len(keys):
            return
        self.evaluations.append(len(keys))
        place = np.searchsorted(self._keys, keys)
        self._keys = np.insert(self._keys, place, keys)
        self._values = np.insert(self._values, place, values)
        self._touch(keys[self._asked_matter], values[self._asked_matter])
        self._split()

    def active_cells(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The cells of the final grid that the surface crosses, for `polygonise`.

        Returns their lowest corners (C, 3) and the values at their corners (C, 8). Cells of the
        layer around the grid, where all values beyond the grid are `OUTSIDE`, are among them.
        Complete only when `query` is empty.
        """
        finest = self._corner[(self._child == _NO_CHILD) & (self._depth == self.depth)]
        key = np.sort(finest.astype(np.int64) @ self._stride)
        values = np.empty((len(key), 8))
        for corner in range(0, 8, 2):
            place = np.searchsorted(self._keys, key + CORNERS[corner] @ self._stride)
            values[:, corner] = self._values[place]
            values[:, corner + 1] = self._values[place + 1]  # The next point along z is known too.
        inside = values > self.level
        crossed = inside.any(axis=1) & ~inside.all(axis=1)
        cells, values = self._points(key[crossed]), values[crossed]
        closing_cells, closing_values = self._closing_cells()
        return np.concatenate([cells, closing_cells]), np.concatenate([values, closing_values])

    def value_range(self) -> tuple[float, float]:
        """The smallest and the largest value seen."""
        return float(self._values.min()), float(self._values.max())

    def to_dense(self) -> NDArray[np.float64]:
        """All values as a dense grid, (resolution + 1,) * 3, as the original fills it.

        A point that was never evaluated gets the value of the nearest one before it along x; where
        there is none, along y, then along z. For tests and plain libraries: memory grows with the
        cube of the resolution.
        """
        grid = np.full((self.resolution + 1,) * 3, np.nan)
        grid.ravel()[self._keys] = self._values
        for axis in range(3):
            grid = _fill_forward(grid, axis)
        return grid

    def _points(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.stack(np.unravel_index(keys, (self.resolution + 1,) * 3), axis=-1)

    def _touch(self, keys: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Marks the voxels around new points; remembers the touches of those that may be split."""
        point = [axis.astype(np.int32) for axis in self._points(keys).T]
        high, low = values >= self.level, values <= self.level
        touches = [self._touches]
        for offset in (CORNERS - 1).astype(np.int32):
            x, y, z = (axis + step for axis, step in zip(point, offset, strict=True))
            new = _Touches(self._voxel_around(x, y, z), x, y, z, high, low)
            new = new.at(self._depth[new.voxel] < self.depth)
            self._mark(new)
            touches.append(new)
        self._touches = _Touches.joined(touches)

    def _mark(self, touches: _Touches) -> None:
        self._high[touches.voxel[touches.high]] = True
        self._low[touches.voxel[touches.low]] = True

    def _voxel_around(
        self, x: NDArray[np.int32], y: NDArray[np.int32], z: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """The leaf that contains each final cell (x, y, z), which may lie just beyond the grid."""
        i, j, k = ((axis >> self.depth) + np.int32(1) for axis in (x, y, z))
        width = np.int32(self._resolution_0 + 2)
        voxel = (i * width + j) * width + k
        for depth in range(self.depth):
            child = self._child[voxel]
            is_split = child != _NO_CHILD
            if not is_split.any():
                break
            # Leaves keep what they have; all that is split is at the same depth.
            child += _octant(x, y, z, np.int32(self.depth - 1 - depth))
            voxel = np.where(is_split, child, voxel)
        return voxel

    def _split(self) -> None:
        """Splits every voxel that lies on both sides once, and asks for the new points."""
        split = np.flatnonzero(
            self._high & self._low & (self._child == _NO_CHILD) & (self._depth < self.depth)
        )
        first = len(self._child)
        self._child[split] = first + 8 * np.arange(len(split), dtype=np.int32)
        depth = self._depth[split]
        half = (np.int32(1) << (self.depth - 1 - depth).astype(np.int32))[:, None, None]
        corner = self._corner[split][:, None, :]
        self._append((corner + half * CORNERS.astype(np.int32)).reshape(-1, 3), depth)

        # Hand the touches of split voxels down to their children.
        is_split = self._child[self._touches.voxel] != _NO_CHILD
        handed = self._touches.at(is_split)
        shift = np.int32(self.depth - 1) - self._depth[handed.voxel]
        octant = _octant(handed.x, handed.y, handed.z, shift)
        handed = replace(handed, voxel=self._child[handed.voxel] + octant)
        handed = handed.at(self._depth[handed.voxel] < self.depth)
        self._mark(handed)
        self._touches = _Touches.joined([self._touches.at(~is_split), handed])

        # A point with eight final voxels around it can't touch a voxel that may be split. Their
        # number rides in the lowest bits of the keys, so that one sort brings both together.
        final = (depth == self.depth - 1)[:, None] * _CHILDREN_AROUND
        points = corner.astype(np.int64) + half * _SPLIT_POINTS
        keys = np.sort(((points @ self._stride) * 16 + final).ravel())
        final_around, keys = keys & 15, keys >> 4
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
        keys = keys[starts]
        matter = np.add.reduceat(final_around, starts) < 8 if len(starts) else np.zeros(0, bool)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        new = self._keys[place] != keys
        self._asked, self._asked_matter = keys[new], matter[new]

    def _append(self, corner: NDArray[np.int32], parent_depth: NDArray[np.int8]) -> None:
        self._corner = np.concatenate([self._corner, corner])
        self._depth = np.concatenate([self._depth, np.repeat(parent_depth + np.int8(1), 8)])
        count = len(corner)
        self._child = np.concatenate([self._child, np.full(count, _NO_CHILD, dtype=np.int32)])
        self._high = np.concatenate([self._high, np.zeros(count, dtype=bool)])
        self._low = np.concatenate([self._low, np.zeros(count, dtype=bool)])

    def _closing_cells(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The cells of the layer around the grid that touch an inside point of its border."""
        points = self._points(self._keys[self._values > self.level])
        cells, values = [np.zeros((0, 3), dtype=np.int64)], [np.zeros((0, 8))]
        size = self.resolution + 3
        for axis in range(3):
            across = [a for a in range(3) if a != axis]
            for layer in (0, self.resolution):
                if not (points[:, axis] == layer).any():
                    continue
                plane = np.full((size, size), OUTSIDE)
                plane[1:-1, 1:-1] = self._border_values(axis, layer)
                inside = plane > self.level
                touched = inside[1:, 1:] | inside[1:, :-1] | inside[:-1, 1:] | inside[:-1, :-1]
                for earlier in range(axis):
                    # The layer's edges and corners belong to two or three sides: to the first.
                    side = across.index(earlier)
                    np.moveaxis(touched, side, 0)[[0, -1]] = False
                u, v = np.nonzero(touched)
                cell = np.empty((len(u), 3), dtype=np.int64)
                cell[:, axis] = -1 if layer == 0 else layer
                cell[:, across[0]], cell[:, across[1]] = u - 1, v - 1
                value = np.full((len(u), 8), OUTSIDE)
                for number, corner in enumerate(CORNERS):
                    if corner[axis] == (layer == 0):
                        value[:, number] = plane[u + corner[across[0]], v + corner[across[1]]]
                cells.append(cell)
                values.append(value)
        return np.concatenate(cells), np.concatenate(values)

    def _border_values(self, axis: int, layer: int) -> NDArray[np.float64]:
        """The values on one side of the grid, (resolution + 1,) * 2.

        Points that were never evaluated lie on voxels that are all on one side of the level; they
        get the value of their voxel's lowest corner on the side. (The original takes the nearest
        known value along x, y or z: the same sign, and the closing vertices differ by less than a
        millionth of a cell.)
        """
        points = self.resolution + 1
        across = [a for a in range(3) if a != axis]
        plane = np.full((points, points), np.nan)
        known = np.flatnonzero(self._keys // self._stride[axis] % points == layer)
        position = self._points(self._keys[known])
        plane[position[:, across[0]], position[:, across[1]]] = self._values[known]
        for depth in range(self.depth):
            edge = 1 << (self.depth - depth)
            lowest = self._corner[(self._child == _NO_CHILD) & (self._depth == depth)]
            beside = lowest[lowest[:, axis] == (0 if layer == 0 else layer - edge)][:, across]
            offset = np.arange(edge + 1)
            u = beside[:, 0, None, None] + offset[:, None]
            v = beside[:, 1, None, None] + offset
            u, v = np.broadcast_arrays(u, v)
            filling = np.broadcast_to(plane[beside[:, 0], beside[:, 1], None, None], u.shape)
            gap = np.isnan(plane[u, v])
            plane[u[gap], v[gap]] = filling[gap]
        return plane


@dataclass(frozen=True)
class _Touches:
    """Which known points touch which voxels; all arrays (n,).

    voxel: index of the voxel; x, y, z: the cell of the final grid that lies in the voxel, next to
    the point; high, low: whether the point's value is at or above, at or below the level.
    """

    voxel: NDArray[np.int32]
    x: NDArray[np.int32]
    y: NDArray[np.int32]
    z: NDArray[np.int32]
    high: NDArray[np.bool_]
    low: NDArray[np.bool_]

    @classmethod
    def none(cls) -> _Touches:
        index, side = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=bool)
        return cls(index, index, index, index, side, side)

    @classmethod
    def joined(cls, parts: list[_Touches]) -> _Touches:
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def at(self, selection: NDArray[np.bool_]) -> _Touches:
        return _Touches(*(getattr(self, field.name)[selection] for field in fields(self)))


def _octant(
    x: NDArray[np.int32],
    y: NDArray[np.int32],
    z: NDArray[np.int32],
    shift: NDArray[np.int32] | np.int32,
) -> NDArray[np.int32]:
    """Which of its eight children a voxel has a cell in; 1 << shift is the child's size."""
    one, two = np.int32(1), np.int32(2)
    octant: NDArray[np.int32] = (
        (x >> shift & one) << two | (y >> shift & one) << one | (z >> shift & one)
    )
    return octant


def _fill_forward(grid: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Replaces each NaN by the nearest earlier value along the axis, where there is one."""
    length = grid.shape[axis]
    shape = [1, 1, 1]
    shape[axis] = length
    index = np.arange(length).reshape(shape)
    last_known = np.maximum.accumulate(np.where(np.isnan(grid), 0, index), axis=axis)
    return np.take_along_axis(grid, last_known, axis=axis)
