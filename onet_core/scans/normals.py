"""Normals of points: from planes, and refined by fitting a quadric around each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .batches import by_parts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Weights of the quadric's six coefficients that keep a fit of few points from running wild.
_STIFFNESS = np.array([1e-6, 1e-5, 1e-5, 3e-3, 3e-3, 3e-3])
_FEWEST = 6
_AT_ONCE, _FITTED_AT_ONCE = 1 << 12, 1 << 10
_SMOOTH = 0.04
"""Neighbours less than this off a fit, in radii, count in full."""

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


@dataclass(frozen=True)
class Fits:
    """Of each point: the unit normal (N, 3), how far the fitted surface lies from it along that
    normal (N,), and the deviation of its neighbours from the surface (N,)."""

    normals: FloatArray
    heights: FloatArray
    residuals: FloatArray


def plane_normals(
    points: FloatArray, tree: cKDTree, neighbours: int, chosen: IntArray | None = None
) -> FloatArray:
    """Unit normals (N, 3) of the planes through each point's neighbours; their signs are random.

    chosen: (M,) numbers of the points that are wanted; those of the others are 0.
    """
    neighbours = min(neighbours, len(points))
    wanted = np.arange(len(points)) if chosen is None else chosen
    normals = np.zeros_like(points)

    def fit(part: slice) -> None:
        rows = wanted[part]
        distances, near = tree.query(points[rows], neighbours)
        weights = np.maximum(1 - (distances / (1.05 * distances[:, -1:] + 1e-12)) ** 2, 0)
        weights /= weights.sum(axis=1, keepdims=True) + 1e-300
        away = points.take(near, axis=0) - points[rows][:, None]
        away -= np.einsum("nk,nki->ni", weights, away)[:, None]
        spread = np.matmul((away * weights[..., None]).transpose(0, 2, 1), away)
        normals[rows] = np.linalg.eigh(spread)[1][:, :, 0]

    by_parts(fit, len(wanted), _AT_ONCE)
    return normals


def around_rods(points: FloatArray, axes: FloatArray, tree: cKDTree) -> FloatArray:
    """The axes (N, 3) of planes through neighbours, on rods as thin as a few points those that lead
    away from their middle.

    Neighbours on a tail or a wire lie all around it, so that planes through them lean any way.
    """
    found = axes.copy()

    def work(part: slice) -> None:
        here = points[part]
        near = tree.query(here, min(LOOKED_AT, len(points)))[1]
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


def fitted(
    points: FloatArray,
    normals: FloatArray,
    tree: cKDTree,
    radius: FloatArray,
    neighbours: int,
    *,
    rounds: int = 2,
    chosen: IntArray | None = None,
) -> Fits:
    """A quadric fitted over the tangent plane of each point, to its neighbours of the same side.

    points, normals (N, 3), oriented; radius (N,): how far neighbours count, at most `neighbours` of
    them. Neighbours that lie off the first fit count less in the second, so that an edge or a
    second layer does not bend it. Where there are too few neighbours the normal stays.
    chosen: (M,) numbers of the points to fit around, for all where it is None, with the sides of
    neighbours left out of account where they are some.
    """
    (found,) = fitted_in(
        points, normals, tree, [radius], [neighbours], rounds=rounds, chosen=chosen
    )
    return found


def fitted_in(
    points: FloatArray,
    normals: FloatArray,
    tree: cKDTree,
    radii: Sequence[FloatArray],
    neighbours: Sequence[int],
    *,
    rounds: int = 2,
    chosen: IntArray | None = None,
) -> list[Fits]:
    """As `fitted`, for several radii, each with its number of neighbours: they are looked for once,
    as those of a small radius are among those of a large one."""
    counts = [min(count, len(points)) for count in neighbours]
    wanted = np.arange(len(points)) if chosen is None else chosen
    results = [Fits(normals[wanted], np.zeros(len(wanted)), np.zeros(len(wanted))) for _ in counts]

    def fit(part: slice) -> None:
        rows = wanted[part]
        distances, near = tree.query(points[rows], max(counts))
        for result, radius, count in zip(results, radii, counts, strict=True):
            ends = distances[:, :count], near[:, :count]
            found = _fitted(points, normals, rows, *ends, radius[rows], rounds, chosen is None)
            result.normals[part], result.heights[part], result.residuals[part] = found

    by_parts(fit, len(wanted), _FITTED_AT_ONCE)
    return results


def _fitted(
    points: FloatArray,
    normals: FloatArray,
    rows: IntArray,
    distances: FloatArray,
    near: IntArray,
    radius: FloatArray,
    rounds: int,
    is_sided: bool,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The fields of `Fits` for the points with the numbers rows (M,); distances, near (M, K) of
    their neighbours, radius (M,). is_sided: whether neighbours of the other side don't count."""
    normal = normals[rows]
    reach = np.minimum(radius, 1.05 * distances[:, -1])[:, None] + 1e-12
    # Twice as fast as indexing, here and where else many neighbours are looked up.
    away = points.take(near, axis=0)
    away -= points[rows][:, None]
    first, second = tangents(normal)
    frame = np.stack([first, second, normal], axis=2) / reach[..., None]
    x, y, z = np.moveaxis(np.matmul(away, frame).astype(np.float32), 2, 0)
    weights = np.maximum(1 - (distances / reach) ** 2, 0).astype(np.float32) ** 2
    if is_sided:
        same = np.matmul(normals.take(near, axis=0), normal[..., None])[..., 0].astype(np.float32)
        weights *= np.maximum(same, 0) ** 2
    terms = np.empty((*x.shape, 6), dtype=np.float32)
    terms[..., 0] = 1
    terms[..., 1], terms[..., 2] = x, y
    terms[..., 3], terms[..., 4], terms[..., 5] = x * x, x * y, y * y
    used = weights
    for round_number in range(rounds):
        coefficients = _solved(terms, z, used)
        rest = z - np.matmul(terms, coefficients[..., None].astype(np.float32))[..., 0]
        deviation = np.sqrt((used * rest**2).sum(1) / (used.sum(1) + 1e-12))
        if round_number < rounds - 1:
            used = weights * np.exp(-((rest / (2 * deviation[:, None] + _SMOOTH)) ** 2))
    tilted = normal - coefficients[:, 1:2] * first - coefficients[:, 2:3] * second
    tilted /= np.linalg.norm(tilted, axis=1, keepdims=True)
    is_enough = (weights > 0).sum(axis=1) >= _FEWEST
    return (
        np.where(is_enough[:, None], tilted, normal),
        np.where(is_enough, coefficients[:, 0] * reach[:, 0], 0),
        deviation * reach[:, 0],
    )


