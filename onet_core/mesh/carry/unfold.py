"""Moves of vertices that fold no faces, and a mesh's own folds opened."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .faces import Faces, Numbers, Places

# So often vertices at folds are drawn to the middle of their neighbours before their moves are
# shortened, by half so often, and then taken back.
SMOOTHING_ROUNDS, HALVINGS = 15, 3
# To where a mesh's own folds are opened, and how many edges round them give way, in one search
# after the other.
OPEN = float(np.cos(np.radians(112)))
RINGS = (1, 2, 2, 3, 4, 6, 8)
STEPS_OF_A_SEARCH = 150
# Of a search, in mean lengths of edges: its step, and how much evenness and staying in place count
# beside an open fold. It aims a little beyond `OPEN`.
STEP, EVENNESS, STAYING, BEYOND = 0.05, 0.02, 0.002, 0.08
_LEAST_AREA = 1e-4


class Moved(NamedTuple):
    """The vertices' places (V, 3), and the numbers (n,) of those that did not get where to."""

    places: Places
    held: Numbers


def moved_without_folds(faces: Faces, now: Places, new: Places, before: Places) -> Moved:
    """The vertices (V, 3) moved from `now` as far to `new` as nothing folds, nor halfway to before.

    With `now` nothing is folded, so taking back moves comes to an end. Where moves would fold,
    vertices are first drawn to the middle of their neighbours. Returns them as in single precision.
    """
    made, folded = smoothed(faces, new, before)
    shares, wanted = np.ones(len(now)), made - now
    for round_ in range(len(now)):
        corners = np.unique(faces.corners[folded])
        corners = corners[shares[corners] > 0]
        if not len(corners):
            break
        shares[corners] = shares[corners] / 2 if round_ < HALVINGS else 0
        made[corners] = _single(now[corners] + shares[corners, None] * wanted[corners])
        looked_at = np.union1d(folded, faces.pairs_at(corners))
        folded = faces.folded((made, (made + before) / 2), looked_at)
    return Moved(made, np.flatnonzero(shares < 1))


def smoothed(faces: Faces, new: Places, before: Places) -> tuple[Places, Numbers]:
    """Vertices drawn to the middle of their neighbours at folds; and the pairs still folded."""
    made = _single(new)
    folded = faces.folded((made, (made + before) / 2))
    for _ in range(SMOOTHING_ROUNDS):
        if not len(folded):
            break
        near = faces.grown(np.unique(faces.corners[folded]), 1)
        made[near] = _single((made[near] + faces.neighbours[near] @ made) / 2)
        # Elsewhere nothing has moved.
        looked_at = np.union1d(folded, faces.pairs_at(near))
        folded = faces.folded((made, (made + before) / 2), looked_at)
    return made, folded


def opened(faces: Faces, places: Places, before: Places | None = None) -> Places:
    """The vertices (V, 3) with those at folds moved, as little as it takes to open them.

    before: also the folds halfway from these places (V, 3) are opened.
    """
    for rings in RINGS:
        shown = _single(places)
        shapes = [shown] if before is None else [shown, (shown + before) / 2]
        folded = faces.folded(shapes, fold=OPEN)
        if not len(folded):
            return places
        places = _searched(faces, places, before, folded, rings)
    # What is left are faces without area.
    made, _ = smoothed(faces, places, places if before is None else before)
    return made


def _searched(
    faces: Faces, places: Places, before: Places | None, folded: Numbers, rings: int
) -> Places:
    """The vertices (V, 3) after one search for places without folds, by their gradient."""
    free = faces.grown(np.unique(faces.corners[folded]), rings)
    near = faces.pairs_at(free)
    known = np.union1d(faces.corners[near].ravel(), faces.grown(free, 1))
    sides = places[faces.corners[near][:, 0]] - places[faces.corners[near][:, 1]]
    length = max(float(np.linalg.norm(sides, axis=1).mean()), 1e-12)

    middle = places[known].mean(axis=0)
    fixed = torch.as_tensor((places[known] - middle) / length)
    came = None if before is None else torch.as_tensor((before[known] - middle) / length)
    used, pairs = np.unique(faces.pairs[near], return_inverse=True)
    one, other = torch.as_tensor(pairs.reshape(-1, 2).T.copy())
    triangles = torch.as_tensor(np.searchsorted(known, faces.faces[used]))
    at = torch.as_tensor(np.searchsorted(known, free))
    mean = faces.neighbours[free].tocoo()
    rows = torch.as_tensor(mean.row.astype(np.int64))
    columns = torch.as_tensor(np.searchsorted(known, mean.col))
    weights = torch.as_tensor(mean.data)[:, None]

    first = fixed[at]
    moved = first.clone().requires_grad_()
    best, fewest = first, len(faces.pairs) + 1
    search = torch.optim.Adam([moved], lr=STEP)
    for _ in range(STEPS_OF_A_SEARCH):
        now = fixed.index_copy(0, at, moved)
        cosines = _cosines(now, triangles, one, other)
        if came is not None:
            halfway = _cosines((now + came) / 2, triangles, one, other)
            cosines = torch.cat([cosines, halfway])
        left = int((cosines < OPEN).sum())
        if left < fewest:
            best, fewest = moved.detach().clone(), left
        if not left:
            break
        middles = torch.zeros_like(moved).index_add(0, rows, weights * now[columns])
        energy = (
            torch.relu(OPEN + BEYOND - cosines).sum()
            + EVENNESS * (middles - moved).square().sum()
            + STAYING * (moved - first).square().sum()
        )
        search.zero_grad()
        energy.backward()
        search.step()
    made = places.copy()
    made[free] += (best - first).numpy() * length
    return made


def _cosines(places: Tensor, triangles: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """The cosines (N,) between the normals of pairs of faces; places in lengths of edges."""
    corners = places[triangles]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = normals / (normals.norm(dim=1, keepdim=True) + _LEAST_AREA)
    return (normals[one] * normals[other]).sum(dim=1)


def _single(places: Places) -> Places:
    """As single precision keeps them, in which they are shown."""
    return places.astype(np.float32).astype(np.float64)
