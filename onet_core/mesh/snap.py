"""A mesh drawn to the points that it was made from, to which the network only comes close.

The distances of the points from the surface are averaged over the neighbouring ones and the surface
is moved along its normals by that. Only distances are averaged, not the points themselves, so edges
and thin rods are not rounded off.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from .folds import FoldGuard
from .mesh import Mesh
from .nearest import barycentric, nearest_on_mesh
from .normals import face_based_normals

MOST_NEIGHBOURS = 200
# Pairs of a vertex and a point that are looked at together: they fit into a processor's cache.
_PAIRS_AT_ONCE = 1 << 17


class Pull(NamedTuple):
    """How points pull vertices; chosen for each model, see `models.steps`.

    within: the distance from the surface at which a point counts a quarter; beyond twice of it it
        does not count, and a vertex moves by about a third of it at most.
    neighbours: how many points a vertex follows.
    radius: how far away they are, about.
    staying: the weight, in points, for staying.
    noise_left: deviation of the noise that may be left; of noisier points a vertex follows more.
    """

    within: float
    neighbours: int
    radius: float
    staying: float
    noise_left: float


def snap(mesh: Mesh, points: ArrayLike, pull: Pull, noise: float = 0.0) -> Mesh:
    """A closed mesh drawn to a cloud; faces and colours stay, normals are dropped.

    points: (N, 3) in the mesh's frame, the network's; their noise is averaged away, and parts of
    the mesh that have no points near by stay. noise: the points' deviation from what they were
    scanned from. No face flips or loses its area. Vertices come back as float64.
    """
    vertices = np.array(mesh.vertices, dtype=np.float64)
    normals = face_based_normals(vertices, mesh.faces)
    places, directions, distances = _offsets(vertices, mesh.faces, normals, points, 2 * pull.within)
    if not len(places):
        return mesh
    believed = (1 + (distances / pull.within) ** 2) ** -2.0
    tree = cKDTree(places)
    wanted = max(pull.neighbours, int((noise / pull.noise_left) ** 2))
    neighbours = min(wanted, MOST_NEIGHBOURS)
    nearest = list(range(1, 1 + min(neighbours, len(places))))
    snapped = vertices.copy()
    at_once = _PAIRS_AT_ONCE // len(nearest)
    for start in range(0, len(vertices), at_once):
        some = slice(start, start + at_once)
        away, chosen = tree.query(vertices[some], nearest)
        # Points on the other side of a thin sheet say nothing of this one.
        toward = directions.take(chosen, axis=0)
        agreement = np.einsum("vnk,vk->vn", toward, normals[some]).clip(min=0) ** 2
        weights = believed[chosen] * agreement * np.exp(-((away / pull.radius) ** 2))
        moves = (weights * distances[chosen]).sum(axis=1) / (weights.sum(axis=1) + pull.staying)
        snapped[some] += moves[:, None] * normals[some]
    before, after = torch.from_numpy(vertices), torch.from_numpy(snapped)
    faces = torch.from_numpy(np.asarray(mesh.faces, dtype=np.int64))
    moved = FoldGuard(before, faces).without_folds(before, after)
    return Mesh(moved.numpy(), mesh.faces, colours=mesh.colours)


def _offsets(
    vertices: NDArray[np.float64],
    faces: NDArray[np.integer],
    normals: NDArray[np.float64],
    points: ArrayLike,
    reach: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of the points within reach: the nearest places (P, 3) of the surface, its normals there
    (P, 3), and how far outside of it the points are, (P,)."""
    points = np.asarray(points, dtype=np.float64)
    found = nearest_on_mesh(points, vertices, faces, reach)
    near = found.faces >= 0
    corners, places = faces[found.faces[near]], found.places[near]
    weights = barycentric(vertices[corners], places)
    directions = np.einsum("pk,pkc->pc", weights, normals[corners])
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    directions = np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0)
    return places, directions, np.einsum("pc,pc->p", points[near] - places, directions)
