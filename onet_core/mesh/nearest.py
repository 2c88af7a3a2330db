"""Which place of a surface is nearest to a point: how well a mesh fits, what colour it gets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from ..errors import InputError

# Pairs of a point and a triangle that are looked at together: some 100 MB.
_MOST_PAIRS = 250_000
_POINTS_AT_ONCE = 1_000
# A share estimated from this many points is within 1 % of that of all.
COUNTED_POINTS = 20_000


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

    Triangles without area are left out. A triangle can only be nearest if its centre is no further
    than the best distance known plus its radius; that is asked for one class of sizes at a time, so
    that one large triangle does not widen the search among the small.
    """
    points = np.asarray(points, dtype=np.float64)
    corners = np.asarray(vertices, dtype=np.float64)[np.asarray(faces)]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    usable = np.flatnonzero(area > 0)
    found = Nearest(
        np.full(len(points), reach), np.full(len(points), -1, dtype=np.int64), points.copy()
    )
    if len(usable) and len(points):
        centres = corners[usable].mean(axis=1)
        radii = np.linalg.norm(corners[usable] - centres[:, None], axis=2).max(axis=1)
        _, guess = cKDTree(centres).query(points)
        _improve(found, points, corners, np.arange(len(points)), usable[guess])
        sizes = np.floor(np.log2(radii))
        for size in np.unique(sizes):
            chosen = sizes == size
            _search(found, points, corners, usable[chosen], centres[chosen], radii[chosen].max())
    found.distances[found.faces < 0] = np.inf
    return found


def _search(
    found: Nearest,
    points: NDArray[np.float64],
    corners: NDArray[np.float64],
    faces: NDArray[np.int64],
    centres: NDArray[np.float64],
    radius: float,
) -> None:
    """Looks for nearer triangles among those of about one size."""
    tree = cKDTree(centres)
    for start in range(0, len(points), _POINTS_AT_ONCE):
        some = np.arange(start, min(start + _POINTS_AT_ONCE, len(points)))
        balls = tree.query_ball_point(points[some], found.distances[some] + radius)
        counts = np.array([len(ball) for ball in balls])
        asked = np.repeat(some, counts)
        if not len(asked):
            continue
        candidates = faces[np.concatenate([ball for ball in balls if ball]).astype(np.int64)]
        for first in range(0, len(asked), _MOST_PAIRS):
            part = slice(first, first + _MOST_PAIRS)
            _improve(found, points, corners, asked[part], candidates[part])


def _improve(
    found: Nearest,
    points: NDArray[np.float64],
    corners: NDArray[np.float64],
    asked: NDArray[np.int64],
    faces: NDArray[np.int64],
) -> None:
    """Takes over what is nearer; asked, faces: pairs (P,) of a point and a triangle."""
    from trimesh.triangles import closest_point

    places = closest_point(corners[faces], points[asked])
    distances = np.linalg.norm(places - points[asked], axis=1)
    # The nearest first of each point.
    order = np.lexsort((distances, asked))
    first = order[np.unique(asked[order], return_index=True)[1]]
    first = first[distances[first] < found.distances[asked[first]]]
    found.distances[asked[first]] = distances[first]
    found.faces[asked[first]] = faces[first]
    found.places[asked[first]] = places[first]


def share_near(points: ArrayLike, vertices: ArrayLike, faces: ArrayLike, reach: float) -> float:
    """Which share (0 to 1) of the points (N, 3) lies within `reach` of the triangles (F, 3).

    Of more than 20,000 points it looks at that many, the same each time.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) > COUNTED_POINTS:
        points = points[np.random.default_rng(0).choice(len(points), COUNTED_POINTS, replace=False)]
    # Half a float32 step further, so that a point on the limit counts.
    found = nearest_on_mesh(points, vertices, faces, reach * (1 + 1e-7))
    return float(np.mean(found.faces >= 0))


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
    from trimesh.triangles import points_to_barycentric

    vertices, faces = np.asarray(vertices, dtype=np.float64), np.asarray(faces)
    if colours.shape != (*faces.shape, 3):
        raise InputError("There must be one colour for each corner of each triangle.")
    found = nearest_on_mesh(places, vertices, faces)
    if (found.faces < 0).any():
        raise InputError("The mesh has no triangle with an area, so it has no colours to give.")
    weights = points_to_barycentric(vertices[faces[found.faces]], found.places)
    blended = np.einsum("mk,mkc->mc", weights, colours[found.faces].astype(np.float64))
    return np.rint(np.clip(blended, 0, 255)).astype(np.uint8)
