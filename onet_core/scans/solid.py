"""How well signs of normals describe a solid: the mean winding number at its surface is one half.

Seen from a point of a closed surface, the rest of it fills half of all directions, whatever its
form (Gauss). What normals say of one sheet is felt on all others, the more the nearer they are, so
that a patch with wrong signs shows, thin parts most of all. Used for signs by Takayama et al. 2014
and, point by point, by Lu et al. 2018 and Xu et al. 2023.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from .batches import parts

FloatArray = NDArray[np.float64]

_ASKED = 4_000
"""Places that are asked and that stand for all; time and memory grow with the square."""

_ROWS = 128
"""Rows of the kernel at a time: more leave a processor's cache."""

_CANDIDATES = 8
_BLUR = 0.25
"""Of a place's own area, as the square of a length: nearer than that it is not a point any more."""


class WindingNumbers:
    """Signs (M,) of points -> mean winding numbers at some of them, linear in the signs.

    points, normals (M, 3), the normals with signs of +1; areas (M,) that each point stands for.
    """

    def __init__(self, points: FloatArray, normals: FloatArray, areas: FloatArray) -> None:
        count = min(_ASKED, len(points))
        self.asked = np.sort(np.random.default_rng(0).permutation(len(points))[:count])
        places, directions = points[self.asked], normals[self.asked]
        owner, side = _owners(points, normals, places, directions)
        sizes: FloatArray = np.bincount(owner, areas, minlength=count).astype(np.float64)
        rows = (side * areas / sizes[owner], (owner, np.arange(len(points))))
        self._gathered = csr_array(rows, shape=(count, len(points)))
        self._kernel = _kernel(places, directions, sizes)

    def __call__(self, signs: FloatArray) -> FloatArray:
        """The numbers (A,): one half where the signs are those of a solid."""
        gathered = (self._gathered @ signs).astype(np.float32)
        return np.asarray(self._kernel @ gathered, dtype=np.float64)

    def transposed(self, numbers: FloatArray) -> FloatArray:
        """The transposed map, of numbers (A,), for least squares."""
        spread = numbers.astype(np.float32) @ self._kernel
        return np.asarray(self._gathered.T @ spread.astype(np.float64))


def _owners(
    points: FloatArray, normals: FloatArray, places: FloatArray, directions: FloatArray
) -> tuple[NDArray[np.int64], FloatArray]:
    """The place (M,) on the same sheet that stands for each point, and +1 or -1 (M,): whether its
    normal is the point's or the opposite."""
    count = min(_CANDIDATES, len(places))
    distances, near = cKDTree(places).query(points, count, workers=torch.get_num_threads())
    distances, near = distances.reshape(len(points), -1), near.reshape(len(points), -1)
    theirs = directions.take(near, axis=0)
    cosine = np.einsum("nki,ni->nk", theirs, normals)
    above = np.einsum("nki,nki->nk", places.take(near, axis=0) - points[:, None], theirs)
    typical = float(np.median(distances[:, 0]))
    cost = distances + 2 * np.abs(above) + 3 * typical * (1 - np.abs(cosine))
    rows, best = np.arange(len(points)), cost.argmin(axis=1)
    return near[rows, best], np.where(cosine[rows, best] < 0, -1.0, 1.0)


def _kernel(places: FloatArray, directions: FloatArray, sizes: FloatArray) -> NDArray[np.float32]:
    """(A, A): what each place's element gives to the winding number at each other."""
    here, ways, areas = (part.astype(np.float32) for part in (places, directions, sizes))
    squares = (here * here).sum(axis=1)
    along, scale = (here * ways).sum(axis=1), areas / np.float32(4 * np.pi)
    beyond = squares + np.float32(_BLUR) * areas
    kernel = np.empty((len(here),) * 2, dtype=np.float32)
    for rows in parts(len(here), _ROWS):
        apart = here[rows] @ here.T
        apart *= -2
        apart += squares[rows, None]
        apart += beyond
        # Places that are one: rounding may have brought them nearer than that.
        np.maximum(apart, np.float32(_BLUR) * areas, out=apart)
        part = np.matmul(here[rows], ways.T, out=kernel[rows])
        np.subtract(along, part, out=part)
        part *= scale
        part /= apart
        np.sqrt(apart, out=apart)
        part /= apart
    np.fill_diagonal(kernel, 0)
    return kernel
