"""Triangles in the network's frame: centred, longest edge 1, without faces of no area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from onet_core.errors import InputError
from onet_core.inputs.frame import Frame

GREY = 160
# Faces of less area have no usable normal; the unit cube's edge is 1.
_LEAST_AREA = 1e-14


@dataclass(frozen=True, eq=False)
class Triangles:
    """A surface that need not be closed.

    vertices: (V, 3) float64 in the network's frame.
    faces: (F, 3) int64, counter-clockwise seen from outside.
    colours: (F, 3) uint8 sRGB.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    colours: NDArray[np.uint8]

    @property
    def corners(self) -> NDArray[np.float64]:
        """(F, 3, 3): the corners of each face."""
        return self.vertices[self.faces]

    def vector_areas(self) -> NDArray[np.float64]:
        """(F, 3): normals as long as the faces are large."""
        corners = self.corners
        return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2

    def flipped(self) -> Triangles:
        """The same surface seen from the other side."""
        return Triangles(self.vertices, self.faces[:, ::-1].copy(), self.colours)


def make_triangles(
    vertices: ArrayLike, faces: ArrayLike, colours: ArrayLike | None = None
) -> Triangles:
    """Checks arrays and leaves out faces without area; None for colours is a light grey.

    Raises InputError where no faces are left or coordinates are not finite.
    """
    points = np.ascontiguousarray(vertices, dtype=np.float64).reshape(-1, 3)
    corners = np.ascontiguousarray(faces, dtype=np.int64).reshape(-1, 3)
    if len(corners) == 0:
        raise InputError("The mesh has no faces.")
    if corners.min() < 0 or corners.max() >= len(points):
        raise InputError("The mesh has faces that point at vertices it does not have.")
    if not np.isfinite(points[corners]).all():
        raise InputError("The mesh has coordinates that are not finite numbers.")
    paint = np.full(corners.shape, GREY, np.uint8) if colours is None else np.asarray(colours)
    made = Triangles(points, corners, paint.astype(np.uint8))
    size = np.ptp(points[corners].reshape(-1, 3), axis=0).max()
    used = np.linalg.norm(made.vector_areas(), axis=1) > _LEAST_AREA * max(size, 1e-300) ** 2
    if not used.any():
        raise InputError("The mesh has no face with an area.")
    return Triangles(points, corners[used], made.colours[used])


def normalise(
    triangles: Triangles, up_axis: str = "y"
) -> tuple[Triangles, NDArray[np.float64], float]:
    """The shape in the network's frame, its longest bounding-box edge 1 around the origin.

    up_axis: of the coordinates given. Returns the shape, `loc` (3,) and `scale`, with which
    loc + scale * normalised are the coordinates given, turned to y up. Vertices that no face uses
    do not count. Raises InputError for shapes without size.
    """
    frame = Frame.of_points(triangles.corners.reshape(-1, 3), up_axis)
    vertices = np.asarray(frame.to_network(triangles.vertices), dtype=np.float64)
    rotation = frame.matrix[:3, :3] / frame.scale
    loc = rotation.T @ frame.matrix[:3, 3]
    return Triangles(vertices, triangles.faces, triangles.colours), loc, float(frame.scale)