def sharpened(points: FloatArray, fits: Fits, tree: cKDTree) -> FloatArray:
    """The normals (N, 3) of fits around points (N, 3), those next to edges from one side of them.

    A fit across an edge leans between both faces. A neighbour further into the face has a fit that
    lies on its points, and where the point lies on that, too, it is of that face. So edges stay
    sharp instead of frayed.
    """
    normals = fits.normals.copy()

    def sharpen(part: slice) -> None:
        here = points[part]
        _, near = tree.query(here, min(LOOKED_AT, len(points)))
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


def tangents(normals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two unit vectors (N, 3) each, at right angles to the normals (N, 3) and each other."""
    axis = np.where(np.abs(normals[:, :1]) < 0.6, [[1.0, 0, 0]], [[0, 1.0, 0]])
    first = np.cross(normals, axis)
    first /= np.linalg.norm(first, axis=1, keepdims=True) + 1e-300
    return first, np.cross(normals, first)


def _solved(
    terms: NDArray[np.floating], heights: NDArray[np.floating], weights: NDArray[np.floating]
) -> FloatArray:
    """The coefficients (N, 6) of terms (N, K, 6) that fit heights (N, K) best."""
    weighted = (terms * weights[..., None]).transpose(0, 2, 1)
    matrix = np.matmul(weighted, terms).astype(np.float64)
    matrix += np.diag(_STIFFNESS) * (weights.sum(axis=1) + 1e-9)[:, None, None]
    right = np.matmul(weighted, heights[..., None])
    return np.asarray(np.linalg.solve(matrix, right)[..., 0])
