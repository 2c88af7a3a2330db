"""Upright mirror planes of point clouds: most things that people make have a left and a right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from .simplex import minimum

FEWEST_POINTS = 50
# The axes of the frame are taken where they are about as good as the best plane.
_AXES_BONUS = 1.03
_DIRECTIONS = 24
_OFFSETS = 5
"""How many planes of a direction are tried between the cloud's ends, at first."""

_MIDDLE, _FINE = (0.2, 0.8), 30
"""Between which quantiles of the points, and in at most how many steps, planes are tried then in
the best directions."""

_SEARCHED_POINTS, _FITTED_POINTS, _JUDGED_POINTS = 150, 400, 1500
_TRIED = 4
_FEWEST_PAIRS = 30
_FITS, _SETTLING, _WORTH_SETTLING = 8, 40, 0.5
_STRAY = 4.0
_SAME = 0.97
"""Planes whose normals have a cosine of more are one."""

_MATCHED = 3.0
"""Mirrored points nearer to the cloud than this, in the distance between its points, lie on it. How
much farther others are says nothing: a part is missing, or there is none."""


class MirrorPlane(NamedTuple):
    """The upright plane of the points p with normal . p = offset.

    normal: unit (3,), with y = 0.
    ratio: the mean distance of the mirrored points to the cloud by the mean distance of the cloud's
        points to their nearest neighbours: about 1 for a symmetric cloud.
    matched: the share of the mirrored points that lie on the cloud.
    likeness: the ratio of those.
    """

    normal: NDArray[np.float64]
    offset: float
    ratio: float = np.inf
    matched: float = 0.0
    likeness: float = np.inf

    def mirrored(self, points: ArrayLike) -> NDArray[np.float64]:
        """The points (N, 3) on the other side."""
        points = np.asarray(points, dtype=np.float64)
        return points - 2 * np.outer(points @ self.normal - self.offset, self.normal)


def find_mirror_plane(points: ArrayLike) -> MirrorPlane | None:
    """The first of `find_mirror_planes`; None where there is none."""
    planes = find_mirror_planes(points)
    return planes[0] if planes else None


