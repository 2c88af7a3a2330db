"""Quadrics fitted around points: where the surface passes a point, and its normal there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .batches import by_parts
from .neighbours import Neighbours

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

# Weights of the quadric's six coefficients that keep a fit of few points from running wild.
_STIFFNESS = np.array([1e-6, 1e-5, 1e-5, 3e-3, 3e-3, 3e-3])
_FEWEST = 6
_AT_ONCE = 1 << 9
_SMOOTH = 0.04
"""Neighbours less than this off a fit, in radii, count in full."""

# The powers of x and of y in 1, x, y, xx, xy, yy, and so on up to the fourth degree. The first six
# are a quadric's terms; what two of these give together is found in the table.
_POWERS = [(degree - of_y, of_y) for degree in range(5) for of_y in range(degree + 1)]
_TERMS = 6
_TOGETHER = np.array(
    [[_POWERS.index((a + c, b + d)) for c, d in _POWERS[:_TERMS]] for a, b in _POWERS[:_TERMS]]
)


@dataclass(frozen=True)
class Fits:
    """Of each point: the unit normal (N, 3), how far the fitted surface lies from it along that
    normal (N,), and the deviation of its neighbours from the surface (N,)."""

    normals: FloatArray
    heights: FloatArray
    residuals: FloatArray


class _Around(NamedTuple):
    """M points with K neighbours each, the nearest first.

    frame: (M, 3, 3) two tangents and the normal, as rows.
    local: (M, 3, K) where the neighbours lie, along these.
    distances: (M, K).
    same: (M, K) how much each counts: 0 to 1 for being on the same side, times how many scanned
        points it is the mean of.
    """

    frame: FloatArray
    local: Float32Array
    distances: Float32Array
    same: Float32Array

    def nearest(self, count: int) -> _Around:
        """The same with fewer neighbours."""
        arrays = (self.local, self.distances, self.same)
        return _Around(self.frame, *(array[..., :count] for array in arrays))


def fitted(
    points: FloatArray,
    normals: FloatArray,
    neighbours_of: Neighbours,
    radius: FloatArray,
    neighbours: int,
    *,
    rounds: int = 2,
    chosen: IntArray | None = None,
    is_sided: bool = True,
) -> Fits:
    """A quadric fitted over the tangent plane of each point, to its neighbours of the same side.

    points, normals (N, 3), oriented; radius (N,): how far neighbours count, at most `neighbours` of
    them. Neighbours that lie off the first fit count less in the second, so that an edge or a
    second layer does not bend it. Where there are too few neighbours the normal stays.
    chosen: (M,) numbers of the points to fit around, for all where it is None. is_sided: whether
    neighbours of the other side don't count.
    """
    (found,) = fitted_in(
        points, normals, neighbours_of, [radius], [neighbours], rounds=rounds, chosen=chosen,
        is_sided=is_sided,
    )  # fmt: skip
    return found


def fitted_in(
    points: FloatArray,
    normals: FloatArray,
    neighbours_of: Neighbours,
    radii: Sequence[FloatArray],
    neighbours: Sequence[int],
    *,
    rounds: int = 2,
    chosen: IntArray | None = None,
    is_sided: bool = True,
) -> list[Fits]:
    """As `fitted`, for several radii, each with its number of neighbours: they are looked for once,
    as those of a small radius are among those of a large one."""
    counts = [min(count, len(points)) for count in neighbours]
    wanted = np.arange(len(points)) if chosen is None else chosen
    results = [Fits(normals[wanted], np.zeros(len(wanted)), np.zeros(len(wanted))) for _ in counts]

    def fit(part: slice) -> None:
        rows = wanted[part]
        around = _around(points, normals, rows, neighbours_of, max(counts), is_sided=is_sided)
        before: tuple[int, FloatArray] | None = None
        for result, radius, count in zip(results, radii, counts, strict=True):
            nearest = around.nearest(count)
            reach = np.minimum(radius[rows], 1.05 * nearest.distances[:, -1]) + 1e-12
            # Large radii end at the farthest neighbour, and so do those that are larger still.
            if before is None or before[0] != count or not np.array_equal(before[1], reach):
                found = _fitted(nearest, reach, rounds)
                before = count, reach
            result.normals[part], result.heights[part], result.residuals[part] = found

    by_parts(fit, len(wanted), _AT_ONCE)
    return results


def tangents(normals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two unit vectors (N, 3) each, at right angles to the normals (N, 3) and each other."""
    x, y, z = normals.T
    # At right angles to the first axis, or to the second where the normal is near the first.
    is_off = np.abs(x) < 0.6
    first = np.stack([np.where(is_off, 0, -z), np.where(is_off, z, 0), np.where(is_off, -y, x)], 1)
    first /= np.sqrt(np.einsum("ni,ni->n", first, first))[:, None] + 1e-300
    a, b, c = first.T
    return first, np.stack([y * c - z * b, z * a - x * c, x * b - y * a], axis=1)


