"""Inside and outside of a whole cloud of oriented points, from one smooth solve.

The indicator function whose gradient is closest to the normals and that is 0 at the points
(screened Poisson, Kazhdan and Hoppe 2013). All points have their say in it everywhere, so that some
wrong normals change little and what a cloud leaves open is closed. That it is 0 at the points is
solved together with the rest: to take a level from the points around each place afterwards made
bulges at thin tips and bridges in slits. Grids are solved one after the other, each twice as fine:
the first whole, the others in a band around the points, with what was found before beyond it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, cg

from .batches import parts

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

EDGE = 1.25
"""Edge of the box of the grids; the cloud's longest is 1."""

_MOST_CELLS, _FEWEST_CELLS, _MOST_OF_ALL = 256, 64, 32
"""Cells along the finest grid's edge, and at most along that of the grid that is solved whole."""

SCREENING, COARSER = 4.0, 0.25
"""What the points' places count beside their normals, as Kazhdan and Hoppe have it, and what that
is multiplied by on each grid that is twice as coarse: see training/results/scans.md."""

_BAND = 3
"""Cells to either side of the points in which finer grids are solved."""

_EXACT, _PASSES = 1e-3, 20
_EXACT_OF_ALL, _PASSES_OF_ALL = 1e-5, 1_000
"""The grid that is solved whole is solved well: little there says what the mean is, and a wrong one
makes all around the cloud inside."""

_MOST_PLACES = 1 << 20

_BLURRED = 5
"""Cells to either side of the points in which directions are blurred."""

_AT_ONCE = 1 << 12
"""Points at a time: more leave a processor's cache."""

_VALUES_AT_ONCE = 1 << 21
"""Of a matrix: counting takes 16 bytes for each."""

_STEP = 0.7
"""Of a cell: half of what directions are differences over."""

_SLOPE = 2 / 3
"""What the function rises by a cell, where it is 0."""


class WholeField:
    """About the signed distance from the surface, positive outside.

    points, normals (N, 3), the points within -0.6 and 0.6; spacing (N,): edge of the square of the
    surface that each point stands for. The finest grid's cells are a typical spacing wide, as far
    as its memory allows.
    """

    def __init__(self, points: FloatArray, normals: FloatArray, spacing: FloatArray) -> None:
        wanted = int(np.clip(EDGE / float(np.median(spacing)), _FEWEST_CELLS, _MOST_CELLS))
        halvings = int(np.ceil(np.log2(wanted / _MOST_OF_ALL)))
        cells = -(-wanted >> halvings)
        clouds = [_Cloud(points, normals, spacing**2)]
        for halving in range(halvings, 0, -1):
            clouds.append(_averaged(clouds[-1], EDGE / (cells << (halving + 1))))
        values = np.zeros((cells + 1,) * 3, dtype=np.float32)
        for halving in range(halvings + 1):
            if halving:
                values, cells = _twice_as_fine(values), 2 * cells
            self._cell = EDGE / cells
            cloud = clouds[halvings - halving]
            # What a point counts for must not end at a side of the box.
            places = np.clip((cloud.points + EDGE / 2) / self._cell, 1, cells - 1.001)
            areas = cloud.areas / self._cell**2
            screening = SCREENING * COARSER ** (halvings - halving)
            solve(values, places, cloud.normals, areas, screening, is_whole=halving == 0)
        self._values, self._smooth = values, _blurred(values, np.floor(places).astype(np.int64))

    def values(self, places: FloatArray) -> FloatArray:
        """Values (M,) at places (M, 3)."""
        return self._at(self._values, places) * (self._cell / _SLOPE)

    def outward(self, places: FloatArray) -> FloatArray:
        """Unit vectors (M, 3) that point out of the object, at places (M, 3); points at random
        make the function wavy, so they are those of one that is blurred by a cell."""
        columns = []
        for axis in range(3):
            step = np.zeros(3)
            step[axis] = _STEP * self._cell
            ahead, behind = (self._at(self._smooth, places + way) for way in (step, -step))
            columns.append(ahead - behind)
        ways = np.stack(columns, axis=1)
        return ways / (np.linalg.norm(ways, axis=1, keepdims=True) + 1e-300)

    def _at(self, values: Float32Array, places: FloatArray) -> FloatArray:
        nodes = (places + EDGE / 2).T / self._cell
        found = map_coordinates(values, nodes, np.float64, order=1, mode="nearest")
        return np.asarray(found)


