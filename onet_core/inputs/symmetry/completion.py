"""Holes of a scan, filled from its mirror image.

Most things that people make have a left and a right. Where a scan's mirror image has points and the
scan has none, either the scan has a hole there or the thing differs: a mug has one handle. Around a
hole the scanned surface ends; around the place where the second handle would be it goes on. So a
group of mirrored points is taken only where it goes on with what ends: the points around it come
nearer to the middle of their neighbours by it. A sheet ends everywhere, so that half a desk may
go on too: a group is also to lie where the network that reads the scan thinks there may be more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..frame import Frame
from ..observation import Observation
from .planes import MirrorPlane, find_mirror_planes

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LIKENESS = 1.15
"""How far matched mirrored points may lie from the cloud, in its own distances between points."""

MATCHED = 0.7
"""The least share of the mirrored points that lie on the cloud."""

BEHIND = 0.1
"""How much less of the cloud a plane may match than the best one does: what is symmetric to one
plane, whole, is often nearly so to another."""

GAIN = 0.02
"""How much nearer the points around a group have to come to the middle of their neighbours, in the
distance of the farthest: on a straight end they are off by 0.42."""

POSSIBLE, BELIEVED = 0.05, 0.02
"""What probability the network has to give how many of a group's points, as a share: it learned
from clouds that lack something, and knows well where nothing is. These six:
training/results/completion.md."""

FEWEST_POINTS = 1_000
"""Fewer points say too little of where a surface ends: see there."""

_LOOKED_AT = 8_000
"""Holes are looked for among that many points; all points of the mirror image then fill them."""

_FEWEST = 8
_NEIGHBOURS = 6
_AWAY, _LINK, _RING = 1.25, 1.5, 3.0
"""Mirrored points this many times the distance to the sixth neighbour from the cloud are away from
it; of those, such as are nearer to each other belong to one group; the cloud's points so near to a
group are around it."""

_AROUND = 16


Believes = Callable[[FloatArray], FloatArray]
"""What probability of lying inside a network gives places (M, 3) in a cloud's frame, (M,), having
read the cloud as it is."""


class Filling(NamedTuple):
    """Points of a cloud's mirror image that fill its holes.

    points: (M, 3).
    of: (M,) the numbers of the points whose images they are.
    plane: that they are mirrored at.
    """

    points: FloatArray
    of: IntArray
    plane: MirrorPlane


def completed(observation: Observation, believes: Believes) -> Observation | None:
    """A cloud whose holes are filled from its mirror images, in a frame that holds all of it.

    believes: asked only where the mirror image would go on with what ends. None where the cloud is
    not symmetric or nothing is missing. Stated normals are mirrored with the points.
    """
    points, normals = observation.data.astype(np.float64), observation.normals
    if len(points) < FEWEST_POINTS:
        return None
    whole = _Thinned(_thin(points))
    thin: _Thinned | None = whole
    for plane in _mirror_planes(whole):
        thin = thin or _Thinned(_thin(points))
        found = _filling(points, thin, plane, believes)
        if found is None:
            continue
        points, thin = np.concatenate([points, found.points]), None
        if normals is not None:
            flipped = plane._replace(offset=0.0).mirrored(normals.directions[found.of])
            normals = replace(normals, directions=np.concatenate([normals.directions, flipped]))
    if len(points) == len(observation.data):
        return None
    own = Frame.of_points(points, "y")
    if normals is not None:
        normals = normals.turned(np.eye(3), 1 / own.scale)
    return replace(
        observation,
        data=own.to_network(points).astype(np.float32),
        frame=Frame(observation.frame.matrix @ own.matrix),
        normals=normals,
    )


def mirror_planes(points: FloatArray) -> list[MirrorPlane]:
    """The planes that a cloud (N, 3), y up, is symmetric to, but for parts that may be missing."""
    return _mirror_planes(_Thinned(_thin(points))) if len(points) >= FEWEST_POINTS else []


def _mirror_planes(cloud: _Thinned) -> list[MirrorPlane]:
    """As `mirror_planes`. Planes under which nothing is missing are roughly fitted."""

    def is_good(plane: MirrorPlane) -> bool:
        # The first saves the question for most planes: of what matches less, much is missing.
        return plane.matched > 1 - BEHIND and not _holes(cloud, plane)

    planes = find_mirror_planes(cloud.points, is_good)
    most = max((plane.matched for plane in planes), default=0.0)
    return [
        plane
        for plane in planes
        if plane.matched >= max(MATCHED, most - BEHIND) and plane.likeness <= LIKENESS
    ]


def fill_holes(points: ArrayLike, plane: MirrorPlane, believes: Believes) -> Filling | None:
    """What fills the holes of a cloud (N, 3) from its image in a plane; None for nothing."""
    cloud = np.asarray(points, dtype=np.float64)
    return _filling(cloud, _Thinned(_thin(cloud)), plane, believes)


class _Thinned:
    """Points (N, 3) of a cloud, a tree of them, and how far apart they typically are."""

    def __init__(self, points: FloatArray) -> None:
        self.points, self.tree = points, cKDTree(points)
        self.typical = float(np.median(_spacing(points, self.tree)))


def believed(group: FloatArray, believes: Believes) -> float:
    """The share of a group (M, 3) where the network thinks that something may be."""
    return float((believes(group) > POSSIBLE).mean())


def _filling(
    cloud: FloatArray, thin: _Thinned, plane: MirrorPlane, believes: Believes
) -> Filling | None:
    """As `fill_holes`; thin: enough of the cloud to see holes by."""
    holes = [
        group
        for group, gain in _groups_of(thin, plane)
        if gain >= GAIN and believed(group, believes) >= BELIEVED
    ]
    if not holes:
        return None
    image = plane.mirrored(cloud)
    reach = _LINK * thin.typical
    near = cKDTree(np.concatenate(holes)).query(image, distance_upper_bound=reach)[0]
    of = np.flatnonzero(np.isfinite(near))
    # Points on surfaces: twice as far apart where there are a quarter as many.
    spacing = thin.typical * np.sqrt(len(thin.points) / len(cloud))
    of = of[_is_away(image[of], cloud, cKDTree(cloud), spacing)]
    return Filling(image[of], of, plane) if len(of) else None


def groups_of(cloud: FloatArray, plane: MirrorPlane) -> list[tuple[FloatArray, float]]:
    """Groups (M, 3) of the image of a cloud (N, 3) that lie where it has no points, each with how
    much nearer to the middle of their neighbours the cloud's points around it surely come by it."""
    return _groups_of(_Thinned(cloud), plane)


