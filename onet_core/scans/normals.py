"""Normals of points: axes from planes, those on rods, and those next to edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .batches import by_parts
from .neighbours import Neighbours
from .quadrics import Fits

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_AT_ONCE = 1 << 12

CLEARER = 0.5
"""A point takes a neighbour's normal where that is off by less than this share of its own."""

ROD = 0.35
"""The square of how wide a rod is, to that of how long, among the points that are looked at; 0: no
cloud has rods."""

_ROUND, _LEANING, _NEXT = 0.35, 0.1, 10
"""A rod is as thick as wide, to so much of a square; planes through the next points lean if they
lie off them by so much of their distances."""

LOOKED_AT = 24
"""Neighbours, the point among them, whose normals it may take."""


def plane_normals(
    points: FloatArray, around: Neighbours, neighbours: int, chosen: IntArray | None = None
) -> FloatArray:
    """Unit normals (N, 3) of the planes through each point's neighbours; their signs are random.

    chosen: (M,) numbers of the points that are wanted; those of the others are 0.
    """
    wanted = np.arange(len(points)) if chosen is None else chosen
    normals = np.zeros_like(points)

    def fit(part: slice) -> None:
        rows = wanted[part]
        distances, near = around.of(rows, neighbours)
        weights = np.maximum(1 - (distances / (1.05 * distances[:, -1:] + 1e-12)) ** 2, 0)
        weights /= weights.sum(axis=1, keepdims=True) + 1e-300
        away = points.take(near, axis=0) - points[rows][:, None]
        away -= np.einsum("nk,nki->ni", weights, away)[:, None]
        spread = np.matmul((away * weights[..., None]).transpose(0, 2, 1), away)
        normals[rows] = np.linalg.eigh(spread)[1][:, :, 0]

    by_parts(fit, len(wanted), _AT_ONCE)
    return normals


def around_rods(points: FloatArray, axes: FloatArray, around: Neighbours) -> FloatArray:
    """The axes (N, 3) of planes through neighbours, on rods as thin as a few points those that lead
    away from their middle.

    Neighbours on a tail or a wire lie all around it, so that planes through them lean any way.
    """
    found = axes.copy()

    def work(part: slice) -> None:
        here = points[part]
        near = around.numbers(part, LOOKED_AT)
        away = points.take(near, axis=0) - here[:, None]
        heights = np.einsum("nki,ni->nk", away[:, :_NEXT], axes[part])
        lengths = (away[:, :_NEXT] ** 2).sum(axis=(1, 2))
        leaning = np.flatnonzero((heights**2).sum(axis=1) > _LEANING**2 * lengths)
        away = away[leaning]
        middles = away.mean(axis=1)
        away -= middles[:, None]
        squares, ways = np.linalg.eigh(np.matmul(away.transpose(0, 2, 1), away))
        is_rod = (squares[:, 1] < ROD * squares[:, 2]) & (squares[:, 0] > _ROUND * squares[:, 1])
        along = ways[:, :, 2]
        outward = np.einsum("ni,ni->n", middles, along)[:, None] * along - middles
        lengths = np.linalg.norm(outward, axis=1)
        is_rod &= lengths > 0
        rows = part.start + leaning[is_rod]
        found[rows] = outward[is_rod] / lengths[is_rod, None]

    by_parts(work, len(points))
    return found


def sharpened(points: FloatArray, fits: Fits, around: Neighbours) -> FloatArray:
    """The normals (N, 3) of fits around points (N, 3), those next to edges from one side of them.

    A fit across an edge leans between both faces. A neighbour further into the face has a fit that
    lies on its points, and where the point lies on that, too, it is of that face. So edges stay
    sharp instead of frayed.
    """
    normals = fits.normals.copy()

    def sharpen(part: slice) -> None:
        here = points[part]
        near = around.numbers(part, LOOKED_AT)
        theirs = fits.normals.take(near, axis=0)
        off = np.abs(np.einsum("mki,mki->mk", here[:, None] - points.take(near, axis=0), theirs))
        off += fits.residuals[near]
        same = np.einsum("mki,mi->mk", theirs, fits.normals[part])
        off = np.where(same > 0, off, np.inf)
        best = off.argmin(axis=1)
        each = np.arange(len(here))
        is_clearer = off[each, best] < CLEARER * fits.residuals[part]
        normals[part] = np.where(is_clearer[:, None], theirs[each, best], normals[part])

    by_parts(sharpen, len(points), _AT_ONCE)
    return normals
