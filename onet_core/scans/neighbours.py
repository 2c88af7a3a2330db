"""The nearest points of each point of a cloud, looked for once where many steps ask for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..mesh.gaps import COUNTED, spacing_by
from .batches import by_parts

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

_AT_ONCE = 1 << 12
_MEASURED = 12
"""Of so many neighbours the distances are kept, too."""


class Merged(NamedTuple):
    """Of N points that are means of scanned points: counts (N,), of how many each, and finer (N,),
    the spacing of these, in their own."""

    counts: Float32Array
    finer: FloatArray


class Neighbours:
    """The neighbours of each point (N, 3), itself the first. `know` keeps some of them.

    merged: None where each point is one scanned point.
    """

    def __init__(self, points: FloatArray, merged: Merged | None = None) -> None:
        self._points, self._tree, self.merged = points, cKDTree(points), merged
        self._distances = np.empty((len(points), 0))
        self._near = np.empty((len(points), 0), dtype=np.int32)

    def know(self, count: int) -> None:
        """Keeps at least so many neighbours of every point: 4 bytes each, and 8 for each of the
        first distances."""
        count = min(count, len(self._points))
        if count <= self._near.shape[1]:
            return
        distances = np.empty((len(self._points), min(count, _MEASURED)))
        near = np.empty((len(self._points), count), dtype=np.int32)

        def look(part: slice) -> None:
            found = self._tree.query(self._points[part], np.arange(1, count + 1))
            distances[part], near[part] = found[0][:, :_MEASURED], found[1]

        by_parts(look, len(self._points), _AT_ONCE)
        self._distances, self._near = distances, near

    def forget_distances(self) -> None:
        """Keeps only the numbers: of millions of points distances are a third of a gigabyte."""
        self._distances = self._distances[:, :0].copy()

    def of(self, rows: slice | IntArray, count: int) -> tuple[FloatArray, IntArray]:
        """Distances and numbers (M, count), the nearest first, of points with numbers (M,); fewer
        where the cloud has fewer points."""
        count = min(count, len(self._points))
        if count <= self._distances.shape[1]:
            return self._distances[rows, :count], self._near[rows, :count].astype(np.int64)
        distances, near = self._tree.query(self._points[rows], np.arange(1, count + 1))
        return distances, near

    def numbers(self, rows: slice | IntArray, count: int) -> IntArray:
        """As `of`, without the distances."""
        if min(count, len(self._points)) <= self._near.shape[1]:
            return self._near[rows, :count].astype(np.int64)
        return self.of(rows, count)[1]

    def nearest(self, places: FloatArray) -> tuple[FloatArray, IntArray]:
        """Of places (M, 3) the distance (M,) to the nearest point and its number (M,)."""
        distances, near = self._tree.query(places)
        return distances, near

    def spacing(self, rows: slice | IntArray | None = None) -> FloatArray:
        """(M,) as `spacing_of`, of all points or of those with numbers (M,)."""
        if rows is not None or self._distances.shape[1] > COUNTED:
            return spacing_by(self.of(slice(None) if rows is None else rows, COUNTED + 1)[0])
        found = np.empty(len(self._points))

        def measure(part: slice) -> None:
            found[part] = spacing_by(self.of(part, COUNTED + 1)[0])

        by_parts(measure, len(found), _AT_ONCE)
        return found

    def scanned(self) -> tuple[FloatArray, float]:
        """The spacing (N,) of the scanned points around each point, and how many points there are
        for each scanned one, at most 1."""
        if self.merged is None:
            return self.spacing(), 1.0
        return self.spacing() * self.merged.finer, len(self._points) / float(
            self.merged.counts.sum()
        )

    def even_spacing(self) -> FloatArray:
        """(N,) as `spacing`, but no more than is typical of a point's neighbours.

        A point that noise left beside the surface has its neighbours farther away than these have
        theirs. By them it would stand for a large piece of surface and pull up a bump.
        """
        distances, near = self.of(slice(None), COUNTED + 1)
        spacing = spacing_by(distances)
        return np.minimum(spacing, np.median(spacing[near[:, 1:]], axis=1))
