"""Inside and outside of a whole cloud of oriented points, from one smooth solve.

The indicator function whose gradient is closest to the normals, on a periodic grid, by Fourier
transforms (Kazhdan 2005; Peng et al. 2021 use it for learning). All points have their say in it
everywhere, so that some wrong normals change little and what a cloud leaves open is closed. Near
the points its level is theirs, so that it goes through them (what screening is for in Kazhdan and
Hoppe 2013).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.ndimage import map_coordinates

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

EDGE = 1.25
"""Edge of the periodic box; the cloud's longest is 1."""

NEIGHBOURS = 12
"""Points that the level at a place is the mean of."""

_MOST_CELLS, _FEWEST_CELLS = 256, 64
_STEP = 0.7
"""Of a cell: half of what directions are differences over."""

_NEAR = 4.0
"""Farther from the points than this, in their spacings, the level is that of the whole cloud."""


class WholeField:
    """About the signed distance from the surface, positive outside.

    points, normals (N, 3), the points within -0.6 and 0.6; spacing (N,): edge of the square of the
    surface that each point stands for. The grid's cells are a typical spacing wide, as far as its
    memory allows.
    """

    def __init__(self, points: FloatArray, normals: FloatArray, spacing: FloatArray) -> None:
        wanted = int(np.clip(EDGE / float(np.median(spacing)), _FEWEST_CELLS, _MOST_CELLS))
        cells = next_fast_len(wanted, real=True)
        self._cell = EDGE / cells
        self._spacing, self._areas = spacing, spacing**2
        vectors = _spread(points / self._cell, normals * self._areas[:, None], cells)
        self._values = (solved(vectors) / self._cell**2).numpy()
        self._at_points = self._at(points)
        self._level = float(np.average(self._at_points, weights=self._areas))
        # A step blurred by a normal distribution rises by 1 / (blur sqrt(2 pi)) a length.
        self._length = self._cell * np.sqrt(2 * np.pi)

    def values(self, places: FloatArray, distances: FloatArray, nearest: IntArray) -> FloatArray:
        """Values (M,) at places (M, 3); distances, nearest (M, K) of the points next to each, the
        nearest first."""
        distances, nearest = distances[:, :NEIGHBOURS], nearest[:, :NEIGHBOURS]
        reach = distances[:, -1:] * 1.0001 + 1e-9
        weights = np.maximum(1 - (distances / reach) ** 2, 0) ** 2 * self._areas[nearest]
        level = (weights * self._at_points[nearest]).sum(axis=1) / weights.sum(axis=1)
        far = np.clip(distances[:, 0] / (_NEAR * self._spacing[nearest[:, 0]]) - 0.5, 0, 1)
        level += far * (self._level - level)
        return np.asarray((self._at(places) - level) * self._length)

    def outward(self, places: FloatArray) -> FloatArray:
        """Unit vectors (M, 3) that point out of the object, at places (M, 3)."""
        columns = []
        for axis in range(3):
            step = np.zeros(3)
            step[axis] = _STEP * self._cell
            columns.append(self._at(places + step) - self._at(places - step))
        ways = np.stack(columns, axis=1)
        return ways / (np.linalg.norm(ways, axis=1, keepdims=True) + 1e-300)

    def _at(self, places: FloatArray) -> FloatArray:
        found = map_coordinates(
            self._values, places.T / self._cell, np.float64, order=1, mode="grid-wrap"
        )
        return np.asarray(found)


def solved(vectors: torch.Tensor) -> torch.Tensor:
    """The (cells, cells, cells) values that have the vectors (3, cells, cells, cells) for their
    gradient, blurred by a cell; lengths in cells."""
    cells = vectors.shape[-1]
    whole, half = 2 * np.pi * torch.fft.fftfreq(cells), 2 * np.pi * torch.fft.rfftfreq(cells)
    spectra = [torch.fft.rfftn(part) for part in vectors]
    across = whole[:, None] ** 2 + half**2
    spectrum = spectra[0]
    # A slab at a time, which stays in a processor's cache.
    for number, along in enumerate(whole.tolist()):
        square = across + along**2
        if number == 0:
            square[0, 0] = 1
        slab = spectrum[number].mul_(along)
        slab.addcmul_(spectra[1][number], whole[:, None])
        slab.addcmul_(spectra[2][number], half)
        slab.mul_(-1j).mul_(torch.exp(-0.5 * square).div_(square))
    spectrum[0, 0, 0] = 0
    return torch.fft.irfftn(spectrum, s=(cells,) * 3)


def _spread(places: FloatArray, vectors: FloatArray, cells: int) -> torch.Tensor:
    """Sums (3, cells, cells, cells) of vectors (N, 3), shared to the eight nodes around each."""
    low = np.floor(places).astype(np.int64)
    part = places - low
    given = torch.from_numpy(vectors.astype(np.float32))
    sums = torch.zeros(cells**3, 3)
    for number in range(8):
        step = np.array([number >> 2 & 1, number >> 1 & 1, number & 1])
        share = np.where(step, part, 1 - part).prod(axis=1).astype(np.float32)
        x, y, z = ((low + step) % cells).T
        node = torch.from_numpy((x * cells + y) * cells + z)
        sums.index_add_(0, node, given * torch.from_numpy(share)[:, None])
    return sums.T.reshape(3, cells, cells, cells)
