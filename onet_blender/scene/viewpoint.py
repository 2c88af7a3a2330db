"""From which side a network sees an object: upright as in the world, straight along its axes.

The networks learned from shapes that stand upright and straight. What is up is the user's to say,
by turning the object; how far it is turned round the vertical says where it stands in the scene,
not what it looks like.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from onet_core.engine.protocol import Arrays
from onet_core.errors import InputError

from .scene_io import Cloud, Surface, transformed

# Where the own axes and the world's fit about as well, the own ones count.
TIGHTER = 0.98
NEARLY_VERTICAL = 0.9


def straight_turn(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The turn (4, 4) round the world's z axis from what the network sees to the world.

    matrix: world transform of the object; points: (N, 3) finite, in the world. Sees the object
    along its own axes, or along the world's where its bounding box then has a smaller ground area,
    as that of a scan has that was turned to stand straight.
    """
    own = about_z(heading(matrix))
    areas = []
    for turn in (own, np.eye(4)):
        flat = points[:, :2] @ turn[:2, :2]
        areas.append(float(np.prod(flat.max(0) - flat.min(0))))
    return np.eye(4) if areas[1] < TIGHTER * areas[0] else own


def heading(matrix: Matrix) -> float:
    """How far an object with this world transform is turned round the world's z axis, in radians.

    By its x axis, or by its y axis where x points up or down.
    """
    axes = np.array(matrix.to_3x3(), dtype=np.float64)
    axes /= np.linalg.norm(axes, axis=0)
    if abs(axes[2, 0]) < NEARLY_VERTICAL:
        return math.atan2(axes[1, 0], axes[0, 0])
    return math.atan2(-axes[0, 1], axes[1, 1])


def without_extremes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points (N, 3) but for the outermost hundredth along each axis, strays among them.

    All of them where few are left otherwise.
    """
    low, high = np.quantile(points, [0.01, 0.99], axis=0)
    inner = points[((points >= low) & (points <= high)).all(axis=1)]
    return inner if len(inner) > len(points) / 2 else points


def camera_turn(scene: bpy.types.Scene) -> Matrix:
    """The turn (4, 4) round z after which what faces -y at the 3D cursor faces the active camera.

    Raises InputError without a camera.
    """
    camera = scene.camera
    if camera is None:
        raise InputError("There is no active camera to face: add one, or stand it on the floor.")
    if camera.type == "CAMERA" and camera.data.type == "ORTHO":
        x, y = camera.matrix_world.col[2][:2]  # against the direction that it looks in
    else:
        x, y = (camera.matrix_world.translation - scene.cursor.location)[:2]
    return Matrix.Rotation(math.atan2(x, -y), 4, "Z")


def about_z(angle: float) -> NDArray[np.float64]:
    """The rotation (4, 4) round the z axis."""
    turn = np.eye(4)
    turn[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return turn


def turned_upright(
    name: str, found: Cloud | Surface, matrix: Matrix, choices: Mapping[str, Any]
) -> tuple[Arrays, NDArray[np.float64]]:
    """What the worker gets of an object in the world, and the turn that takes it back there.

    matrix: the object's world transform; needs no Blender. Raises InputError for coordinates that
    are no numbers.
    """
    points = found.points if isinstance(found, Cloud) else found.vertices
    if not np.isfinite(points).all():
        raise InputError("{name} has coordinates that are not finite (NaN or infinite).", name=name)
    seen = without_extremes(points) if choices.get("remove_outliers") else points
    turn = straight_turn(matrix, seen)
    turned_back = transformed(points, turn.T)  # its inverse
    if isinstance(found, Cloud):
        arrays: Arrays = {"points": turned_back}
        if found.normals is not None:
            ways = found.normals if matrix.determinant() > 0 else -found.normals
            arrays["normals"] = ways @ turn[:3, :3]  # by its inverse
        if found.stated is not None:
            arrays["stated_normals"] = found.stated @ turn[:3, :3]
        if found.sights is not None:
            arrays["sights"] = found.sights @ turn[:3, :3]
    else:
        arrays = {"vertices": turned_back, "faces": found.triangles}
    if found.colours is not None and choices.get("colours"):
        arrays["colours"] = found.colours
    return arrays, turn
