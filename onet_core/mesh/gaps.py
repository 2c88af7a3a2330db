"""The parts of a surface that lie where a scan has no points."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .mesh import Mesh
from .normals import face_based_normals
from .parts import without_flakes, without_specks

COUNTED = 8
"""Neighbours that a point's spacing is measured by."""

_LEAST_SHARE = 1e-3
"""Of an edge, that stays beside a cut."""

_SPECK = 4.0
"""Pieces of fewer spacings are scraps of a border."""

_OFF, _SCRAP = 0.5, 12
"""The sine of how far what goes on beyond the points may lean off their planes, 30 degrees, and the
fewest points of a piece."""


def spacing_of(points: NDArray[np.floating], tree: cKDTree) -> NDArray[np.float64]:
    """(N,) edge of the square that each point has for itself on the surface, about."""
    count = min(COUNTED, len(points) - 1)
    distances, _ = tree.query(points, count + 1, workers=torch.get_num_threads())
    return spacing_by(distances)


def spacing_by(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) as `spacing_of`, by the distances (N, 1 + K) from each point to itself and the next."""
    count = distances.shape[1] - 1
    return np.asarray(distances[:, -1] * np.sqrt(np.pi / count) + 1e-9)


def faces_in_gaps(
    mesh: Mesh,
    points: NDArray[np.floating],
    spacings: float,
    spacing: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """(F,) which faces lie farther from all points (N, 3) than so many of the points' spacings.

    spacing: (N,) of the points, where it is known.
    """
    tree = cKDTree(points)
    spacing = spacing_of(points, tree) if spacing is None else spacing
    distances, nearest = tree.query(mesh.vertices[mesh.faces].mean(axis=1))
    return np.asarray(distances > spacings * spacing[nearest])


def with_gaps(mesh: Mesh, points: NDArray[np.floating], spacings: float) -> Mesh:
    """The vertices and faces of a mesh that lie no farther than so many of the points' spacings
    from one of the points (N, 3); faces across that border are cut there.

    It has no faces left where all of them are that far away.
    """
    tree = cKDTree(points)
    spacing = spacing_of(points, tree)
    distances, nearest = tree.query(mesh.vertices)
    kept = _cut(mesh, distances - spacings * spacing[nearest])
    return without_specks(kept, _SPECK * float(np.median(spacing)))


def without_folds(
    mesh: Mesh,
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    spacing: NDArray[np.float64],
) -> Mesh:
    """The part of a mesh that goes on as the points do, or lies at them.

    What closes an open scan folds over at its borders, off the planes of the points (N, 3) with
    normals (N, 3), and comes back behind them. Within a spacing (N,) it may be the other side of a
    thin board.
    """
    distances, nearest = cKDTree(points).query(mesh.vertices)
    ways = face_based_normals(mesh.vertices, mesh.faces)
    turned = -np.einsum("vi,vi->v", ways, normals[nearest])
    away = np.einsum("vi,vi->v", mesh.vertices - points[nearest], normals[nearest])
    off = np.abs(away) / (distances + 1e-12) - _OFF
    kept = _cut(mesh, np.minimum(distances / spacing[nearest] - 1, np.maximum(turned, off)))
    return without_flakes(kept, points, _SCRAP)


def _cut(mesh: Mesh, values: NDArray[np.float64]) -> Mesh:
    """The part of a mesh where values (V,), even along its edges, are below 0."""
    is_in = values < 0
    corners = is_in[mesh.faces].sum(axis=1)
    crossed = mesh.faces[(corners == 1) | (corners == 2)]
    has_one = is_in[crossed].sum(axis=1) == 1
    # The corner that is alone on its side comes first.
    alone = (is_in[crossed] == has_one[:, None]).argmax(axis=1)
    turn = (alone[:, None] + np.arange(3)) % 3
    first, second, third = np.take_along_axis(crossed, turn, axis=1).T
    pairs = np.sort(np.stack([first, second, first, third], axis=1).reshape(-1, 2), axis=1)
    edges, number = np.unique(pairs, axis=0, return_inverse=True)
    start, stop = values[edges].T
    share = np.clip(start / (start - stop), _LEAST_SHARE, 1 - _LEAST_SHARE)[:, None]
    ends = mesh.vertices[edges]
    between = ends[:, 0] * (1 - share) + ends[:, 1] * share
    on_second, on_third = len(mesh.vertices) + number.reshape(-1, 2).T
    faces = np.concatenate(
        [
            mesh.faces[corners == 3],
            np.stack([first, on_second, on_third], axis=1)[has_one],
            np.stack([on_second, second, third], axis=1)[~has_one],
            np.stack([on_second, third, on_third], axis=1)[~has_one],
        ]
    )
    used, places = np.unique(faces, return_inverse=True)
    vertices = np.concatenate([mesh.vertices, between.astype(mesh.vertices.dtype)])[used]
    return Mesh(vertices, places.reshape(-1, 3).astype(mesh.faces.dtype))