def _around(
    points: FloatArray,
    normals: FloatArray,
    rows: IntArray,
    neighbours_of: Neighbours,
    count: int,
    *,
    is_sided: bool,
) -> _Around:
    """The points with the numbers rows (M,) and their neighbours; is_sided: whether neighbours of
    the other side don't count."""
    distances, near = neighbours_of.of(rows, count)
    normal = normals[rows]
    frame = np.stack([*tangents(normal), normal], axis=1)
    # `take` is twice as fast as indexing, here and where else many neighbours are looked up.
    local = np.matmul(frame, points.take(near, axis=0).transpose(0, 2, 1))
    local -= np.matmul(frame, points[rows][..., None])
    same = np.ones(near.shape, dtype=np.float32)
    if is_sided:
        cosines = np.matmul(normals.take(near, axis=0), normal[..., None])[..., 0]
        same = np.maximum(cosines, 0).astype(np.float32) ** 2
    if neighbours_of.merged is not None:
        same *= neighbours_of.merged.counts[near]
    return _Around(frame, local.astype(np.float32), distances.astype(np.float32), same)


def _fitted(
    around: _Around, reach: FloatArray, rounds: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The fields of `Fits` for M points; reach: up to where neighbours count, (M,)."""
    scale = (1 / reach[:, None]).astype(np.float32)
    x, y, z = (around.local[:, axis] * scale for axis in range(3))
    known = _monomials(x, y, z)
    weights = np.maximum(1 - (around.distances * scale) ** 2, 0) ** 2 * around.same
    used = weights
    for round_number in range(rounds):
        coefficients, total = _solved(known, used)
        quadric = np.matmul(coefficients[:, None].astype(np.float32), known[:, :_TERMS])
        squares = (z - quadric[:, 0]) ** 2
        deviation = np.sqrt(np.einsum("mk,mk->m", used, squares) / (total + 1e-12))
        if round_number < rounds - 1:
            lasting = (1 / (2 * deviation + _SMOOTH) ** 2).astype(np.float32)
            used = weights * np.exp(-squares * lasting[:, None])
    first, second, normal = np.moveaxis(around.frame, 1, 0)
    tilted = normal - coefficients[:, 1:2] * first - coefficients[:, 2:3] * second
    tilted /= np.linalg.norm(tilted, axis=1, keepdims=True)
    is_enough = (weights > 0).sum(axis=1) >= _FEWEST
    return (
        np.where(is_enough[:, None], tilted, normal),
        np.where(is_enough, coefficients[:, 0] * reach, 0),
        deviation * reach,
    )


def _monomials(x: Float32Array, y: Float32Array, z: Float32Array) -> Float32Array:
    """x^i y^j of neighbours (M, K), in the order of `_POWERS`, then z by each of a quadric's terms:
    (M, 21, K)."""
    products = np.empty((len(x), len(_POWERS) + _TERMS, x.shape[1]), dtype=np.float32)
    products[:, 0] = 1
    for row, (of_x, of_y) in enumerate(_POWERS[1:], start=1):
        before = _POWERS.index((of_x - 1, of_y) if of_x else (0, of_y - 1))
        np.multiply(products[:, before], x if of_x else y, out=products[:, row])
    np.multiply(products[:, :_TERMS], z[:, None], out=products[:, len(_POWERS) :])
    return products


def _solved(known: Float32Array, weights: Float32Array) -> tuple[FloatArray, FloatArray]:
    """The coefficients (M, 6) of the quadrics that fit best, and the sums of weights (M,).

    known: see `_monomials`; weights: (M, K). The sums of the monomials are all that the least
    squares need: each is found once instead of in every place of the matrix.
    """
    sums = np.matmul(known, weights[..., None])[..., 0].astype(np.float64)
    total, right = sums[:, 0], sums[:, len(_POWERS) :, None]
    matrix = sums[:, _TOGETHER] + np.diag(_STIFFNESS) * (total + 1e-9)[:, None, None]
    return np.linalg.solve(matrix, right)[..., 0], total