def _groups_of(cloud: _Thinned, plane: MirrorPlane) -> list[tuple[FloatArray, float]]:
    image = plane.mirrored(cloud.points)
    return [
        (group, _gain(group, image, cloud.points, cloud.tree, cloud.typical))
        for group in _holes(cloud, plane)
    ]


def _holes(cloud: _Thinned, plane: MirrorPlane) -> list[FloatArray]:
    """Groups (M, 3) of the image of a cloud that lie where it has no points."""
    image = plane.mirrored(cloud.points)
    is_away = _is_away(image, cloud.points, cloud.tree, cloud.typical)
    return _groups(image[is_away], cloud.typical)


def _thin(points: FloatArray) -> FloatArray:
    """Enough of the points (N, 3), in their order, to see holes by."""
    some = np.random.default_rng(0).permutation(len(points))[:_LOOKED_AT]
    return points[np.sort(some)]


def _spacing(points: FloatArray, tree: cKDTree) -> FloatArray:
    """(N,) the distance of points (N, 3) of a cloud to their sixth neighbours."""
    return np.asarray(tree.query(points, [_NEIGHBOURS + 1])[0][:, 0])


def _is_away(
    image: FloatArray, cloud: FloatArray, tree: cKDTree, typical: float
) -> NDArray[np.bool_]:
    """Which mirrored points (N, 3) lie where a cloud (M, 3) has none; typical: its spacing."""
    distance, nearest = tree.query(image)
    is_away = distance > _AWAY * typical
    # Where the cloud is thin, points that are farther from each other are no hole.
    own = _spacing(cloud[nearest[is_away]], tree)
    is_away[is_away] = distance[is_away] > _AWAY * own
    return np.asarray(is_away)


def _groups(points: FloatArray, spacing: float) -> list[FloatArray]:
    """Points (N, 3) in groups of those that hang together; small ones are outliers."""
    if len(points) < _FEWEST:
        return []
    pairs = cKDTree(points).query_pairs(_LINK * spacing, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(points),) * 2)
    count, labels = connected_components(graph, directed=False)
    groups = [points[labels == number] for number in range(count)]
    return [group for group in groups if len(group) >= _FEWEST]


def _gain(
    group: FloatArray, image: FloatArray, cloud: FloatArray, tree: cKDTree, spacing: float
) -> float:
    """See `groups_of`; group: (M, 3) of the mirror image (N, 3), spacing: a typical one."""
    near = tree.query_ball_point(group, _RING * spacing)
    around = np.unique(np.concatenate([np.asarray(some, dtype=np.int64) for some in near]))
    if not len(around):
        return 0.0
    beside = cKDTree(group).query(image, distance_upper_bound=_LINK * spacing)[0]
    filled = np.concatenate([cloud, image[np.isfinite(beside)]])
    places = cloud[around]
    before, after = (
        _off_middle(places, some, there)
        for some, there in ((cloud, tree), (filled, cKDTree(filled)))
    )
    gains = before - after
    # Less what few points leave uncertain.
    return float(gains.mean() - gains.std() / np.sqrt(len(gains)))


def _off_middle(places: FloatArray, points: FloatArray, tree: cKDTree) -> FloatArray:
    """How far places (K, 3), which are among the points, are from the middle of their neighbours,
    in the distance of the farthest."""
    distance, neighbours = tree.query(places, min(_AROUND + 1, len(points)))
    middle = points[neighbours[:, 1:]].mean(axis=1)
    return np.asarray(np.linalg.norm(middle - places, axis=1) / (distance[:, -1] + 1e-300))
