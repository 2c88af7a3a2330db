"""The parts of a surface that lie where a scan has no points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .mesh import Mesh
from .parts import without_specks

COUNTED = 8
"""Neighbours that a point's spacing is measured by."""

_SPECK = 4.0
"""Pieces of fewer spacings are scraps of a border."""


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
    """The mesh without its faces in gaps, see `faces_in_gaps`; it is open there.

    It has no faces left where all of them are that far away.
    """
    spacing = spacing_of(points, cKDTree(points))
    kept = mesh.faces[~faces_in_gaps(mesh, points, spacings, spacing)]
    used = np.unique(kept)
    places = np.zeros(len(mesh.vertices), dtype=mesh.faces.dtype)
    places[used] = np.arange(len(used))
    part = replace(
        mesh,
        vertices=mesh.vertices[used],
        faces=places[kept],
        normals=None if mesh.normals is None else mesh.normals[used],
        colours=None if mesh.colours is None else mesh.colours[used],
    )
    return without_specks(part, _SPECK * float(np.median(spacing)))
