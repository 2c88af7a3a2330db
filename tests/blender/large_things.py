"""What is large, and how long it keeps Blender's main thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from onet_blender.scene.pieces import Pieces

SECONDS_OF_STALL = 0.05
TRIES = 5
FACES, SECONDS_OF_FACES = 500_000, 0.025
END = object()

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
    """Seconds of the main thread that the longest piece takes; of several tries the best.

    Seconds of the machine that the bar was set on, where Blender takes the starts of half a million
    faces in 25 ms: what it takes for them right afterwards tells how fast this one is right now.
    """
    return min(_longest_of(make) / _slowness() for _ in range(TRIES))


def _longest_of(make: Callable[[], Pieces[Any]]) -> float:
    pieces, taken = make(), 0.0
    while True:
        start = time.thread_time()
        waited = next(pieces, END)
        taken = max(taken, time.thread_time() - start)
        if waited is END:
            return taken
        if isinstance(waited, Future):
            waited.exception()  # waits


def _slowness() -> float:
    mesh = bpy.data.meshes.new("faces")
    mesh.loops.add(3 * FACES)
    mesh.polygons.add(FACES)
    starts = np.arange(0, 3 * FACES, 3, dtype=np.int32)
    begin = time.thread_time()
    mesh.polygons.foreach_set("loop_start", starts)
    seconds = time.thread_time() - begin
    bpy.data.meshes.remove(mesh)
    return max(1.0, seconds / SECONDS_OF_FACES)