def solve(
    values: Float32Array,
    places: FloatArray,
    normals: FloatArray,
    areas: FloatArray,
    screening: float,
    *,
    is_whole: bool,
) -> None:
    """Solves for the values (M, M, M) at a grid's nodes, in place, from what they are.

    places (N, 3), normals (N, 3) and areas (N,) of points, in cells; is_whole: whether all nodes
    are solved for, not only a band around the points.
    """
    edge = len(values)
    points = _InCells(places, edge)
    flat = values.reshape(-1)
    nodes = np.arange(len(flat)) if is_whole else _band(points.cells, edge)
    number = np.full(len(flat), -1, dtype=np.int32)
    number[nodes] = np.arange(len(nodes))
    laplacian, beyond = _laplacian(nodes, number, flat, edge)
    right = _divergence(number, points, normals * areas[:, None]) + beyond
    at_points = _at_points(number, points, screening * areas)
    to_nodes = at_points.T
    diagonal = (laplacian.data[6::7] + _squares(at_points)).astype(np.float32)

    def product(values: Float32Array) -> Float32Array:
        return np.asarray(laplacian @ values + to_nodes @ (at_points @ values))

    size = (len(nodes),) * 2
    flat[nodes] = cg(
        LinearOperator(size, product, dtype=np.float32),
        right.astype(np.float32),
        x0=flat[nodes],
        rtol=_EXACT_OF_ALL if is_whole else _EXACT,
        maxiter=_PASSES_OF_ALL if is_whole else _PASSES,
        M=LinearOperator(size, lambda values: values / diagonal, dtype=np.float32),
    )[0]


class _Cloud(NamedTuple):
    """points, normals (N, 3) and the areas (N,) that they stand for."""

    points: FloatArray
    normals: FloatArray
    areas: FloatArray


def _averaged(cloud: _Cloud, edge: float) -> _Cloud:
    """A cloud whose points within the same cube of an edge are one if their normals point along the
    same half of the same axis: both sides of a thin part stay apart."""
    cubes = np.floor((cloud.points + EDGE / 2) / edge).astype(np.int64)
    axis = np.abs(cloud.normals).argmax(axis=1)
    side = np.take_along_axis(cloud.normals, axis[:, None], axis=1)[:, 0] > 0
    keys = (cubes @ _strides(_MOST_PLACES)) * 6 + 2 * axis + side
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(np.diff(keys[order], prepend=keys.min() - 1))
    weights = cloud.areas[:, None]
    columns = np.concatenate([weights, cloud.points * weights, cloud.normals * weights], axis=1)
    sums = np.add.reduceat(columns[order], first, axis=0)
    areas = sums[:, 0]
    return _Cloud(sums[:, 1:4] / areas[:, None], sums[:, 4:] / areas[:, None], areas)


class _InCells:
    """Points (N, 3) in a grid, in the order of the cells they lie in, so that what all points of a
    cell say is summed up before it goes to the nodes.

    cells: (C, 3), those with points; lowest: (C,) the nodes that these begin at.
    inside: (N, 3) where each point lies within its cell.
    """

    def __init__(self, places: FloatArray, edge: int) -> None:
        cells = np.floor(places).astype(np.int64)
        keys = cells @ _strides(edge)
        self._order = np.argsort(keys, kind="stable")
        keys = keys[self._order]
        self._first = np.flatnonzero(np.diff(keys, prepend=-1))
        self.edge = edge
        self.cells, self.lowest = cells[self._order[self._first]], keys[self._first]
        self.inside = (places - cells)[self._order]

    def ordered(self, values: FloatArray) -> FloatArray:
        """Values (N, ...) of the points, as they were given, in the order of the cells."""
        return values[self._order]

    def lowest_of_each(self) -> IntArray:
        """Of each point (N,), in the order of the cells, the lowest node of its cell."""
        return np.repeat(self.lowest, np.diff(self._first, append=len(self._order)))

    def parts(self, size: int) -> Iterator[tuple[slice, slice, IntArray]]:
        """Some cells at a time: slices of cells and of their points, of which there are about so
        many, and the first of each cell's points (C,) from the slice's on."""
        ends = np.append(self._first, len(self._order))
        start = 0
        while start < len(self._first):
            stop = max(int(np.searchsorted(ends, ends[start] + size, side="right")) - 1, start + 1)
            first = ends[start:stop]
            yield slice(start, stop), slice(ends[start], ends[stop]), first - ends[start]
            start = stop


