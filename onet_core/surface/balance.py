"""Vertices moved off a surface so that the triangles between them lie on it on average.

A flat triangle between points of a curved surface lies on its hollow side: on a sphere of radius R,
with edges of length h, by h^2 / (8 R) on average. The mean of a vertex' neighbours lies below the
vertex by about four times that, so the mesh itself tells how far it sags, without any evaluation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# What part of the way from the neighbours' mean to the vertex it moves on. The least mean distance
# from the surface that was measured on spheres, tori and boxes with marching cubes' triangles.
_PART = 0.3
# In cells. A vertex that is higher is at an edge: there the height says nothing about triangles.
_HIGHEST = 0.15


def balanced(
    vertices: NDArray[np.float64], faces: NDArray[np.integer], may_move: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The vertices of a closed mesh, each moved along its normal by 0.3 of its height over its
    neighbours' mean.

    vertices: (V, 3) on the surface, in cells; faces: (F, 3), every edge has two; may_move: (V,).
    Returns (V, 3). Vertices at edges stay, and those that may not move, with the neighbours of
    both; and so do vertices that would turn a face over.
    """
    normals = _face_normals(vertices, faces)
    corners = faces.ravel()
    count = len(vertices)
    # Around a vertex each neighbour follows it in one face.
    ends = np.roll(faces, -1, axis=1).ravel()
    degree = np.bincount(corners, minlength=count)
    height, length = np.zeros(count), np.zeros(count)
    direction = np.empty_like(vertices)
    for axis in range(3):
        direction[:, axis] = np.bincount(corners, np.repeat(normals[:, axis], 3), count)
        mean = np.bincount(corners, vertices[ends, axis], count) / degree
        height += (vertices[:, axis] - mean) * direction[:, axis]
        length += direction[:, axis] ** 2
    # Both are as much too long as the normals are.
    length = np.sqrt(length)
    usable = may_move & (length > 0) & (np.abs(height) < _HIGHEST * length)
    usable[faces[~usable[faces].all(axis=1)]] = False
    step = np.divide(_PART * height, length**2, out=np.zeros(count), where=usable)
    while True:
        moved = vertices + step[:, None] * direction
        is_turned = np.einsum("ij,ij->i", _face_normals(moved, faces), normals) <= 0
        stuck = faces[is_turned & (step[faces] != 0).any(axis=1)]
        if not len(stuck):
            return moved
        step[stuck] = 0.0


def _face_normals(vertices: NDArray[np.float64], faces: NDArray[np.integer]) -> NDArray[np.float64]:
    """(F, 3), as long as twice the face's area."""
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(second - first, third - first)
