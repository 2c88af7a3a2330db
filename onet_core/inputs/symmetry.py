"""Upright mirror planes of point clouds: most things that people make have a left and a right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

FEWEST_POINTS = 50
# The axes of the frame are taken where they are about as good as the best plane.
_AXES_BONUS = 1.03
_DIRECTIONS = 36
_SEARCHED_POINTS = 500
_JUDGED_POINTS = 1500
_FITS = 6
_STRAY = 4.0


class MirrorPlane(NamedTuple):
    """The upright plane of the points p with normal . p = offset.

    normal: unit (3,), with y = 0.
    ratio: the mean distance of the mirrored points to the cloud by the mean distance of the cloud's
        points to their nearest neighbours: about 1 for a symmetric cloud.
    """

    normal: NDArray[np.float64]
    offset: float
    ratio: float

    def mirrored(self, points: ArrayLike) -> NDArray[np.float64]:
        """The points (N, 3) on the other side."""
        points = np.asarray(points, dtype=np.float64)
        return points - 2 * np.outer(points @ self.normal - self.offset, self.normal)


def find_mirror_plane(points: ArrayLike, largest_ratio: float) -> MirrorPlane | None:
    """The upright plane that a cloud (N, 3), y up, is symmetric to; None where it has none.

    largest_ratio: a mirrored cloud counts as another sample of the same surface where its points
    are no further from the cloud than this, in units of how far the cloud's points are from each
    other.
    Looks at planes in all directions about the vertical through the cloud's middle, fits the best
    ones to the points, and compares them with the planes x = 0 and z = 0. Clouds of fewer than 50
    points are too thin to tell.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) < FEWEST_POINTS:
        return None
    tree = cKDTree(points)
    searched, judges = (points[:: -(-len(points) // n)] for n in (_SEARCHED_POINTS, _JUDGED_POINTS))
    own = float(tree.query(judges, k=2)[0][:, 1].mean())
    if own == 0:
        return None

    def judged(normal: NDArray[np.float64], offset: float, by: NDArray[np.float64]) -> MirrorPlane:
        plane = MirrorPlane(normal, offset, np.inf)
        return plane._replace(ratio=float(tree.query(plane.mirrored(by))[0].mean()) / own)

    angles = np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS
    normals = np.stack([np.cos(angles), np.zeros(_DIRECTIONS), np.sin(angles)], axis=1)
    middle = points.mean(axis=0)
    found = [judged(normal, float(normal @ middle), searched) for normal in normals]
    found.sort(key=lambda plane: plane.ratio)
    fitted = []
    for plane in found[:3]:
        for _ in range(_FITS):
            plane = _fitted(plane, searched, points[tree.query(plane.mirrored(searched))[1]])
        fitted.append(judged(plane.normal, plane.offset, judges))
    best = min(fitted, key=lambda plane: plane.ratio)
    axes = [judged(np.eye(3)[axis], 0.0, judges) for axis in (0, 2)]
    axis = min(axes, key=lambda plane: plane.ratio)
    if axis.ratio <= _AXES_BONUS * best.ratio:
        best = axis
    return best if best.ratio <= largest_ratio else None


def _fitted(
    plane: MirrorPlane, points: NDArray[np.float64], partners: NDArray[np.float64]
) -> MirrorPlane:
    """The upright plane that mirrors points (N, 3) onto their partners (N, 3) best.

    A mirror plane's normal is the direction in which points and partners are least alike: the
    smallest eigenvector of their symmetric covariance. Stray points' pairs do not count.
    """
    distances = np.linalg.norm(plane.mirrored(points) - partners, axis=1)
    near = distances <= _STRAY * np.median(distances)
    points, partners = points[near], partners[near]
    centre = (points.mean(axis=0) + partners.mean(axis=0)) / 2
    product = (points - centre)[:, [0, 2]].T @ (partners - centre)[:, [0, 2]]
    x, z = np.linalg.eigh(product + product.T)[1][:, 0]
    normal = np.array([x, 0.0, z])
    return MirrorPlane(normal, float(normal @ centre), np.inf)