_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])


def _strides(edge: int) -> IntArray:
    return np.array([edge * edge, edge, 1])


def _twice_as_fine(values: Float32Array) -> Float32Array:
    """Values (M, M, M) at nodes that lie twice as close, by linear interpolation."""
    for axis in range(3):
        known = np.moveaxis(values, axis, 0)
        size = list(values.shape)
        size[axis] = 2 * len(known) - 1
        finer = np.empty(size, dtype=np.float32)
        ahead = np.moveaxis(finer, axis, 0)
        ahead[::2] = known
        np.add(known[:-1], known[1:], out=ahead[1::2])
        ahead[1::2] *= np.float32(0.5)
        values = finer
    return values


def _box(cells: IntArray, edge: int, margin: int) -> tuple[slice, ...]:
    """The nodes of a grid that lie around cells (N, 3), and so many to either side."""
    low = np.maximum(cells.min(axis=0) - margin, 0)
    high = np.minimum(cells.max(axis=0) + 2 + margin, edge)
    return tuple(slice(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True))


def _band(cells: IntArray, edge: int) -> IntArray:
    """The numbers (K,) of the nodes around cells (N, 3)."""
    found = np.zeros((edge,) * 3, dtype=bool)
    found[tuple(cells.T)] = True
    box = _box(cells, edge, _BAND)
    is_near = found[box]
    for axis in range(3):
        wide = is_near.copy()
        ahead, before = np.moveaxis(wide, axis, 0), np.moveaxis(is_near, axis, 0)
        for step in range(1, _BAND + 1):
            ahead[step:] |= before[:-step]
            if step < _BAND:
                ahead[:-step] |= before[step:]
        is_near = wide
    found[box] = is_near
    return np.flatnonzero(found)


def _divergence(number: NDArray[np.int32], points: _InCells, vectors: FloatArray) -> FloatArray:
    """Of each node (K,) the sum of the points' vectors (N, 3), each along the slope of the node's
    cubic B-spline at the point; number: of each of the grid's nodes."""
    count = int(number.max()) + 1
    vectors = points.ordered(vectors)
    steps = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    around = (steps - 1) @ _strides(points.edge)
    total = np.zeros(count)
    for cells, rows, first in points.parts(_AT_ONCE):
        along = vectors[rows].T.astype(np.float32)
        inside = points.inside[rows].T.astype(np.float32)
        (a, b, c), (by_a, by_b, by_c) = _splines(inside)
        flat = (along[0] * by_a)[:, None] * b + a[:, None] * (along[1] * by_b)
        both = a[:, None] * b * along[2]
        each = flat[:, :, None] * c + both[:, :, None] * by_c
        sums = np.add.reduceat(each.reshape(64, -1), first, axis=1)
        nodes = number[points.lowest[cells] + around[:, None]]
        total += np.bincount(nodes.ravel(), sums.ravel(), minlength=count)
    return total


