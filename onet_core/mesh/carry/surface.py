"""A surface that a mesh is to go to: which of its places belong to which vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from ..nearest import nearest_on_mesh
from .faces import Numbers, Places, area_normals, of_length_one

# How much the direction counts beside the place, in the size of the shape: the two sides of a thin
# part don't become one.
DIRECTION = 0.1
# Above this cosine a place faces as a vertex does.
ALIKE = 0.3
# Places that are looked at; more cost time and tell little.
MOST_PLACES = 40_000
# Within so many distances between places a vertex goes straight to the plane of its place.
NEAR = 2


@dataclass(frozen=True, eq=False)
class Matches:
    """What V vertices are drawn to.

    moves: (V, 3). weights: (V,), 0 where there is nothing.
    distances: (V,) to the place that is nearest. homeless: (V,), nothing faces as they do.
    """

    moves: Places
    weights: Places
    distances: Places
    homeless: np.ndarray


class Surface:
    """A mesh of vertices (M, 3) and faces. spacing: about how far its places are apart."""

    def __init__(self, vertices: ArrayLike, faces: ArrayLike) -> None:
        self._vertices = np.asarray(vertices, dtype=np.float64)
        self._faces = np.asarray(faces, dtype=np.int64)
        normals = area_normals(self._vertices, self._faces)
        doubled = np.linalg.norm(normals, axis=1)
        some = self._faces[doubled > 0]
        count = len(self._vertices)
        columns = np.repeat(np.arange(len(self._faces)), 3)
        ones = np.ones(len(columns))
        shape = (count, len(self._faces))
        sums = csr_matrix((ones, (self._faces.ravel(), columns)), shape=shape) @ normals
        places = np.concatenate([self._vertices, self._vertices[some].mean(axis=1)])
        normals = of_length_one(np.concatenate([sums, normals[doubled > 0]]))
        if len(places) > MOST_PLACES:
            chosen = np.random.default_rng(0).permutation(len(places))[:MOST_PLACES]
            places, normals = places[chosen], normals[chosen]
        self._places, self._normals = places, normals
        self._both = np.concatenate([places, DIRECTION * normals], axis=1)
        self._tree = cKDTree(self._both)
        self.spacing = float(np.sqrt(doubled.sum() / 2 / len(places)))

    def nearest(self, places: Places) -> tuple[Places, Places]:
        """The nearest places (N, 3) on the faces, and how far they are (N,)."""
        found = nearest_on_mesh(places, self._vertices, self._faces)
        return found.places, found.distances

    def matches(self, places: Places, normals: Places) -> Matches:
        """What vertices at (V, 3) with these normals are drawn to.

        Each goes to the place that is nearest and faces alike; and to the middle of all places to
        which it is the nearest vertex, by which parts grow and vertices spread out evenly.
        """
        both = np.concatenate([places, DIRECTION * normals], axis=1)
        _, found = self._tree.query(both)
        met, faced = self._places[found], self._normals[found]
        way = met - places
        distances = np.linalg.norm(way, axis=1)
        straight = faced * np.einsum("ni,ni->n", way, faced)[:, None]
        there = np.where((distances < NEAR * self.spacing)[:, None], straight, way)
        alike = np.einsum("ni,ni->n", normals, faced) > ALIKE

        _, owners = cKDTree(both).query(self._both)
        counts = np.bincount(owners, minlength=len(places))
        sums = [np.bincount(owners, axis, len(places)) for axis in self._places.T]
        back = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None] - places

        weights = alike.astype(np.float64) + (counts > 0)
        moves = there * alike[:, None] + back * (counts > 0)[:, None]
        moves /= np.maximum(weights, 1)[:, None]
        far = np.where(counts > 0, 0.0, distances)
        return Matches(moves, np.minimum(weights, 1), far, weights == 0)


def middles(places: Places, groups: Numbers, count: int) -> Places:
    """The mean places (count, 3) of numbered groups of vertices (N, 3)."""
    sums = np.stack([np.bincount(groups, axis, count) for axis in places.T], axis=1)
    return sums / np.maximum(np.bincount(groups, minlength=count), 1)[:, None]
