"""Which faces and vertices of a mesh are neighbours, and which faces are folded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Places = NDArray[np.float64]
Numbers = NDArray[np.int64]

# Two faces whose normals differ by more are folded over each other.
FOLD = float(np.cos(np.radians(118)))
# Of the mean face: what has less area has hardly a direction.
LEAST_AREA = 1e-5


class Faces:
    """The faces (F, 3) of a mesh whose V vertices move.

    neighbours: the matrix (V, V) that takes the mean of each vertex's neighbours.
    joined: the same with ones. degrees: (V,), how many neighbours there are, at least 1.
    pairs: the faces (N, 2) on both sides of each edge that has two.
    corners: (N, 6), the vertices of each pair.
    """

    def __init__(self, places: Places, faces: NDArray[np.integer]) -> None:
        self.faces = np.asarray(faces, dtype=np.int64)
        count = len(places)
        start = self.faces[:, [0, 1, 2, 1, 2, 0]].ravel()
        end = self.faces[:, [1, 2, 0, 0, 1, 2]].ravel()
        self.joined = csr_matrix((np.ones(len(start)), (start, end)), shape=(count, count))
        self.joined.data[:] = 1
        self.degrees = np.maximum(np.asarray(self.joined.sum(axis=1)).ravel(), 1)
        self.neighbours = self.joined.copy()
        self.neighbours.data /= np.repeat(self.degrees, np.diff(self.joined.indptr))
        self.pairs = face_pairs(self.faces)
        self.corners = self.faces[self.pairs].reshape(len(self.pairs), 6)
        self._pairs_of = _incidence(count, self.corners)
        self._faces_of = _incidence(count, self.faces)
        doubled = np.linalg.norm(area_normals(places, self.faces), axis=1)
        self._least = LEAST_AREA * float(doubled.mean()) if len(doubled) else 0.0

    def normals(self, places: Places) -> Places:
        """Those of the vertices, (V, 3), of length 1 or 0."""
        return of_length_one(self._faces_of @ area_normals(places, self.faces))

    def folded(
        self, all_places: Sequence[Places], of: Numbers | None = None, fold: float = FOLD
    ) -> Numbers:
        """The numbers (n,) of the pairs that are folded with one of several places (V, 3).

        Pairs with a face of hardly any area count too. of: looks at these pairs only.
        """
        pairs = self.pairs if of is None else self.pairs[of]
        used, numbers = np.unique(pairs, return_inverse=True)
        first, second = numbers.reshape(-1, 2).T
        bad = np.zeros(len(pairs), dtype=np.bool_)
        for places in all_places:
            normals = area_normals(places, self.faces[used])
            lengths = np.linalg.norm(normals, axis=1)
            normals /= np.maximum(lengths, 1e-300)[:, None]
            bad |= np.einsum("ni,ni->n", normals[first], normals[second]) < fold
            bad |= np.minimum(lengths[first], lengths[second]) < self._least
        return np.flatnonzero(bad) if of is None else of[bad]

    def pairs_at(self, vertices: Numbers) -> Numbers:
        """The numbers of the pairs that one of these vertices is a corner of."""
        return np.unique(self._pairs_of[vertices].indices).astype(np.int64)

    def grown(self, vertices: Numbers, rings: int) -> Numbers:
        """The numbers of these vertices and of all within so many edges of them."""
        for _ in range(rings):
            vertices = np.union1d(vertices, self.joined[vertices].indices)
        return vertices.astype(np.int64)


def face_pairs(faces: NDArray[np.integer]) -> Numbers:
    """The faces (N, 2) on both sides of each edge that has two."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1).astype(np.int64)
    keys = edges[:, 0] << 32 | edges[:, 1]
    order = np.argsort(keys, kind="stable")
    _, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    starts = starts[counts == 2]
    return np.stack([order[starts], order[starts + 1]], axis=1).astype(np.int64) // 3


def area_normals(places: Places, faces: NDArray[np.integer]) -> Places:
    """Normals (F, 3) as long as twice the faces' areas."""
    first, second, third = places[faces[:, 0]], places[faces[:, 1]], places[faces[:, 2]]
    return np.cross(second - first, third - first)


def of_length_one(vectors: Places) -> Places:
    """Vectors (N, 3) of the same directions; those without a length stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-300)[:, None]


def _incidence(count: int, corners: Numbers) -> csr_matrix:
    """The matrix (V, N) that has a one where a vertex is among the corners (N, k) of a thing."""
    columns = np.repeat(np.arange(len(corners)), corners.shape[1])
    ones = np.ones(len(columns))
    return csr_matrix((ones, (corners.ravel(), columns)), shape=(count, len(corners)))