def find_mirror_planes(
    points: ArrayLike, is_good: Callable[[MirrorPlane], bool] | None = None
) -> list[MirrorPlane]:
    """Upright planes that a cloud (N, 3), y up, may be symmetric to, the best one first.

    Parts that the other side lacks are left out of account; how symmetric the cloud is each plane
    says. Looks at planes in all directions about the vertical, fits the best ones to the points,
    and takes the planes x = 0 and z = 0 in the place of such as are near them. Clouds of fewer than
    50 points are too thin to tell, as are those whose points lie on each other: none. is_good: says
    of a plane that it need not be fitted in many small steps, most of the time that this takes.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) < FEWEST_POINTS:
        return []
    tree = cKDTree(points)
    searched, moved, judges = (
        points[:: -(-len(points) // count)]
        for count in (_SEARCHED_POINTS, _FITTED_POINTS, _JUDGED_POINTS)
    )
    own = float(tree.query(judges, k=2)[0][:, 1].mean())
    if own == 0:
        return []
    found = []
    for normal in _directions():
        along = points @ normal
        offsets = [0.0, *np.linspace(along.min(), along.max(), 2 + _OFFSETS)[1:-1]]
        found += [MirrorPlane(normal, one) for one in offsets]
    # All at once: single questions of so few points would take mostly their calls.
    tried = _distances(found, tree, searched, own).reshape(_DIRECTIONS, -1)
    best_offsets = tried.argmin(axis=1)
    distances = tried.min(axis=1)
    found = [found[n * tried.shape[1] + one] for n, one in enumerate(best_offsets)]
    is_best = (distances <= np.roll(distances, 1)) & (distances <= np.roll(distances, -1))
    fits = []
    best = sorted(np.flatnonzero(is_best), key=lambda number: float(distances[number]))
    for plane in (found[number] for number in best[:_TRIED]):
        # Long parts slide along themselves, so that only the right offset shows what the rest says.
        low, high = np.quantile(points @ plane.normal, _MIDDLE)
        steps = np.arange(low, high, max(own, (high - low) / _FINE))
        beside = [plane, *(plane._replace(offset=float(one)) for one in steps)]
        plane = _best(beside, tree, searched, own)
        plane = _judged(_fitted(plane, tree, moved, own), tree, moved, own)[1]
        if plane.matched >= _WORTH_SETTLING and not (is_good and is_good(plane)):
            plane = _settled(plane, tree, moved, own)
        fits.append(_judged(plane, tree, judges, own))
    for axis in (0, 2):
        distance, plane = _judged(MirrorPlane(np.eye(3)[axis], 0.0), tree, judges, own)
        fits.append((distance / _AXES_BONUS, plane))
    distinct: list[MirrorPlane] = []
    for _, plane in sorted(fits, key=_by_distance):
        if all(abs(plane.normal @ other.normal) < _SAME for other in distinct):
            distinct.append(plane)
    return distinct


def _directions() -> NDArray[np.float64]:
    """Unit vectors (24, 3) in all directions about the vertical."""
    angles = np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS
    return np.stack([np.cos(angles), np.zeros(_DIRECTIONS), np.sin(angles)], axis=1)


def _best(
    planes: Sequence[MirrorPlane], tree: cKDTree, points: NDArray[np.float64], own: float
) -> MirrorPlane:
    """The best of some planes, see `_distances`."""
    return planes[int(_distances(planes, tree, points, own).argmin())]


def _distances(
    planes: Sequence[MirrorPlane], tree: cKDTree, points: NDArray[np.float64], own: float
) -> NDArray[np.float64]:
    """Of each of P planes the mean distance of mirrored points (N, 3) from a cloud, of which none
    counts more than `_MATCHED`: (P,). own: the distance between points."""
    reach = _MATCHED * own
    normals = np.array([plane.normal for plane in planes])
    beyond = normals @ points.T - np.array([[plane.offset] for plane in planes])
    images = points - 2 * beyond[:, :, None] * normals[:, None]
    distances = tree.query(images, distance_upper_bound=reach)[0]
    return np.asarray(np.minimum(distances, reach).mean(axis=1) / own)


def _by_distance(one: tuple[float, MirrorPlane]) -> float:
    return one[0]


def _judged(
    plane: MirrorPlane, tree: cKDTree, points: NDArray[np.float64], own: float
) -> tuple[float, MirrorPlane]:
    """The `_distances` of mirrored points (N, 3) from a cloud, and the plane with what is known of
    it."""
    distances = tree.query(plane.mirrored(points))[0] / own
    is_matched = distances < _MATCHED
    likeness = float(distances[is_matched].mean()) if is_matched.any() else np.inf
    known = plane._replace(
        ratio=float(distances.mean()), matched=float(is_matched.mean()), likeness=likeness
    )
    return float(distances.clip(max=_MATCHED).mean()), known


def _fitted(
    plane: MirrorPlane, tree: cKDTree, points: NDArray[np.float64], own: float
) -> MirrorPlane:
    """The plane moved so that mirrored points (N, 3) lie on the cloud; strays do not count."""
    for turn in range(_FITS):
        is_strict = turn >= _FITS // 2
        # Slightly wider than what counts, whose ends would not be found.
        bound = 1.01 * _MATCHED * own if is_strict else np.inf
        distances, nearest = tree.query(plane.mirrored(points), distance_upper_bound=bound)
        reach = _MATCHED * own
        if not is_strict:
            reach = max(reach, _STRAY * float(np.median(distances)))
        pairs = distances <= reach
        if np.count_nonzero(pairs) < _FEWEST_PAIRS:
            break
        plane = _between(points[pairs], tree.data[nearest[pairs]])
    return plane


def _settled(
    plane: MirrorPlane, tree: cKDTree, points: NDArray[np.float64], own: float
) -> MirrorPlane:
    """The plane turned and moved a little, so that mirrored points (N, 3) lie nearest to the cloud.

    On smooth surfaces nearest points slide along, and `_fitted` stops too early.
    """
    extent = float(np.ptp(points, axis=0).max())
    middle = points.mean(axis=0)

    def moved(change: NDArray[np.float64]) -> MirrorPlane:
        turn, shift = change * own / [extent, 1]
        x, _, z = plane.normal
        c, s = np.cos(turn), np.sin(turn)
        normal = np.array([c * x - s * z, 0.0, s * x + c * z])
        # About the middle of the points, not about the origin.
        beside = plane.offset - float(plane.normal @ middle)
        return MirrorPlane(normal, float(normal @ middle) + beside + float(shift))

    def distance(change: NDArray[np.float64]) -> float:
        return float(_distances([moved(change)], tree, points, own)[0])

    return moved(minimum(distance, [[0, 0], [2, 0], [0, 1]], _SETTLING))


def _between(points: NDArray[np.float64], partners: NDArray[np.float64]) -> MirrorPlane:
    """The upright plane that mirrors points (N, 3) onto their partners (N, 3) best.

    A mirror plane's normal is the direction in which points and partners are least alike: the
    smallest eigenvector of their symmetric covariance.
    """
    centre = (points.mean(axis=0) + partners.mean(axis=0)) / 2
    product = (points - centre)[:, [0, 2]].T @ (partners - centre)[:, [0, 2]]
    x, z = np.linalg.eigh(product + product.T)[1][:, 0]
    normal = np.array([x, 0.0, z])
    return MirrorPlane(normal, float(normal @ centre))
