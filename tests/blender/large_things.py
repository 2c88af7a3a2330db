"""What is large, and how long it keeps Blender's main thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onet_blender.scene.pieces import Pieces

SECONDS_OF_STALL = 0.05
TRIES = 3

Triangles = tuple[NDArray[np.float32], NDArray[np.int32]]


def waves(faces: int) -> Triangles:
    """A wavy sheet of about that many triangles."""
    count = round((faces / 2) ** 0.5) + 1
    y, x = np.mgrid[0:count, 0:count] / np.float32(count)
    vertices = np.stack([x, y, np.sin(20 * x) / 10], axis=-1).reshape(-1, 3)
    corner = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    lower = np.stack([corner, corner + 1, corner + count], axis=1)
    upper = np.stack([corner + 1, corner + count + 1, corner + count], axis=1)
    return vertices.astype(np.float32), np.concatenate([lower, upper]).astype(np.int32)


def longest(make: Callable[[], Pieces[Any]]) -> float:
    """Seconds of the main thread that the longest piece takes; of several tries the best."""
    best = float("inf")
    for _ in range(TRIES):
        pieces, taken = make(), 0.0
        while True:
            start = time.thread_time()
            try:
                waited = next(pieces)
            except StopIteration:
                taken = max(taken, time.thread_time() - start)
                break
            taken = max(taken, time.thread_time() - start)
            if waited is not None:
                waited.exception()  # waits
        best = min(best, taken)
    return best
