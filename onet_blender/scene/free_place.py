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
# What lies inside another and has less of its volume is hidden, though a little may stick out; what
# is about as large is another version of it, and stays.
HALF, ALMOST_IN = 0.5, 0.02

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


def what_hides(item: bpy.types.Object, layer: bpy.types.ViewLayer) -> bpy.types.Object | None:
    """The visible object inside whose faces another lies, as in the default cube.

    In a room it lies before the faces, which look at it.
    """
    box = box_of(item)
    for other in layer.objects:
        is_solid = other != item and other.type == "MESH" and other.mode == "OBJECT"
        if is_solid and len(other.data.polygons) and other.visible_get(view_layer=layer):
            around = box_of(other)
            edge = ALMOST_IN * np.ptp(around, axis=0).max()
            lies_in_it = (around[0] - edge < box[0]).all() and (box[1] < around[1] + edge).all()
            is_smaller = np.ptp(box, axis=0).prod() < HALF * np.ptp(around, axis=0).prod()
            if lies_in_it and is_smaller and _is_behind_faces(box.mean(axis=0), other, layer):
                return other
    return None


def _is_behind_faces(
    place: NDArray[np.float64], item: bpy.types.Object, layer: bpy.types.ViewLayer
) -> bool:
    """Whether along each axis the first face that is met from a place looks away from it."""
    if abs(item.matrix_world.determinant()) < np.finfo(np.float32).tiny:
        return False
    start = item.matrix_world.inverted() @ Vector(place)
    for axis in np.concatenate([np.eye(3), -np.eye(3)]).tolist():
        met, _, normal, _ = item.ray_cast(start, axis, depsgraph=layer.depsgraph)
        if not met or normal.dot(Vector(axis)) <= 0:
            return False
    return True


def box_of(item: bpy.types.Object) -> Box:
    """The lowest and the highest corner (2, 3) of an object in the world."""
    corners = np.array([item.matrix_world @ Vector(corner) for corner in item.bound_box])
    return np.array([corners.min(axis=0), corners.max(axis=0)])


def _boxes(layer: bpy.types.ViewLayer) -> Iterator[Box]:
    """The boxes (2, 3) in the world of the objects that a view layer shows."""
    for item in layer.objects:
        if item.visible_get(view_layer=layer) and item.type not in ("CAMERA", "LIGHT", "EMPTY"):
            yield box_of(item)


def _overlap(one: Box, other: Box, least: float) -> bool:
    common = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    return bool((common > least).all())
