"""Random points: on a surface, and in the box of the queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .normalise import Triangles

# The original's box of labelled points: the unit cube and a twentieth on either side.
BOX_EDGE = 1.1


@dataclass(frozen=True, eq=False)
class SurfaceSamples:
    """Points on a surface.

    points: (N, 3).
    normals: (N, 3), of the faces that the points lie on.
    """

    points: NDArray[np.float64]
    normals: NDArray[np.float64]

    def __getitem__(self, chosen: NDArray[np.bool_] | slice) -> SurfaceSamples:
        return SurfaceSamples(self.points[chosen], self.normals[chosen])

    def __len__(self) -> int:
        return len(self.points)


def sample_surface(triangles: Triangles, count: int, rng: np.random.Generator) -> SurfaceSamples:
    """Points spread evenly over the area of the faces."""
    vectors = triangles.vector_areas()
    areas = np.linalg.norm(vectors, axis=1)
    bounds = np.cumsum(areas)
    chosen = np.searchsorted(bounds, rng.random(count) * bounds[-1]).clip(0, len(areas) - 1)
    # The square root makes the points even within a triangle.
    across, along = rng.random((2, count, 1))
    across = np.sqrt(across)
    corners = triangles.vertices[triangles.faces[chosen]]
    points = (
        corners[:, 0] * (1 - across)
        + corners[:, 1] * across * (1 - along)
        + corners[:, 2] * across * along
    )
    return SurfaceSamples(points, vectors[chosen] / areas[chosen, None])


def sample_box(count: int, rng: np.random.Generator) -> NDArray[np.float16]:
    """Points (N, 3) even in the box of the queries, in the precision they are stored in."""
    return (BOX_EDGE * (rng.random((count, 3)) - 0.5)).astype(np.float16)
