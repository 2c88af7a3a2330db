"""The one mesh type that travels between the parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh.

    vertices: (V, 3) float.
    faces: (F, 3) int, counter-clockwise seen from outside.
    normals: (V, 3) unit float or None.
    colours: (V, 3) uint8 sRGB or None.
    """

    vertices: NDArray[np.floating]
    faces: NDArray[np.integer]
    normals: NDArray[np.floating] | None = None
    colours: NDArray[np.uint8] | None = None

    @property
    def is_empty(self) -> bool:
        """True where there is no face."""
        return len(self.faces) == 0

    def transformed(self, matrix: NDArray[np.floating]) -> Mesh:
        """The mesh under an affine map.

        matrix: (4, 4), acts on column vectors. A mirroring map also reverses the faces, so that
        they keep facing outwards; normals go through the inverse transpose.
        """
        linear = np.asarray(matrix, dtype=np.float64)[:3, :3]
        vertices = self.vertices @ linear.T + np.asarray(matrix, dtype=np.float64)[:3, 3]
        normals = self.normals
        if normals is not None:
            normals = normals @ np.linalg.inv(linear)
            normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        mirrored = np.linalg.det(linear) < 0
        faces = self.faces[:, ::-1] if mirrored else self.faces
        return replace(self, vertices=vertices, faces=faces, normals=normals)


def is_far(vertices: NDArray[np.floating]) -> bool:
    """Whether vertices (V, 3) are so far from the origin that float32 loses their shape.

    That is where it moves one by more than a millionth of the mesh's size.
    """
    if not len(vertices):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        lost = np.abs(vertices.astype(np.float32).astype(np.float64) - vertices).max()
    # Written so that an overflow to infinity or NaN counts as a loss.
    return not lost <= 1e-6 * np.ptp(vertices, axis=0).max()


def weighted_normals(
    vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The faces' normals, as long as twice their areas: (3, F) of vertices (V, 3), faces (F, 3)."""
    # One coordinate after the other: NumPy's own product of rows takes several times as long.
    places = np.ascontiguousarray(np.asarray(vertices, dtype=np.float64).T)
    start, one, other = (places[:, corner] for corner in faces.T)
    (x, y, z), (u, v, w) = one - start, other - start
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u])
