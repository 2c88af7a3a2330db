"""Inside and outside of a whole cloud of oriented points, from one smooth solve.

The indicator function whose gradient is closest to the normals and that is 0 at the points
(screened Poisson, Kazhdan and Hoppe 2013). All points have their say in it everywhere, so that some
wrong normals change little and what a cloud leaves open is closed. That it is 0 at the points is
solved together with the rest: to take a level from the points around each place afterwards made
bulges at thin tips and bridges in slits. Grids are solved one after the other, each twice as fine:
the first whole, the others in a band around the points, with what was found before beyond it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg
from torch.nn.functional import interpolate

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
        values = np.zeros((cells + 1,) * 3, dtype=np.float32)
        for halving in range(halvings + 1):
            if halving:
                values, cells = _twice_as_fine(values), 2 * cells
            self._cell = EDGE / cells
            # What a point counts for must not end at a side of the box.
            places = np.clip((points + EDGE / 2) / self._cell, 1, cells - 1.001)
            areas = (spacing / self._cell) ** 2
            screening = SCREENING * COARSER ** (halvings - halving)
            solve(values, places, normals, areas, screening, is_whole=halving == 0)
        self._values, self._smooth = values, _blurred(values)

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
    matrix = csr_array(laplacian + _screening(number, points, screening * areas))
    flat[nodes] = cg(
        matrix,
        right.astype(np.float32),
        x0=flat[nodes],
        rtol=_EXACT_OF_ALL if is_whole else _EXACT,
        maxiter=_PASSES_OF_ALL if is_whole else _PASSES,
        M=diags_array(1 / matrix.diagonal()),
    )[0]


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

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums (C,) over the points of each cell, of values (N,) in the order of the cells."""
        return np.add.reduceat(values, self._first)


_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])


def _strides(edge: int) -> IntArray:
    return np.array([edge * edge, edge, 1])


def _twice_as_fine(values: Float32Array) -> Float32Array:
    """Values (M, M, M) at nodes that lie twice as close, by linear interpolation."""
    size = (2 * len(values) - 1,) * 3
    found = interpolate(
        torch.from_numpy(values)[None, None], size, mode="trilinear", align_corners=True
    )
    return np.asarray(found[0, 0].numpy())


def _band(cells: IntArray, edge: int) -> IntArray:
    """The numbers (K,) of the nodes around cells (N, 3)."""
    is_near = np.zeros((edge,) * 3, dtype=bool)
    is_near[tuple(cells.T)] = True
    for axis in range(3):
        wide = is_near.copy()
        ahead, before = np.moveaxis(wide, axis, 0), np.moveaxis(is_near, axis, 0)
        for step in range(1, _BAND + 1):
            ahead[step:] |= before[:-step]
            if step < _BAND:
                ahead[:-step] |= before[step:]
        is_near = wide
    return np.flatnonzero(is_near)


def _divergence(number: NDArray[np.int32], points: _InCells, vectors: FloatArray) -> FloatArray:
    """Of each node (K,) the sum of the points' vectors (N, 3), each along the slope of the node's
    cubic B-spline at the point; number: of each of the grid's nodes."""
    count = int(number.max()) + 1
    inside, before, vectors = points.inside, 1 - points.inside, points.ordered(vectors)
    splines = [
        before**3 / 6, (3 * inside**3 - 6 * inside**2 + 4) / 6,
        (3 * before**3 - 6 * before**2 + 4) / 6, inside**3 / 6,
    ]  # fmt: skip
    slopes = [
        -(before**2) / 2, (3 * inside**2 - 4 * inside) / 2,
        (4 * before - 3 * before**2) / 2, inside**2 / 2,
    ]  # fmt: skip
    lowest = points.lowest - _strides(points.edge).sum()
    total = np.zeros(count)
    for x in range(4):
        along = vectors[:, 0] * slopes[x][:, 0]
        for y in range(4):
            both = splines[x][:, 0] * splines[y][:, 1] * vectors[:, 2]
            first = along * splines[y][:, 1] + vectors[:, 1] * splines[x][:, 0] * slopes[y][:, 1]
            for z in range(4):
                here = points.sums(first * splines[z][:, 2] + both * slopes[z][:, 2])
                nodes = number[lowest + _strides(points.edge) @ (x, y, z)]
                total += np.bincount(nodes, here, minlength=count)
    return total


def _screening(number: NDArray[np.int32], points: _InCells, counts: FloatArray) -> csr_array:
    """The matrix (K, K) of the points' squared values, each of which counts as told (N,)."""
    inside, counts = points.inside[:, None], points.ordered(counts)
    shares = np.where(_CORNERS, inside, 1 - inside).prod(axis=2).T
    corners = number[points.lowest + (_CORNERS @ _strides(points.edge))[:, None]]
    size, places = int(number.max()) + 1, np.arange(8)
    blocks = np.empty((8, 8, len(points.lowest)), dtype=np.float32)
    for one in places:
        for other in places[one:]:
            blocks[one, other] = points.sums(counts * shares[one] * shares[other])
            blocks[other, one] = blocks[one, other]
    rows, columns = np.repeat(corners, 8, axis=0), np.tile(corners, (8, 1))
    return csr_array((blocks.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size))


def _blurred(values: Float32Array) -> Float32Array:
    """Values (M, M, M) with a quarter of each neighbour's, along all axes."""
    for axis in range(3):
        ahead = np.moveaxis(values, axis, 0)
        wide = 2 * ahead
        wide[1:] += ahead[:-1]
        wide[:-1] += ahead[1:]
        wide[1:-1] /= 4
        wide[[0, -1]] /= 3
        values = np.moveaxis(wide, 0, axis)
    return np.ascontiguousarray(values)


def _laplacian(
    nodes: IntArray, number: NDArray[np.int32], values: Float32Array, edge: int
) -> tuple[csr_array, FloatArray]:
    """The differences of nodes (K,) from their six neighbours, as a matrix (K, K), and what those
    neighbours that are not among them have, (K,)."""
    degree, beyond = np.zeros(len(nodes), dtype=np.float32), np.zeros(len(nodes))
    rows, columns = [], []
    for stride in _strides(edge).tolist():
        place = nodes // stride % edge
        for step in (-1, 1):
            is_there = (place + step >= 0) & (place + step < edge)
            degree += is_there
            neighbour = np.where(is_there, nodes + step * stride, nodes)
            theirs = number[neighbour]
            is_known = is_there & (theirs < 0)
            beyond[is_known] += values[neighbour[is_known]]
            is_unknown = is_there & (theirs >= 0)
            rows.append(np.flatnonzero(is_unknown))
            columns.append(theirs[is_unknown])
    row, column = np.concatenate(rows), np.concatenate(columns)
    neighbours = csr_array(
        (np.ones(len(row), dtype=np.float32), (row, column)), shape=(len(nodes),) * 2
    )
    return csr_array(diags_array(degree) - neighbours), beyond
