"""The least value of a function of few variables without its slope (Nelder and Mead 1965).

As SciPy does it, which takes longer to import than a search for mirror planes takes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Point = NDArray[np.float64]

_PRECISE = 1e-4
"""The search ends where the corners differ by less, in places and in values."""


def minimum(value_at: Callable[[Point], float], corners: ArrayLike, most: int) -> Point:
    """The best point (n,) that is found from a simplex of corners (n + 1, n).

    most: how often the function may be asked. A step that would ask more often is not taken.
    """
    simplex = np.array(corners, dtype=np.float64)
    values = np.array([value_at(corner) for corner in simplex])
    asked = len(values)
    while True:
        order = np.argsort(values)
        simplex, values = simplex[order], values[order]
        is_small = np.abs(simplex[1:] - simplex[0]).max() <= _PRECISE
        if asked >= most or (is_small and values[-1] - values[0] <= _PRECISE):
            return simplex[0]
        middle, worst = simplex[:-1].mean(axis=0), simplex[-1]
        place = 2 * middle - worst
        value = value_at(place)
        asked += 1
        if values[0] <= value < values[-2]:
            simplex[-1], values[-1] = place, value
            continue
        if asked == most:
            return simplex[0]
        # Twice as far where it is the best, else half as far, on the side that is better.
        is_beyond = value < values[-1]
        step = 2.0 if value < values[0] else 0.5 if is_beyond else -0.5
        other = middle + step * (middle - worst)
        value_there = value_at(other)
        asked += 1
        if step == 2:
            is_taken = value_there < value
            simplex[-1], values[-1] = (other, value_there) if is_taken else (place, value)
        elif value_there <= value if is_beyond else value_there < values[-1]:
            simplex[-1], values[-1] = other, value_there
        else:
            shrunk = simplex[0] + (simplex[1:] - simplex[0]) / 2
            shrunk = shrunk[: most - asked]
            simplex[1 : 1 + len(shrunk)] = shrunk
            values[1 : 1 + len(shrunk)] = [value_at(corner) for corner in shrunk]
            asked += len(shrunk)
