"""The noise of a dense scan averaged away before a network reads it.

Each point is moved onto the plane that fits the points around it, as far as the noise reaches: a
projection of moving least squares (Alexa et al. 2001) to planes, once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

# The least number of neighbours; fewer would leave too much noise.
FEWEST_AROUND = 12
# A plane through this many points is good enough: a denser cloud is thinned.
MOST_AROUND = 100
# A plane goes through any three points.
_FEWEST_FOR_A_PLANE = 6
_COUNTED = 500


def denoise(
    points: ArrayLike, cloud: ArrayLike, noise: float, reach: float
) -> NDArray[np.float32] | None:
    """Points (M, 3) of a cloud (N, 3), moved onto the planes of those around them.

    noise: the deviation of the cloud's points along the surface's normal. reach: how far around a
    point it is averaged, in deviations: wider rounds off, and makes one of two sheets; narrower
    leaves more noise. None where the cloud is too thin for it. Points that are alone stay.
    """
    points, cloud = (np.asarray(array, dtype=np.float64) for array in (points, cloud))
    radius = reach * noise
    if radius <= 0 or not len(points):
        return None
    rng = np.random.default_rng(0)
    tree = cKDTree(cloud)
    counted = points[rng.choice(len(points), min(_COUNTED, len(points)), replace=False)]
    around = float(np.median(tree.query_ball_point(counted, radius, return_length=True)))
    if around < FEWEST_AROUND:
        return None
    if around > MOST_AROUND:
        cloud = cloud[rng.random(len(cloud)) < MOST_AROUND / around]
        tree = cKDTree(cloud)
    distances, chosen = tree.query(points, MOST_AROUND * 3 // 2, distance_upper_bound=radius)
    near = np.isfinite(distances)
    weights = np.where(near, 1 - (np.where(near, distances, 0) / radius) ** 2, 0)
    planes = _planes(cloud[np.where(near, chosen, 0)], weights)
    away = np.einsum("mi,mi->m", points - planes[0], planes[1])
    away[near.sum(axis=1) < _FEWEST_FOR_A_PLANE] = 0
    return (points - away[:, None] * planes[1]).astype(np.float32)


def _planes(
    points: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The planes of M groups (M, K, 3) with weights (M, K): places (M, 3), unit normals (M, 3)."""
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    middles = np.einsum("mk,mki->mi", shares, points)
    away = points - middles[:, None]
    _, axes = np.linalg.eigh(np.einsum("mk,mki,mkj->mij", shares, away, away))
    return middles, axes[:, :, 0]
