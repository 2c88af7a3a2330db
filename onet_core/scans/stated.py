"""Whether the normals that a file states can be true of its points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

FloatArray = NDArray[np.float64]

_ASKED = 2_000
_NEIGHBOURS = 8
_ALONG = 0.8
"""The median of the cosine between a stated normal and the plane's through its neighbours."""

_AGREED = 0.9
"""The share of neighbours on one sheet whose stated normals are on the same side of it, and of the
points that have a normal at all. Without consistent signs it is a half."""

_ONE_SHEET = 0.9
"""Neighbours whose planes are this parallel, as a cosine, are on one sheet."""


def are_plausible(points: FloatArray, axes: FloatArray, stated: FloatArray) -> bool:
    """Whether normals fit the points (N, 3) and each other.

    axes: (N, 3), unit normals of either sign by the points themselves. stated: (N, 3), unit vectors
    or zeros.
    """
    some = np.random.default_rng(0).permutation(len(points))[:_ASKED]
    if (np.linalg.norm(stated[some], axis=1) > 0.5).mean() < _AGREED:
        return False
    along = np.abs(np.einsum("ni,ni->n", axes[some], stated[some]))
    if np.median(along) < _ALONG:
        return False
    _, near = cKDTree(points).query(points[some], min(_NEIGHBOURS + 1, len(points)))
    near = near[:, 1:]
    is_one = np.abs(np.einsum("nki,ni->nk", axes.take(near, axis=0), axes[some])) > _ONE_SHEET
    agree = np.einsum("nki,ni->nk", stated.take(near, axis=0), stated[some]) > 0
    return bool(is_one.any() and agree[is_one].mean() >= _AGREED)
