"""Inside and outside of a whole cloud of oriented points, roughly, from one smooth solve.

The indicator function whose gradient is closest to the normals, on a periodic grid, by Fourier
transforms (Kazhdan 2005; Peng et al. 2021 use it for learning): it closes what a cloud leaves open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, rfftn
from scipy.ndimage import map_coordinates

FloatArray = NDArray[np.float64]

EDGE = 1.5
"""Edge of the periodic box; the cloud's longest is 1."""


class WholeField:
    """About the signed distance from the surface, positive outside.

    points, normals (N, 3), the points within -0.6 and 0.6; areas (N,): of the surface that each
    point stands for.
    """

    def __init__(
        self, points: FloatArray, normals: FloatArray, areas: FloatArray, cells: int = 96
    ) -> None:
        self._cell = EDGE / cells
        vectors = _spread(points / self._cell, normals * areas[:, None], cells) / self._cell**3
        # The solve, blurred by a cell and a half, which is what the points' spacing needs.
        frequency = 2 * np.pi * np.fft.fftfreq(cells, self._cell)
        last = 2 * np.pi * np.fft.rfftfreq(cells, self._cell)
        grid = np.meshgrid(frequency, frequency, last, indexing="ij", sparse=True)
        square = grid[0] ** 2 + grid[1] ** 2 + grid[2] ** 2
        blur = 1.5 * self._cell
        divergence = sum(1j * k * rfftn(vectors[i]) for i, k in enumerate(grid))
        square[0, 0, 0] = 1
        solved = -divergence / square * np.exp(-0.5 * blur**2 * square)
        solved[0, 0, 0] = 0
        self._values = irfftn(solved, s=(cells,) * 3)
        at_points = self._at(points)
        self._level = float(np.average(at_points, weights=areas))
        # A step blurred by a normal distribution rises by 1 / (blur sqrt(2 pi)) a length.
        self._length = blur * np.sqrt(2 * np.pi)

    def __call__(self, places: FloatArray) -> FloatArray:
        """Values (M,) at places (M, 3)."""
        return (self._at(places) - self._level) * self._length

    def _at(self, places: FloatArray) -> FloatArray:
        found = map_coordinates(self._values, places.T / self._cell, order=1, mode="grid-wrap")
        return np.asarray(found)

    def slopes(self, places: FloatArray) -> FloatArray:
        """Gradients (M, 3) of the values, about of unit length at the surface."""
        step = self._cell
        columns = []
        for axis in range(3):
            shift = np.zeros(3)
            shift[axis] = step
            columns.append((self(places + shift) - self(places - shift)) / (2 * step))
        return np.stack(columns, axis=1)


def _spread(places: FloatArray, vectors: FloatArray, cells: int) -> FloatArray:
    """Sums (3, cells, cells, cells) of vectors (N, 3), shared to the eight nodes around each."""
    low = np.floor(places).astype(np.int64)
    part = places - low
    sums = np.zeros((3, cells**3))
    for number in range(8):
        step = np.array([number >> 2 & 1, number >> 1 & 1, number & 1])
        share = np.where(step, part, 1 - part).prod(axis=1)
        x, y, z = ((low + step) % cells).T
        node = (x * cells + y) * cells + z
        for axis in range(3):
            sums[axis] += np.bincount(node, share * vectors[:, axis], minlength=cells**3)
    return sums.reshape(3, cells, cells, cells)
