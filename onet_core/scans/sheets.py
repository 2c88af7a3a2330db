"""The field of a cloud of oriented points: spheres fitted to those of the sheet that a place is at.

Two sheets may lie a spacing or two apart, and some normals are wrong. The solve over the whole
cloud knows which way is out at a place; points whose normals say otherwise are of another sheet, or
wrong, and don't count there. Where no points are left, the solve itself is the field: it closes
what the cloud leaves open.

The points around a place are those around the point that is nearest to it: these are looked for
once a point instead of once a place, of which there are three times as many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .batches import by_parts
from .neighbours import Neighbours
from .spheres import sphere_distances, weights_of
from .whole import WholeField

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]

REACH = 2.0
"""Radius of the spheres' points, in spacings."""

ENOUGH = 0.5
"""Weight of the points around a place from which on the whole is not asked."""

NEIGHBOURS = 36
"""Points around a point: about 13 lie within reach of it, more within that of places beside it."""

_AT_ONCE = 1 << 12
_HEARD = 0.02
"""Weight of points that take part in a sphere."""


class SheetField:
    """The signed distance from the surface of oriented points, about, wherever it is asked.

    points, normals (N, 3), in a box of edge 1; radius (N,): how far each counts; spacing (N,): edge
    of the square that each stands for. errors (N,): how far off each may be, so that those that are
    off by less than others around count more. around: of the points, where it is known.
    """

    def __init__(
        self,
        points: FloatArray,
        normals: FloatArray,
        radius: FloatArray,
        spacing: FloatArray,
        errors: FloatArray | None = None,
        around: Neighbours | None = None,
    ) -> None:
        # Single precision: seen from a place, points are a millionth of a spacing off at most.
        self._points, self._normals = points.astype(np.float32), normals.astype(np.float32)
        self._radius = radius.astype(np.float32)
        self._errors = None if errors is None else errors.astype(np.float32)
        self._whole = WholeField(points, normals, spacing)
        self._around = Neighbours(points) if around is None else around
        self._around.know(NEIGHBOURS)
        self._around.forget_distances()

    def __call__(self, places: FloatArray) -> FloatArray:
        """Values (M,) at places (M, 3): positive outside, lengths in units of the box."""
        values = np.empty(len(places))

        def evaluate(part: slice) -> None:
            values[part] = self._values(places[part])

        by_parts(evaluate, len(places), _AT_ONCE)
        return values

    def _values(self, places: FloatArray) -> FloatArray:
        distances, nearest = self._around.nearest(places)
        values = self._whole.values(places)
        here = np.flatnonzero(distances < self._radius[nearest])
        if not len(here):
            return values
        places, nearest = places[here], nearest[here]
        chosen = self._around.numbers(nearest, NEIGHBOURS)
        away = self._points.take(chosen, axis=0)
        away -= places[:, None].astype(np.float32)
        normals = self._normals.take(chosen, axis=0)
        squares = np.einsum("mki,mki->mk", away, away)
        same = np.einsum("mki,mi->mk", normals, self._whole.outward(places).astype(np.float32))
        same = np.maximum(same, 0)
        weights = weights_of(squares, self._radius[chosen]) * same * same
        if self._errors is not None:
            weights *= _precision(self._errors[chosen], weights)
        share = np.clip(weights.sum(axis=1) / ENOUGH, 0, 1)
        share = share * share * (3 - 2 * share)
        found = sphere_distances(away, squares, normals, weights, self._radius[nearest])
        values[here] += share * (found - values[here])
        return values


def _precision(errors: Float32Array, weights: Float32Array) -> Float32Array:
    """What errors (M, K) take from weights (M, K): the square of the least one's share of each."""
    least = np.where(weights > _HEARD, errors, np.inf).min(axis=1, keepdims=True)
    shares: Float32Array = np.minimum(np.where(np.isfinite(least), least, errors) / errors, 1)
    return shares * shares
