"""Work on many points: a part at a time, which bounds the memory, and keys by sorting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

PART = 1 << 14
"""Points at a time."""


def parts(count: int, size: int = PART) -> Iterator[slice]:
    """Slices that cover `count` rows."""
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))


def unique(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each key once, sorted. NumPy's own way is by hashes, which is far slower for such keys."""
    ordered = np.sort(keys)
    is_first = np.ones(len(ordered), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]
