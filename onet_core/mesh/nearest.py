"""Which place of a surface is nearest to a point: how well a mesh fits, what colour it gets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from ..errors import InputError
from .mesh import weighted_normals

# A share estimated from this many points is within 1 % of that of all.
COUNTED_POINTS = 20_000
# Each takes some 200 bytes while its area is asked for.
_FACES_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class Nearest:
    """For N points: distances (N,), faces (N,) and closest places (N, 3) of a surface.

    Where nothing is within reach: an infinite distance, face -1, and the point itself.
    """

    distances: NDArray[np.float64]
    faces: NDArray[np.int64]
    places: NDArray[np.float64]


def nearest_on_mesh(
    points: ArrayLike, vertices: ArrayLike, faces: ArrayLike, reach: float = np.inf
) -> Nearest:
    """The exact nearest places of triangles (F, 3) to points (N, 3), up to the distance `reach`.

    Triangles without area are left out.
    """
    import igl

    points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    vertices, faces = np.asarray(vertices, dtype=np.float64), np.asarray(faces, dtype=np.int64)
    usable = np.flatnonzero(_have_area(vertices, faces))
    if not len(usable) or not len(points):
        return Nearest(np.full(len(points), np.inf), np.full(len(points), -1), points.copy())
    squared, nearest, places = igl.point_mesh_squared_distance(points, vertices, faces[usable])
    distances = np.sqrt(squared)
    met = distances < reach
    return Nearest(
        np.where(met, distances, np.inf),
        np.where(met, usable[nearest], -1),
        np.where(met[:, None], places, points),
    )


def _have_area(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(F,) which faces do."""
    found = np.empty(len(faces), dtype=np.bool_)
    for start in range(0, len(faces), _FACES_AT_ONCE):
        some = slice(start, start + _FACES_AT_ONCE)
        found[some] = np.linalg.norm(weighted_normals(vertices, faces[some]), axis=0) > 0
    return found


def barycentric(corners: NDArray[np.floating], places: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much each corner of triangles (N, 3, 3) counts at places (N, 3) in their planes, (N, 3).

    The triangles have an area.
    """
    corners = np.asarray(corners, dtype=np.float64)
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    away = places - corners[:, 0]

    def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.einsum("nk,nk->n", a, b)

    square_one, square_other, both = dot(one, one), dot(other, other), dot(one, other)
    along_one, along_other = dot(away, one), dot(away, other)
    area = square_one * square_other - both * both
    second = (square_other * along_one - both * along_other) / area
    third = (square_one * along_other - both * along_one) / area
    return np.stack([1 - second - third, second, third], axis=1)


def share_near(points: ArrayLike, vertices: ArrayLike, faces: ArrayLike, reach: float) -> float:
    """Which share (0 to 1) of the points (N, 3) lies within `reach` of the triangles (F, 3).

    Of more than 20,000 points it looks at that many, the same each time.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) > COUNTED_POINTS:
        points = points[np.random.default_rng(0).choice(len(points), COUNTED_POINTS, replace=False)]
    # Half a float32 step further, so that a point on the limit counts.
    reach *= 1 + 1e-7
    vertices, faces = np.asarray(vertices, dtype=np.float64), np.asarray(faces, dtype=np.int64)
    faces = faces[_have_area(vertices, faces)]
    if not len(faces) or not len(points):
        return 0.0
    # Most points lie near a vertex; the others ask for the faces around them.
    is_used = np.zeros(len(vertices), dtype=np.bool_)
    is_used[faces] = True
    to_vertex = cKDTree(vertices[is_used]).query(points, distance_upper_bound=reach)[0]
    others = points[np.isinf(to_vertex)]
    if not len(others):
        return 1.0
    steps = (vertices[faces[:, one]] - vertices[faces[:, one - 1]] for one in range(3))
    longest = np.sqrt(max(np.einsum("fk,fk->f", step, step).max() for step in steps))
    away = cKDTree(others).query(vertices, distance_upper_bound=reach + longest)[0]
    around = np.isfinite(away)[faces].any(axis=1)
    missed = nearest_on_mesh(others, vertices, faces[around], reach).faces < 0
    return float((len(points) - np.count_nonzero(missed)) / len(points))


def colours_from_points(
    places: ArrayLike, points: ArrayLike, colours: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """For each place (M, 3) the colour (M, 3) of the nearest of the points (N, 3)."""
    if len(colours) != len(np.asarray(points)):
        raise InputError("There must be one colour for each point.")
    _, nearest = cKDTree(np.asarray(points, dtype=np.float64)).query(places)
    return colours[nearest]


def colours_from_mesh(
    places: ArrayLike, vertices: ArrayLike, faces: ArrayLike, colours: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """For each place (M, 3) the colour (M, 3) of the nearest spot of a mesh.

    colours: (F, 3, 3), of the corners of each triangle; in between they blend.
    """
    vertices, faces = np.asarray(vertices, dtype=np.float64), np.asarray(faces)
    if colours.shape != (*faces.shape, 3):
        raise InputError("There must be one colour for each corner of each triangle.")
    found = nearest_on_mesh(places, vertices, faces)
    if (found.faces < 0).any():
        raise InputError("The mesh has no triangle with an area, so it has no colours to give.")
    weights = barycentric(vertices[faces[found.faces]], found.places)
    blended = np.einsum("mk,mkc->mc", weights, colours[found.faces].astype(np.float64))
    return np.rint(np.clip(blended, 0, 255)).astype(np.uint8)
