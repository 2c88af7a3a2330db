"""Which points of a scan do not belong to the object: stray ones, far from all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

# How many neighbours a point is compared by; a stray group of fewer is found.
NEIGHBOURS = 8
# How much lonelier than the middle point a stray one is at least, and in robust deviations.
FACTOR = 3.0
DEVIATIONS = 5.0
# From the median absolute deviation of normally distributed numbers to their standard deviation.
_MAD_TO_DEVIATION = 1.4826


def stray_points(points: ArrayLike) -> NDArray[np.bool_]:
    """(N,) bool: which of the finite points (N, 3) are much lonelier than the others.

    A point's loneliness is its mean distance to its eight neighbours. Scans are denser here than
    there by factors, so its logarithm is compared: with the median and the median deviation of all.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) <= NEIGHBOURS:
        return np.zeros(len(points), dtype=bool)
    distances, _ = cKDTree(points).query(points, k=NEIGHBOURS + 1)
    lonely = distances[:, 1:].mean(axis=1)
    known = np.log(lonely[lonely > 0])  # the others have eight twins
    if not len(known):
        return np.zeros(len(points), dtype=bool)
    middle = np.median(known)
    deviation = _MAD_TO_DEVIATION * np.median(np.abs(known - middle))
    return lonely > np.exp(middle + max(np.log(FACTOR), DEVIATIONS * deviation))
