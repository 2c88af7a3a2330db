"""Polygons as triangles that cover the same area, where a polygon has notches too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import Damage

# A corner turns the wrong way where the sine of its angle is below minus this.
_STRAIGHT = 1e-9
# Polygons with notches are cut one by one, in about as many steps as they have corners times
# notches: beyond this many they become fans, which takes a second.
_MOST_STEPS = 500_000
# The outline of a country has fewer; a face of millions is none.
MOST_CORNERS = 100_000


def triangles_of(
    counts: NDArray[np.integer], corners: NDArray[np.integer], points: NDArray[np.floating]
) -> NDArray[np.int64]:
    """Triangles (F, 3) of polygons.

    counts: (P,) corners of each polygon; corners: all of them one after the other, numbers of
    points (N, 3). Polygons of fewer than three corners are dropped. Those without notches become
    fans; a file with very many notched ones, or whose corners point nowhere, has only fans.

    Raises Damage for a face of very many corners.
    """
    sizes: NDArray[np.int64] = np.asarray(counts, dtype=np.int64)
    all_corners: NDArray[np.int64] = np.asarray(corners, dtype=np.int64)
    if len(sizes) and (sizes == 3).all():
        return all_corners.reshape(-1, 3)
    assert_few_corners(int(sizes.max(initial=0)))
    starts = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    cut: list[tuple[int, NDArray[np.int64]]] = []
    if len(all_corners) and 0 <= all_corners.min() <= all_corners.max() < len(points):
        places = np.asarray(points, dtype=np.float64)
        all_corners, cut = _without_notches(sizes, starts, all_corners, places)
    fans = np.maximum(sizes - 2, 0)
    first = np.repeat(starts, fans)
    # The number of each triangle within its polygon.
    begins = np.cumsum(fans) - fans
    number = np.arange(fans.sum()) - np.repeat(begins, fans)
    fan = [all_corners[first], all_corners[first + number + 1], all_corners[first + number + 2]]
    triangles = np.stack(fan, axis=1).astype(np.int64)
    for polygon, pieces in cut:
        triangles[begins[polygon] : begins[polygon] + len(pieces)] = pieces
    return triangles


def assert_few_corners(count: int) -> None:
    """Raises Damage where a face has more corners than any real one."""
    if count > MOST_CORNERS:
        raise Damage(
            "a face has {count:,} corners, of {limit:,} at most", count=count, limit=MOST_CORNERS
        )


def _without_notches(
    sizes: NDArray[np.int64],
    starts: NDArray[np.int64],
    corners: NDArray[np.int64],
    points: NDArray[np.float64],
) -> tuple[NDArray[np.int64], list[tuple[int, NDArray[np.int64]]]]:
    """The corners, notched quads beginning at their notch, and larger notched polygons cut up."""
    corners, cut, steps = np.array(corners), [], 0
    for size in np.unique(sizes[sizes > 3]):
        polygons = np.flatnonzero(sizes == size)
        places = starts[polygons][:, None] + np.arange(size)
        rows = corners[places]
        turns = _turns(points[rows])
        notched = np.flatnonzero((turns < -_STRAIGHT).any(axis=1))
        if size == 4:
            notch = turns[notched].argmin(axis=1)
            order = (notch[:, None] + np.arange(4)) % 4
            corners[places[notched]] = np.take_along_axis(rows[notched], order, axis=1)
            continue
        for row in notched:
            notches = np.flatnonzero(turns[row] < 0)
            steps += int(size) * len(notches)
            if steps > _MOST_STEPS:
                break
            pieces = _ears(points[rows[row]], notches.tolist())
            if pieces is not None:
                cut.append((int(polygons[row]), rows[row][pieces]))
    return corners, cut


def _turns(polygons: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sines of the angles at the corners of polygons (P, K, 3), below 0 at notches."""
    along = np.roll(polygons, -1, axis=1) - polygons
    before = np.roll(along, 1, axis=1)
    middle = polygons - polygons.mean(axis=1, keepdims=True)
    normal = np.cross(middle, np.roll(middle, -1, axis=1)).sum(axis=1, keepdims=True)
    crossed = np.cross(before, along)
    scale = np.linalg.norm(before, axis=2) * np.linalg.norm(along, axis=2)
    scale = scale * np.linalg.norm(normal, axis=2)
    return (crossed * normal).sum(axis=2) / np.where(scale > 0, scale, 1)


def _ears(polygon: NDArray[np.float64], notches: list[int]) -> NDArray[np.int64] | None:
    """Triangles (K - 2, 3) of the corners of one polygon (K, 3); None where it crosses itself.

    notches: its corners that turn the wrong way; no other can lie in a triangle of three others.
    """
    middle = polygon - polygon.mean(axis=0)
    normal = np.cross(middle, np.roll(middle, -1, axis=0)).sum(axis=0)
    axis = int(np.abs(normal).argmax())
    flat = np.delete(middle, axis, axis=1)
    if (normal[axis] < 0) != (axis == 1):
        flat = flat[:, ::-1]
    xs, ys = flat[:, 0].tolist(), flat[:, 1].tolist()
    left = list(range(len(polygon)))
    found = []

    def area(a: int, b: int, c: int) -> float:
        return (xs[b] - xs[a]) * (ys[c] - ys[a]) - (ys[b] - ys[a]) * (xs[c] - xs[a])

    place, tried = 0, 0
    while len(left) > 3:
        count = len(left)
        if tried > count:
            return None
        a, b, c = left[place - 1], left[place], left[(place + 1) % count]
        turn = area(a, b, c)
        is_ear = turn >= 0 and not any(
            area(a, b, d) >= 0 and area(b, c, d) >= 0 and area(c, a, d) >= 0
            for d in notches
            if (xs[d], ys[d]) not in ((xs[a], ys[a]), (xs[b], ys[b]), (xs[c], ys[c]))
        )
        if is_ear:
            found.append((a, b, c))
            del left[place]
            place, tried = place % len(left), 0
        else:
            place, tried = (place + 1) % count, tried + 1
    found.append((left[0], left[1], left[2]))
    return np.array(found, dtype=np.int64)
