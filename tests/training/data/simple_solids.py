"""Simple solids to build datasets from."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from training.data.build.normalise import Triangles, make_triangles
from training.data.build.sampling import sample_box


def triangles(mesh: trimesh.Trimesh) -> Triangles:
    return make_triangles(mesh.vertices, mesh.faces)


def ball(radius: float = 0.5) -> Triangles:
    return triangles(trimesh.creation.icosphere(subdivisions=4, radius=radius))


def box(*edges: float) -> trimesh.Trimesh:
    return trimesh.creation.box(edges)


def points(count: int = 50_000) -> NDArray[np.float64]:
    return sample_box(count, np.random.default_rng(5)).astype(np.float64)


def rng() -> np.random.Generator:
    return np.random.default_rng(1)
