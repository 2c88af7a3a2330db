"""From where each point of a scan was seen, where a file says where its scanners stood.

What a scanner saw faces it, so the signs of all normals are known, of rooms as of solids. Files
that were put together by programs that know of no scanner may name any place instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .within import Surfels

FloatArray = NDArray[np.float64]

_ASKED = 100_000
_OF_A_PLACE, _FEWEST = 2_000, 300
"""So many points tell whether a scanner stood at a place; fewer than that say nothing."""

_SAME = 1e-3
"""Places nearer to each other are one."""

SEEN = 0.75
"""A scanner sees all that it scanned: training/results/sight.md."""


def are_from_there(points: FloatArray, sights: FloatArray) -> bool:
    """Whether points (N, 3) can have been seen from where `sights` (N, 3) lead from them.

    Both in the network's frame, whose unit is the cloud's size.
    """
    return share_seen(points, sights) > SEEN


def share_seen(points: FloatArray, sights: FloatArray) -> float:
    """The share of the area of points (N, 3), as disks, that is seen from where `sights` (N, 3)
    lead from them; 0 where too few points have one place in common. As `are_from_there`."""
    if not np.isfinite(sights).all():
        return 0.0
    some = np.random.default_rng(0).permutation(len(points))[:_ASKED]
    places, sights = points[some], sights[some]
    eyes = np.round((places + sights) / _SAME)
    _, eye, counts = np.unique(eyes, axis=0, return_inverse=True, return_counts=True)
    eye = eye.reshape(-1)
    seen, weights = [], []
    for number in np.flatnonzero(counts >= _FEWEST):
        chosen = np.flatnonzero(eye == number)[:_OF_A_PLACE]
        surfels = Surfels(places[chosen])
        areas = surfels.spacing**2
        is_seen = surfels.seen((places[chosen] + sights[chosen]).mean(axis=0))
        seen.append(float(areas[is_seen].sum() / areas.sum()))
        weights.append(counts[number])
    if not seen:
        return 0.0
    return float(np.average(seen, weights=weights))
