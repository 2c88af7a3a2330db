"""Arrays of points as libraries keep them: with coordinates first, as images, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ....sentences import Sentence

# Numbers of a point: x y z, with one more, with colours or normals.
_WIDTHS = (3, 4, 6)
_MANY = 16
# Pixels beside each other lie nearer together than this share of what any two points do.
_BESIDE = 0.25
# One row of an image is flatter than the whole; one cloud of a batch is as large as any other.
_AS_LARGE = 0.5
# Clouds of fewer points are no clouds of their own.
_FEW = 64
# Points of one surface lie as near to others of it as these lie to each other, but for chance: of
# 69 shapes at most this share farther, divided by the root of the points (64 to 2,048 of them).
_FARTHER = 4.0


def as_rows(array: NDArray[Any], kind: str) -> tuple[NDArray[Any] | None, list[Sentence]]:
    """An array as rows of x, y, z ..., and what was decided; None where it is a grid of cells."""
    if array.dtype.kind == "b" or array.ndim < 2:
        return None, []
    if array.ndim == 2:
        if array.shape[0] in _WIDTHS and array.shape[1] > _MANY:
            return array.T, [Sentence("Its rows were taken for the coordinates x, y and z")]
        return (array, []) if array.shape[1] >= 3 else (None, [])
    if kind == "voxels" or array.dtype.kind == "u" or len(set(array.shape)) == 1:
        return None, []
    is_cloud = kind == "points" or len(np.unique(array[:: max(1, len(array) // 8)])) > 8
    if not is_cloud or array.ndim > 4:
        return None, []
    if array.ndim == 4:
        # Images of several cameras, each pixel with its point.
        if array.shape[3] in _WIDTHS[::2] and min(array.shape[1:3]) > _WIDTHS[-1]:
            return array.reshape(-1, array.shape[3]), [_taken(array)]
        return None, []
    first, middle, last = array.shape
    if last in _WIDTHS and min(first, middle) > 1 and first * middle > 2 * last:
        return _of_batch(array)
    if first in _WIDTHS and min(middle, last) > 8 and middle != first:
        return array.reshape(first, -1).T, [_taken(array)]
    if middle in _WIDTHS and last > 8 and first != last:
        return _of_batch(array.transpose(0, 2, 1))
    return None, []


def _taken(array: NDArray[Any]) -> Sentence:
    return Sentence(
        "Its shape {shape} was taken for points; --kind voxels takes it as a grid",
        shape=str(array.shape),
    )


def _of_batch(array: NDArray[Any]) -> tuple[NDArray[Any], list[Sentence]]:
    """(B, N, C): all points of one surface or image; of clouds of several shapes the first."""
    places = array[..., :3].astype(np.float64)
    if array.shape[1] < _FEW or _is_image(places) or _are_of_one(places):
        return array.reshape(-1, array.shape[2]), [_taken(array)]
    return array[0], [
        Sentence(
            "It holds {count:,} clouds of {points:,} points, of which the first was read; "
            "join them to one list of rows to read all as one",
            count=len(array), points=array.shape[1],
        )
    ]  # fmt: skip


def _are_of_one(places: NDArray[np.float64]) -> bool:
    """Whether clouds (B, N, 3) are points of the same surface, a few of them looked at."""
    chosen = places[[0, 1, len(places) // 2, -1]]
    looked_at = [cloud[np.isfinite(cloud).all(axis=1)] for cloud in chosen]
    if min(map(len, looked_at)) < _FEW:
        return True
    first = cKDTree(looked_at[0])
    among = first.query(looked_at[0], k=2)[0][:, 1].mean()
    most = among * (1 + _FARTHER / len(looked_at[0]) ** 0.5)
    return all(first.query(other)[0].mean() <= most for other in looked_at[1:])


def _is_image(places: NDArray[np.float64]) -> bool:
    """Whether points (H, W, 3) are those of pixels: neighbours lie together, rows are narrow."""
    if len(places) < 3:
        return False
    known = np.isfinite(places).all(axis=2) & (places != 0).any(axis=2)
    if np.count_nonzero(known) < 4:
        return True
    points = places[known]
    spread = float(np.median(np.linalg.norm(points - np.roll(points, len(points) // 2, 0), axis=1)))
    for axis in (0, 1):
        one, other = (
            np.take(places, range(start, places.shape[axis] - 1 + start), axis) for start in (0, 1)
        )
        both = np.take(known, range(places.shape[axis] - 1), axis) & np.take(
            known, range(1, places.shape[axis]), axis
        )
        steps = np.linalg.norm((other - one)[both], axis=1)
        if len(steps) and np.median(steps) > _BESIDE * spread:
            return False
    size = np.ptp(points, axis=0)
    rows = [
        np.ptp(row[seen], axis=0) for row, seen in zip(places, known, strict=True) if seen.any()
    ]
    narrow = np.min(np.array(rows)[:, size > 0] / size[size > 0], axis=1)
    return bool(np.median(narrow) < _AS_LARGE)
