"""A mesh carried over to another surface: the same faces, new places, without folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from .nearest import nearest_on_mesh

# How often the way to the surface is looked for anew, and evened out among neighbours each time.
ROUNDS = 3
EVENING_STEPS = 10
# Two faces whose normals differ by more are folded over each other, where they were not before.
FOLD = np.cos(np.radians(100))
UNFOLDING_ROUNDS = 60
# How many edges round a fold give way.
RINGS = 2


def carried(
    vertices: ArrayLike, faces: NDArray[np.integer], target: ArrayLike, target_faces: ArrayLike
) -> NDArray[np.float64]:
    """The vertices (V, 3) of a mesh moved onto the surface of another one.

    Neighbours move alike, so that triangles keep their order; where they would still fold over
    each other, vertices leave the surface a little. faces: (F, 3) of the mesh; target,
    target_faces: of the other.
    """
    places = np.array(vertices, dtype=np.float64)
    neighbours = _neighbours(len(places), faces)
    for last in (False,) * (ROUNDS - 1) + (True,):
        move = nearest_on_mesh(places, target, target_faces).places - places
        if not last:
            for _ in range(EVENING_STEPS):
                move = (move + neighbours @ move) / 2
        places += move
    return unfolded(places, faces, neighbours)


def unfolded(
    places: NDArray[np.float64], faces: NDArray[np.integer], neighbours: csr_matrix
) -> NDArray[np.float64]:
    """Vertices (V, 3), of which those round folds are drawn to the middle of their neighbours."""
    pairs = _pairs(faces)
    if not len(pairs):
        return places
    for _ in range(UNFOLDING_ROUNDS):
        folded = pairs[cosines(places, faces, pairs) < FOLD]
        if not len(folded):
            break
        mark = np.zeros(len(places))
        mark[faces[folded].ravel()] = 1
        for _ in range(RINGS - 1):
            mark = np.maximum(mark, neighbours @ mark > 0)
        near = mark > 0
        places = np.where(near[:, None], (places + neighbours @ places) / 2, places)
    return places


def cosines(
    places: NDArray[np.floating], faces: NDArray[np.integer], pairs: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The cosine between the normals of each pair (N, 2) of faces; 1 for faces without area."""
    corners = np.asarray(places, dtype=np.float64)[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    first, second = pairs.T
    product = lengths[first] * lengths[second]
    dots = np.einsum("ni,ni->n", normals[first], normals[second])
    return np.where(product > 0, dots / np.maximum(product, 1e-300), 1.0)


def _pairs(faces: NDArray[np.integer]) -> NDArray[np.int64]:
    """The faces (N, 2) on both sides of each edge that has two."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1).astype(np.int64)
    keys = edges[:, 0] << 32 | edges[:, 1]
    order = np.argsort(keys, kind="stable")
    _, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    starts = starts[counts == 2]
    return np.stack([order[starts], order[starts + 1]], axis=1) // 3


def _neighbours(count: int, faces: NDArray[np.integer]) -> csr_matrix:
    """The matrix (V, V) that takes the mean of each vertex's neighbours."""
    start = faces[:, [0, 1, 2, 1, 2, 0]].ravel()
    end = faces[:, [1, 2, 0, 0, 1, 2]].ravel()
    matrix = csr_matrix((np.ones(len(start)), (start, end)), shape=(count, count))
    matrix.data[:] = 1
    sums = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1)
    matrix.data /= np.repeat(sums, np.diff(matrix.indptr))
    return matrix
