"""Faces that are folded over their neighbours turned back, by moving the vertices round them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor

# Two faces whose normals differ by more are folded over each other.
FOLD = float(np.cos(np.radians(100)))
# To where they are turned: a little beyond, so that rounding folds nothing anew.
OPEN = float(np.cos(np.radians(95)))
# First vertices near a fold are drawn to the middle of their neighbours, which most folds need.
SMOOTHING_ROUNDS, SMOOTHING_RINGS = 60, 2
# For what is left, how many edges round a fold give way, in one search after the other.
RINGS = (2, 2, 3, 4, 6, 8, 12)
STEPS_OF_A_SEARCH = 150
# Of a search, in mean lengths of edges: its step, and how much evenness and staying in place count
# beside an open fold.
STEP, EVENNESS, STAYING = 0.05, 0.02, 0.002
# Of a mean edge's square: what has less area has hardly a direction.
LEAST_AREA = 1e-4


class Unfolding:
    """What of a mesh's faces (F, 3) is needed to unfold it, for all places of its V vertices."""

    def __init__(self, count: int, faces: NDArray[np.integer]) -> None:
        self._faces = np.asarray(faces, dtype=np.int64)
        self.neighbours = _neighbours(count, self._faces)
        self._pairs = face_pairs(self._faces)
        self._corners = self._faces[self._pairs].reshape(len(self._pairs), 6)
        # The pairs of faces that each vertex is a corner of.
        columns = np.repeat(np.arange(len(self._pairs)), 6)
        ones = np.ones(len(columns), dtype=np.int8)
        shape = count, len(self._pairs)
        self._pairs_of = csr_matrix((ones, (self._corners.ravel(), columns)), shape=shape)

    def unfolded(
        self, places: NDArray[np.floating], before: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """The vertices (V, 3), of which those near folds are moved, as little as it takes.

        before: where they were, (V, 3): halfway from there they have no folds either. Few folds may
        be left where hardly anything else can give way.
        """
        made = self._smoothed(np.array(places, dtype=np.float64))
        for rings in RINGS:
            folded = self.folded(made)
            if before is not None:
                folded = np.union1d(folded, self.folded((made + before) / 2))
            if not len(folded):
                break
            made = self._searched(made, folded, rings, before)
        return made

    def folded(
        self, places: NDArray[np.floating], of: NDArray[np.integer] | None = None
    ) -> NDArray[np.int64]:
        """The numbers (N,) of pairs of faces, all or these, that are folded in single precision."""
        pairs = self._pairs if of is None else self._pairs[of]
        found = np.flatnonzero(cosines(places.astype(np.float32), self._faces, pairs) < FOLD)
        return found if of is None else np.asarray(of)[found]

    def _smoothed(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        folded = self.folded(places)
        near: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        for _ in range(SMOOTHING_ROUNDS):
            if not len(folded):
                break
            near = self._grown(self._corners[folded].ravel(), SMOOTHING_RINGS - 1)
            places[near] = (places[near] + self.neighbours[near] @ places) / 2
            # Elsewhere nothing has moved.
            looked_at = np.unique(self._pairs_of[near].indices)
            folded = self.folded(places, np.union1d(folded, looked_at))
        return places

    def _grown(self, vertices: NDArray[np.integer], rings: int) -> NDArray[np.int64]:
        """The numbers of these vertices and of all within so many edges of them."""
        found = np.unique(vertices)
        for _ in range(rings):
            found = np.union1d(found, self.neighbours[found].indices)
        return found.astype(np.int64)

    def _searched(
        self,
        places: NDArray[np.float64],
        folded: NDArray[np.int64],
        rings: int,
        before: NDArray[np.float64] | None,
    ) -> NDArray[np.float64]:
        """The vertices (V, 3) after one search for places without folds, by their gradient."""
        free = self._grown(self._corners[folded].ravel(), rings)
        near = np.unique(self._pairs_of[free].indices)
        known = np.union1d(self._corners[near].ravel(), self._grown(free, 1))
        sides = places[self._corners[near][:, 0]] - places[self._corners[near][:, 1]]
        length = max(float(np.linalg.norm(sides, axis=1).mean()), 1e-12)

        # In edges, from the middle on, with numbers among the known vertices.
        middle = places[known].mean(axis=0)
        start = (places[known] - middle) / length
        came = None if before is None else torch.as_tensor((before[known] - middle) / length)
        used, pairs = np.unique(self._pairs[near], return_inverse=True)
        one, other = torch.as_tensor(pairs.reshape(-1, 2).T.copy())
        faces = torch.as_tensor(np.searchsorted(known, self._faces[used]))
        at = torch.as_tensor(np.searchsorted(known, free))
        mean = self.neighbours[free].tocoo()
        rows = torch.as_tensor(mean.row.astype(np.int64))
        columns = torch.as_tensor(np.searchsorted(known, mean.col))
        weights = torch.as_tensor(mean.data)[:, None]

        fixed = torch.as_tensor(start)
        first = fixed[at]
        moved = first.clone().requires_grad_()
        best, fewest = first, 2 * len(folded) + 1
        search = torch.optim.Adam([moved], lr=STEP)
        for _ in range(STEPS_OF_A_SEARCH):
            now = fixed.index_copy(0, at, moved)
            cosine = _cosines_of(now, faces, one, other)
            if came is not None:
                cosine = torch.cat([cosine, _cosines_of((now + came) / 2, faces, one, other)])
            left = int((cosine < FOLD).sum())
            if left < fewest:
                best, fewest = moved.detach().clone(), left
            if not left:
                break
            middles = torch.zeros_like(moved).index_add(0, rows, weights * now[columns])
            energy = (
                torch.relu(OPEN - cosine).sum()
                + EVENNESS * (middles - moved).square().sum()
                + STAYING * (moved - first).square().sum()
            )
            search.zero_grad()
            energy.backward()
            search.step()
        made = places.copy()
        made[free] += (best - first).numpy() * length
        return made


def _cosines_of(places: Tensor, faces: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """As `cosines`, for a search: of places in lengths of edges, (N,)."""
    corners = places[faces]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = normals / (normals.norm(dim=1, keepdim=True) + LEAST_AREA)
    return (normals[one] * normals[other]).sum(dim=1)


def cosines(
    places: NDArray[np.floating], faces: NDArray[np.integer], pairs: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The cosine between the normals of each pair (N, 2) of faces; 1 for faces without area."""
    used, numbers = np.unique(pairs, return_inverse=True)
    corners = np.asarray(places, dtype=np.float64)[faces[used]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    first, second = numbers.reshape(-1, 2).T
    product = lengths[first] * lengths[second]
    dots = np.einsum("ni,ni->n", normals[first], normals[second])
    return np.where(product > 0, dots / np.maximum(product, 1e-300), 1.0)


def face_pairs(faces: NDArray[np.integer]) -> NDArray[np.int64]:
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
