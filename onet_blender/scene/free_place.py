"""Where a new object can stand without lying in another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

# Between what stands side by side, as a share of the new one's size.
GAP = 0.1
# What merely touches, as a floor does, is in nobody's way; neither is a room around.
TOUCH = 1e-4
SIZES_OF_A_ROOM = 10.0

Box = NDArray[np.float64]


def beside(layer: bpy.types.ViewLayer, low: Sequence[float], high: Sequence[float]) -> Vector:
    """How far a box (3,), (3,) in the world has to move along x to lie in nothing that is seen."""
    start, size = np.array([low, high], dtype=np.float64), float(np.max(np.subtract(high, low)))
    others = [box for box in _boxes(layer) if np.ptp(box, axis=0).max() < SIZES_OF_A_ROOM * size]
    moved = start
    # Each step passes one object, to the right.
    for _ in range(len(others) + 1):
        hit = [box for box in others if _overlap(moved, box, TOUCH * size)]
        if not hit:
            break
        step = max(box[1, 0] for box in hit) + GAP * size - moved[0, 0]
        moved = moved + np.array([step, 0, 0])
    return Vector((float(moved[0, 0] - start[0, 0]), 0, 0))


def _boxes(layer: bpy.types.ViewLayer) -> Iterator[Box]:
    """The boxes (2, 3) in the world of the objects that a view layer shows."""
    for item in layer.objects:
        if item.visible_get(view_layer=layer) and item.type not in ("CAMERA", "LIGHT", "EMPTY"):
            corners = np.array([item.matrix_world @ Vector(corner) for corner in item.bound_box])
            yield np.array([corners.min(axis=0), corners.max(axis=0)])


def _overlap(one: Box, other: Box, least: float) -> bool:
    common = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    return bool((common > least).all())