def _splines(inside: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Cubic B-splines of the four nodes along each axis, and their slopes, (3, 4, N) each, at
    places (3, N) between the inner two of these."""
    before = 1 - inside
    splines = [
        before**3 / 6, (3 * inside**3 - 6 * inside**2 + 4) / 6,
        (3 * before**3 - 6 * before**2 + 4) / 6, inside**3 / 6,
    ]  # fmt: skip
    slopes = [
        -(before**2) / 2, (3 * inside**2 - 4 * inside) / 2,
        (4 * before - 3 * before**2) / 2, inside**2 / 2,
    ]  # fmt: skip
    return np.stack(splines, axis=1), np.stack(slopes, axis=1)


def _at_points(number: NDArray[np.int32], points: _InCells, counts: FloatArray) -> csr_array:
    """The matrix (N, K) from nodes to the points' values, each times the root of what it counts
    (N,): its square is what the screening adds."""
    roots = np.sqrt(points.ordered(counts)).astype(np.float32)
    lowest, steps = points.lowest_of_each(), _CORNERS @ _strides(points.edge)
    shares = np.empty((len(lowest), 8), dtype=np.float32)
    corners = np.empty(shares.shape, dtype=number.dtype)
    for rows in parts(len(lowest), _AT_ONCE):
        inside = points.inside[rows, None].astype(np.float32)
        each = np.where(_CORNERS, inside, 1 - inside).prod(axis=2)
        shares[rows] = each * roots[rows, None]
        corners[rows] = number[lowest[rows, None] + steps]
    ends = np.arange(0, 8 * len(shares) + 1, 8, dtype=np.int32)
    size = (len(shares), int(number.max()) + 1)
    return csr_array((shares.ravel(), corners.ravel(), ends), shape=size)


def _squares(matrix: csr_array) -> FloatArray:
    """The sum (K,) of the squares of each column of a matrix (N, K)."""
    total = np.zeros(matrix.shape[1])
    for some in parts(matrix.nnz, _VALUES_AT_ONCE):
        total += np.bincount(matrix.indices[some], matrix.data[some] ** 2, len(total))
    return total


def _blurred(values: Float32Array, cells: IntArray) -> Float32Array:
    """Values (M, M, M) with a quarter of each neighbour's, along all axes, around cells (N, 3)."""
    found = values.copy()
    box = _box(cells, len(values), _BLURRED)
    blurred = values[box]
    for axis in range(3):
        ahead = np.moveaxis(blurred, axis, 0)
        wide = 2 * ahead
        wide[1:] += ahead[:-1]
        wide[:-1] += ahead[1:]
        wide[1:-1] *= np.float32(1 / 4)
        wide[[0, -1]] *= np.float32(1 / 3)
        blurred = np.moveaxis(wide, 0, axis)
    found[box] = blurred
    return found


def _laplacian(
    nodes: IntArray, number: NDArray[np.int32], values: Float32Array, edge: int
) -> tuple[csr_array, FloatArray]:
    """The differences of nodes (K,) from their six neighbours, as a matrix (K, K) with seven
    numbers a row, of which the last is the diagonal's; and what those neighbours that are not among
    the nodes have, (K,)."""
    beyond, own = np.zeros(len(nodes)), np.arange(len(nodes), dtype=np.int32)
    columns = np.empty((7, len(nodes)), dtype=np.int32)
    numbers = np.zeros((7, len(nodes)), dtype=np.float32)
    columns[6] = own
    ways = [(stride, step) for stride in _strides(edge).tolist() for step in (-1, 1)]
    for column, (stride, step) in enumerate(ways):
        place = nodes // stride % edge
        is_there = place > 0 if step < 0 else place < edge - 1
        neighbour = np.where(is_there, nodes + step * stride, nodes)
        theirs = number[neighbour]
        known = np.flatnonzero(theirs < 0)
        beyond[known] += values[neighbour[known]]
        # A zero at the diagonal stands for those that are no unknowns.
        is_unknown = is_there & (theirs >= 0)
        columns[column] = np.where(is_unknown, theirs, own)
        numbers[column] -= is_unknown
        numbers[6] += is_there
    ends = np.arange(0, 7 * len(nodes) + 1, 7, dtype=np.int32)
    found = (numbers.T.ravel(), columns.T.ravel(), ends)
    return csr_array(found, shape=(len(nodes),) * 2), beyond
