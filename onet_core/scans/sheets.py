"""The field of a cloud of oriented points: spheres fitted to those of the sheet that a place is at.

Two sheets may lie a spacing or two apart, and some normals are wrong. The solve over the whole
cloud knows which way is out at a place; points whose normals say otherwise are of another sheet, or
wrong, and don't count there. Where no points are left, the solve itself is the field: it closes
what the cloud leaves open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .batches import by_parts
from .spheres import sphere_distances, weights_of
from .whole import WholeField

FloatArray = NDArray[np.float64]

REACH = 2.0
"""Radius of the spheres' points, in spacings."""

ENOUGH = 0.5
"""Weight of the points around a place from which on the whole is not asked."""

_FEWEST_NEIGHBOURS, _MOST_NEIGHBOURS = 24, 48

_AT_ONCE = 1 << 12
_HEARD = 0.02
"""Weight of points that take part in a sphere."""


class SheetField:
    """The signed distance from the surface of oriented points, about, wherever it is asked.

    points, normals (N, 3), in a box of edge 1; radius (N,): how far each counts; spacing (N,): edge
    of the square that each stands for. errors (N,): how far off each may be, so that those that are
    off by less than others around count more.
    """

    def __init__(
        self,
        points: FloatArray,
        normals: FloatArray,
        radius: FloatArray,
        spacing: FloatArray,
        errors: FloatArray | None = None,
    ) -> None:
        self._points, self._normals, self._radius = points, normals, radius
        self._errors = errors
        self._whole = WholeField(points, normals, spacing)
        self._tree = cKDTree(points)
        reach = float(np.median(radius / spacing))
        wanted = int(np.clip(0.9 * np.pi * reach**2, _FEWEST_NEIGHBOURS, _MOST_NEIGHBOURS))
        self._neighbours = min(wanted, len(points))

    def __call__(self, places: FloatArray) -> FloatArray:
        """Values (M,) at places (M, 3): positive outside, lengths in units of the box."""
        values = np.empty(len(places))

        def evaluate(part: slice) -> None:
            values[part] = self._values(places[part])

        by_parts(evaluate, len(places), _AT_ONCE)
        return values

    def _values(self, places: FloatArray) -> FloatArray:
        distances, chosen = self._tree.query(places, self._neighbours)
        distances, chosen = distances.reshape(len(places), -1), chosen.reshape(len(places), -1)
        values = self._whole.values(places)
        radius = self._radius[chosen]
        weights = weights_of(distances, radius)
        here = np.flatnonzero(weights[:, 0])
        if not len(here):
            return values
        outward = self._whole.outward(places[here])
        normals = self._normals.take(chosen[here], axis=0)
        same = np.maximum(np.einsum("mki,mi->mk", normals, outward), 0)
        weights = weights[here] * same * same
        if self._errors is not None:
            weights = weights * _precision(self._errors[chosen[here]], weights)
        share = np.clip(weights.sum(axis=1) / ENOUGH, 0, 1)
        share = share * share * (3 - 2 * share)
        away = self._points.take(chosen[here], axis=0) - places[here, None]
        found = sphere_distances(away, normals, weights, radius[here, 0])
        values[here] += share * (found - values[here])
        return values


def _precision(errors: FloatArray, weights: FloatArray) -> FloatArray:
    """What errors (M, K) take from weights (M, K): the square of the least one's share of each."""
    least = np.where(weights > _HEARD, errors, np.inf).min(axis=1, keepdims=True)
    shares: FloatArray = np.minimum(np.where(np.isfinite(least), least, errors) / errors, 1)
    return shares * shares
