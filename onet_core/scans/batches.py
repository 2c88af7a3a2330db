"""Work on many points: a part at a time, which bounds the memory, and means of those in voxels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..surface.from_points import unique

FloatArray = NDArray[np.float64]

PART = 1 << 14
"""Points at a time."""


def parts(count: int, size: int = PART) -> Iterator[slice]:
    """Slices that cover `count` rows."""
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))


def by_parts(work: Callable[[slice], None], count: int, size: int = PART) -> None:
    """Calls `work` with slices that cover `count` rows, in as many threads as torch uses.

    Each call may write to its own rows only, so results don't depend on the number of threads.
    NumPy and SciPy let other threads run meanwhile.
    """
    threads = min(torch.get_num_threads(), -(-count // size))
    if threads <= 1:
        for part in parts(count, size):
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, parts(count, size)):
            pass  # Raises what a call raised.


def merged_with_members(
    points: FloatArray, normals: FloatArray, edge: float
) -> tuple[FloatArray, FloatArray, NDArray[np.int64], NDArray[np.int64]]:
    """Mean places (M, 3) and mean normals of the points in voxels of an edge; the voxel of each
    point (N,) and the number of points in each voxel (M,)."""
    indices = np.floor(points / edge).astype(np.int64)
    indices -= indices.min(axis=0)
    size = indices.max(axis=0) + 1
    keys = (indices[:, 0] * size[1] + indices[:, 1]) * size[2] + indices[:, 2]
    voxels = unique(keys)
    voxel = np.searchsorted(voxels, keys)
    counts = np.bincount(voxel)
    sums = [
        np.bincount(voxel, weights=column, minlength=len(counts))
        for column in (*points.T, *normals.T)
    ]
    middles = np.stack(sums[:3], axis=1) / counts[:, None]
    return middles, np.stack(sums[3:], axis=1) / counts[:, None], voxel, counts


class Cubes(NamedTuple):
    """N points in M cubes: member (N,), the cube of each point, and counts (M,) of points."""

    member: NDArray[np.int64]
    counts: NDArray[np.int64]

    def means(self, values: FloatArray) -> FloatArray:
        """Means (M,) or (M, C) over each cube of its points' values (N,) or (N, C)."""
        columns = values.reshape(len(values), -1).T
        sums = [np.bincount(self.member, column, len(self.counts)) for column in columns]
        means = np.stack(sums, axis=1) / self.counts[:, None]
        return means.reshape(-1, *values.shape[1:])


def cubes_of(points: FloatArray, edge: float) -> Cubes:
    """The cubes of an edge that hold points (N, 3), those that lie near each other together."""
    middles, _, member, counts = merged_with_members(points, points, edge)
    order = cKDTree(middles).indices
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return Cubes(place[member], counts[order])
