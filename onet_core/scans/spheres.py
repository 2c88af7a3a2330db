"""Algebraic spheres fitted to oriented points: the surface near a place, in closed form.

The fit of Guennebaud and Gross, "Algebraic Point Set Surfaces" (2007), with normals: of all spheres
(planes among them) u0 + u . x + u4 |x|^2 = 0 the one whose gradients come closest to the normals,
through the points' weighted mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
"""Of double or single precision: what comes out has that of what goes in."""

# The fitted sphere's radius is at least half of the points' radius.
_MOST_CURVED = 1.0

_POINT = 1e-5
"""Points that are nearer together than this, as the square of a share of the radius, are one."""

_LEAST = 1e-30


def weights_of(squares: Floats, radius: Floats) -> Floats:
    """How much points at distances of these squares count, (1 - (distance / radius)^2)^4, both
    (M, K)."""
    inside = np.maximum(1 - squares / (radius * radius), 0)
    squared = inside * inside
    return squared * squared


def sphere_distances(
    away: Floats, squares: Floats, normals: Floats, weights: Floats, radius: Floats
) -> Floats:
    """Distances (M,) of M places from the spheres that fit the points around each.

    away (M, K, 3): the points, seen from each place; squares (M, K): of their distances; normals
    (M, K, 3), outward; weights (M, K); radius (M,). Positive outside.
    """
    shares = weights / (weights.sum(axis=1, keepdims=True) + _LEAST)
    middle = np.matmul(shares[:, None], away)[:, 0]
    normal = np.matmul(shares[:, None], normals)[:, 0]
    across = np.einsum("mk,mki,mki->m", shares, away, normals)
    square = np.einsum("mk,mk->m", shares, squares)
    spread = square - (middle * middle).sum(axis=1)
    curved = 0.5 * (across - (middle * normal).sum(axis=1)) / np.maximum(spread, _LEAST)
    limit = _MOST_CURVED / radius
    curved = np.where(spread > _POINT * radius**2, np.clip(curved, -limit, limit), 0)
    slope = normal - 2 * curved[:, None] * middle
    constant = -(slope * middle).sum(axis=1) - curved * square
    steep = np.linalg.norm(slope, axis=1)
    root = np.sqrt(np.maximum(steep**2 - 4 * constant * curved, 0))
    return np.asarray(2 * constant / (steep + root + 1e-12))
