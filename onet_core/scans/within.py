"""Whether a scan was taken from within, as that of a room, and from about where.

A scanner in a room sees all that it scans, over a floor and before walls, and what furniture hides
is missing. From within a solid that was scanned from outside, a part that juts inward hides
another, or there is none; its bottom was not scanned.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, cKDTree

from .neighbours import Neighbours
from .normals import plane_normals

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_LOOKED_AT = 4_000
_PLACES, _TRIED, _CLEARANCE = 400, 16, 3.0
"""Places at random in the convex hull of the points, of which some are tried: far from the points,
and farther from each other than so much of that."""

_MOST = 4
_PLANES, _AROUND = 10, 16
_COVER, _BEHIND = 0.8, 2.0
"""A point covers a disk of this radius, in its spacings, and hides what is so much farther."""

SEEN, SEEN_BY_TWO = 0.85, 0.96
"""The share of the area that one place of a room sees, and that two see, at least. What chose these
constants: training/recipes/scans.md, "Open scans"."""

BEFORE, _FARTHER, _BESIDE, _FREE = 0.013, 0.35, 6, 0.05
"""The share of the area, at least, that stands free, so far from the convex hull, before something
that is farther by more than this share."""

SURROUNDED, _RAYS, _WIDE = 0.3, 500, 0.2
"""The share of all directions in which something is seen within this angle, at least."""

FLOOR, _LOW, _LEVEL = 0.2, 0.08, 0.9
"""A room has a floor: level points in this lowest share of the height, whose area is at least this
share of the ground plan. What was scanned from outside has no bottom."""


class Surfels:
    """Points (N, 3) as disks, which hide from a place what lies behind them."""

    def __init__(self, points: FloatArray) -> None:
        around = Neighbours(points)
        around.know(_PLANES)
        self.points, self.axes = points, plane_normals(points, around, _PLANES)
        self.spacing = around.spacing()

    def seen(self, eye: FloatArray, places: FloatArray | None = None) -> BoolArray:
        """(M,) which of some places (M, 3) are seen from an eye (3,); of its own points, if none
        are given."""
        away, ranges, ways = _directions(self.points, eye)
        far, toward = (ranges, ways) if places is None else _directions(places, eye)[1:]
        near = cKDTree(ways).query(toward, min(_AROUND, len(ways)))[1]
        axes, centres = self.axes[near], away[near]
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.einsum("mki,mki->mk", axes, centres) / np.einsum("mki,mi->mk", axes, toward)
            off = np.linalg.norm(steps[..., None] * toward[:, None] - centres, axis=2)
        is_before = (steps > 0) & (steps < far[:, None] - _BEHIND * self.spacing[near])
        return np.asarray(~(is_before & (off < _COVER * self.spacing[near])).any(axis=1))

    def before(self, eye: FloatArray, seen: BoolArray) -> BoolArray:
        """(N,) which of the points that an eye (3,) sees stand free before others."""
        _, ranges, ways = _directions(self.points[seen], eye)
        near = cKDTree(ways).query(ways, min(_BESIDE + 1, len(ways)))[1]
        depth = _depth(self.points[seen], self.points)
        found = np.zeros(len(seen), dtype=bool)
        is_farther = ranges[near] > (1 + _FARTHER) * ranges[:, None]
        found[seen] = is_farther.any(axis=1) & (depth > _FREE)
        return found

    def floor(self) -> float:
        """The area of what lies level near the bottom, y up, as a share of the ground plan."""
        heights = self.points[:, 1]
        is_low = heights < heights.min() + _LOW * np.ptp(heights)
        is_floor = is_low & (np.abs(self.axes[:, 1]) > _LEVEL)
        plan = ConvexHull(self.points[:, [0, 2]]).volume  # of a flat hull its area
        return float((self.spacing[is_floor] ** 2).sum() / plan)


class Standpoints:
    """Where a scan may have been taken from: eyes (E, 3) of which each sees most of it."""

    def __init__(self, surfels: Surfels, eyes: FloatArray) -> None:
        self._surfels, self.eyes = surfels, eyes

    def __call__(self, places: FloatArray, ways: FloatArray) -> FloatArray:
        """How much places (M, 3) are seen from where directions (M, 3) point, -1 to 1."""
        total = np.zeros(len(places))
        for eye in self.eyes:
            toward = _directions(places, eye)[2]
            along = -np.einsum("mi,mi->m", ways, toward)
            total += np.where(self._surfels.seen(eye, places), along, 0.0)
        return np.clip(total, -1, 1)


def standpoints(points: FloatArray) -> Standpoints | None:
    """From where points (N, 3), y up, were scanned, if that is within them; None else, and for
    few points."""
    if len(points) < _LOOKED_AT:
        return None
    some = points[np.random.default_rng(0).permutation(len(points))[:_LOOKED_AT]]
    # The thickness of a board by its least deviation.
    if np.sqrt(12 * max(np.linalg.eigvalsh(np.cov(some.T))[0], 0)) < 2 * _FREE:
        return None
    surfels = Surfels(some)
    if surfels.floor() < FLOOR:
        return None
    view = View(surfels)
    return Standpoints(surfels, view.eyes) if view.is_from_within() else None


class View:
    """What is seen from the best of some places.

    eyes: (E, 3), the first sees most, each other most of what those before do not. seen: (E,) the
    share of the area that is seen by then. before, surrounded: as the constants say, of the first.
    """

    def __init__(self, surfels: Surfels) -> None:
        places = _places(surfels.points)
        seen = np.array([surfels.seen(place) for place in places])
        areas = surfels.spacing**2 / (surfels.spacing**2).sum()
        alone = seen @ areas
        together = np.zeros(len(areas), dtype=bool)
        chosen: list[int] = []
        self.seen: list[float] = []
        for _ in range(_MOST):
            # Others than the first stand in the same air.
            gain = np.where((alone > 0.5) | (not chosen), (seen & ~together) @ areas, 0.0)
            chosen.append(int(gain.argmax()))
            together |= seen[chosen[-1]]
            self.seen.append(float(together @ areas))
        self.eyes = places[chosen]
        first = seen[chosen[0]]
        self.before = float(surfels.before(self.eyes[0], first) @ areas)
        ways = _directions(surfels.points[first], self.eyes[0])[2]
        self.surrounded = float((cKDTree(ways).query(_sphere(_RAYS))[0] < _WIDE).mean())

    def is_from_within(self) -> bool:
        """Whether these places are where the points were scanned from."""
        return (
            self.seen[0] > SEEN
            and self.seen[1] > SEEN_BY_TWO
            and self.before > BEFORE
            and self.surrounded > SURROUNDED
        )


def _places(points: FloatArray) -> FloatArray:
    """Places (T, 3) in the hull of points (N, 3), apart from these and from each other."""
    random = np.random.default_rng(0)
    places = random.uniform(points.min(axis=0), points.max(axis=0), (_PLACES, 3))
    inside = _depth(places, points) > 0
    places = places[inside] if inside.any() else places
    clear = _CLEARANCE * cKDTree(points).query(places)[0]
    chosen = [int(clear.argmax())]
    apart = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < _TRIED:
        chosen.append(int(np.minimum(clear, apart).argmax()))
        apart = np.minimum(apart, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return places[chosen]


def _depth(places: FloatArray, points: FloatArray) -> FloatArray:
    """How deep places (M, 3) lie in the convex hull of points (N, 3)."""
    sides = ConvexHull(points).equations
    return np.asarray(-(places @ sides[:, :3].T + sides[:, 3]).max(axis=1))


def _sphere(count: int) -> FloatArray:
    """Directions (N, 3), evenly: a Fibonacci spiral."""
    steps = np.arange(count) + 0.5
    heights, turns = 1 - 2 * steps / count, np.pi * (1 + np.sqrt(5)) * steps
    rings = np.sqrt(1 - heights**2)
    return np.stack([rings * np.cos(turns), rings * np.sin(turns), heights], axis=1)


def _directions(points: FloatArray, eye: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points (N, 3) from an eye, how far they are (N,), and in which direction (N, 3)."""
    away = points - eye
    ranges = np.linalg.norm(away, axis=1) + 1e-12
    return away, ranges, away / ranges[:, None]
