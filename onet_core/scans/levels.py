"""The field of a cloud of oriented points: spheres fitted near points, wider ones where none are.

Level 0 has all points. Each further level merges them to voxels of twice the size and fits spheres
twice as wide; the last word, where no level has points around, has a smooth solve over the whole
cloud. A place asks the finest level that has points enough around it, and the next one as far as
they are too few. So the surface goes through gaps in the cloud, and it is one field everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .batches import parts, unique
from .spheres import sphere_distances, weights_of
from .whole import WholeField

FloatArray = NDArray[np.float64]

REACH = 2.0
"""Radius of the spheres' points, in spacings."""

ENOUGH = 1.0
"""Weight of points around a place from which on no wider level is asked."""

_NEIGHBOURS = 16
_MOST_NEIGHBOURS = 40
_WIDER_NEIGHBOURS = 20
_WIDEST = 0.15
"""Wider than this, in edges of the cloud, the solve over the whole is better."""


@dataclass(frozen=True)
class _Level:
    tree: cKDTree
    points: FloatArray
    normals: FloatArray
    radius: FloatArray
    neighbours: int


class LevelField:
    """The signed distance from the surface of oriented points, about, wherever it is asked.

    points, normals (N, 3), in a box of edge 1; radius (N,): how far each counts; spacing: a typical
    one of the points.
    """

    def __init__(
        self,
        points: FloatArray,
        normals: FloatArray,
        radius: FloatArray,
        spacing: float,
        whole: WholeField,
    ) -> None:
        self._whole = whole
        edge = spacing
        reach = float(np.median(radius)) / spacing
        neighbours = int(np.clip(0.9 * np.pi * reach**2, _NEIGHBOURS, _MOST_NEIGHBOURS))
        self._levels = [_Level(cKDTree(points), points, normals, radius, neighbours)]
        while 2 * REACH * edge < _WIDEST:
            edge *= 2
            middles, directions = merged(points, normals, edge)
            wide = np.full(len(middles), REACH * edge)
            self._levels.append(
                _Level(cKDTree(middles), middles, directions, wide, _WIDER_NEIGHBOURS)
            )

    def __call__(self, places: FloatArray) -> FloatArray:
        """Values (M,) at places (M, 3): positive outside, lengths in units of the box."""
        values = np.empty(len(places))
        for part in parts(len(places)):
            values[part] = self._values(places[part], 0)
        return values

    def _values(self, places: FloatArray, number: int) -> FloatArray:
        if number == len(self._levels):
            return self._whole(places)
        level = self._levels[number]
        distances, chosen = level.tree.query(places, min(level.neighbours, len(level.points)))
        if distances.ndim == 1:
            distances, chosen = distances[:, None], chosen[:, None]
        radius = level.radius[chosen]
        weights = weights_of(distances, radius)
        total = weights.sum(axis=1)
        share = np.clip(total / ENOUGH, 0, 1)
        share = share * share * (3 - 2 * share)
        values = np.zeros(len(places))
        here = np.flatnonzero(share > 0)
        if len(here):
            rows = chosen[here]
            away = level.points[rows] - places[here, None]
            values[here] = sphere_distances(
                away, level.normals[rows], weights[here], radius[here, 0]
            )
        wider = np.flatnonzero(share < 1)
        if len(wider):
            rest = 1 - share[wider]
            values[wider] = share[wider] * values[wider] + rest * self._values(
                places[wider], number + 1
            )
        return values


def merged(points: FloatArray, normals: FloatArray, edge: float) -> tuple[FloatArray, FloatArray]:
    """Mean places and unit mean normals (M, 3) of the points in voxels of an edge.

    Voxels whose normals cancel out are left out: they hold both sides of something thin.
    """
    middles, directions, _, _ = merged_with_members(points, normals, edge)
    length = np.linalg.norm(directions, axis=1)
    is_clear = length > 0.2
    if not is_clear.any():
        is_clear[:] = True
    return middles[is_clear], directions[is_clear] / (length[is_clear, None] + 1e-12)


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
