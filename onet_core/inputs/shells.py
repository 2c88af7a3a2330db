"""Meshes with large openings, such as scans without a bottom: whether one is, and its surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from .observation import VOXEL_RESOLUTION
from .voxelise import touched_voxels

# A shell hides a part of the space beside it: cells from where it is seen in five of six directions
# are inside. A mesh is open where these outnumber the enclosed ones by this many for a touched one.
_SEEN = 5
_SHARE = 0.1
# A mesh of fewer vertices gets points from its faces.
_FEW = 2_000
_SAMPLED = 10_000


def is_open_shell(points: NDArray[np.floating], faces: NDArray[np.integer]) -> bool:
    """Whether triangles (F, 3) of points (V, 3) leave most of what they surround unenclosed.

    Meshes without an edge of only one triangle are closed, and never are.
    """
    corners = np.asarray(points, dtype=np.float64)[faces]
    if not np.isfinite(corners).all() or not _has_rim(corners):
        return False
    low, high = corners.min((0, 1)), corners.max((0, 1))
    size = float((high - low).max())
    if not 0 < size < 1e100:
        return False
    cells = ((corners - (low + high) / 2) / size + 0.5) * VOXEL_RESOLUTION
    touched = touched_voxels(cells, VOXEL_RESOLUTION)
    enclosed = binary_fill_holes(touched) & ~touched
    seen = np.zeros(touched.shape, dtype=np.uint8)
    for axis in range(3):
        for forwards in (True, False):
            view = touched if forwards else np.flip(touched, axis)
            behind = np.logical_or.accumulate(view, axis=axis)
            seen += behind if forwards else np.flip(behind, axis)
    inside = (seen >= _SEEN) & ~touched
    missing = np.count_nonzero(inside & ~enclosed)
    return bool(missing > _SHARE * np.count_nonzero(touched) and missing > enclosed.sum())


def surface_points(
    points: NDArray[np.float64], faces: NDArray[np.int64], colours: NDArray[np.uint8] | None
) -> tuple[NDArray[np.float64], NDArray[np.uint8] | None]:
    """Points on a mesh with their colours: its vertices, or where these are few, spread evenly."""
    used = np.unique(faces)
    corners = points[faces]
    areas = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    if len(used) >= _FEW or not 0 < areas.sum() < np.inf:
        return points[used], None if colours is None else colours[used]
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(faces), _SAMPLED, p=areas / areas.sum())
    first, second = rng.random((2, _SAMPLED, 1))
    folded = first + second > 1
    first, second = np.where(folded, 1 - first, first), np.where(folded, 1 - second, second)
    weights = np.concatenate([1 - first - second, first, second], axis=1)
    spread = np.einsum("nk,nkd->nd", weights, corners[chosen])
    if colours is None:
        return spread, None
    painted = np.einsum("nk,nkd->nd", weights, colours[faces[chosen]].astype(np.float64))
    return spread, np.round(painted).astype(np.uint8)


def _has_rim(corners: NDArray[np.float64]) -> bool:
    """Whether edges of triangles (F, 3, 3) belong to one only; vertices at one place are one."""
    places = np.ascontiguousarray(corners.reshape(-1, 3)) + 0.0  # there is a zero below zero, too
    rows = places.view([("x", "f8"), ("y", "f8"), ("z", "f8")]).reshape(-1)
    _, merged = np.unique(rows, return_inverse=True)
    merged = merged.reshape(-1, 3)
    edges = np.sort(np.concatenate([merged[:, [0, 1]], merged[:, [1, 2]], merged[:, [2, 0]]]), 1)
    edges = edges[edges[:, 0] != edges[:, 1]]
    keys = edges[:, 0] * (len(places) + 1) + edges[:, 1]
    _, counts = np.unique(keys, return_counts=True)
    return bool((counts == 1).any())
