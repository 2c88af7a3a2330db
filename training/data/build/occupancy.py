"""Inside and outside of surfaces that need not be closed.

Two tests, one per shape: generalised winding numbers (Jacobson et al. 2013; Barill et al. 2018)
where the faces enclose something and look outwards, else a flood from outside through a fine grid.
Sheets too thin to hold a volume are given one by a rule of THICKENINGS, or everything is, as the
original's fusion does (its surfaces lie 1.5/256 outside).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import igl
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes
from scipy.spatial import cKDTree

from onet_core.errors import InputError
from onet_core.inputs.voxelise import touched_voxels

from .normalise import Triangles
from .sampling import SurfaceSamples, sample_surface

Points = NDArray[np.floating]

METHODS = ("winding", "floodfill")
# What is added to the solid: what is near sheets, what is near any of the surface, or nothing.
THICKENINGS = ("thin", "fusion", "none")
GRID = 128
# Half the thickness of sheets; the original's displacement of depth maps.
THICKNESS = 1.5 / 256
# How far a sample looks to either side for a solid. Flood-filled solids are up to a cell fat.
_PROBES = {"winding": 2 * THICKNESS, "floodfill": 2.5 / GRID}
_SAMPLES = 100_000
# A point so far from a face is beyond the solid's surface where the face lies in it, and how often
# the way to it is halved where not: to 1/64 of the way that is looked.
_NEXT = 5e-4
_HALVINGS = 6
# Parts of the surface this many times their radius away are taken together. The smaller value takes
# 0.6 of the time and changes 0.004 % of the labels of points next to surfaces.
_ACCURACY = 2.0
_ROUGH_ACCURACY = 1.5
# When winding numbers are trusted: shares of ambiguous points in the box and among those inside.
_AMBIGUOUS = 0.05
_AMBIGUOUS_INSIDE = 0.2
# When a flood is trusted: share of the cells it never reaches that no face touches.
_ENCLOSED = 0.1


class Inside(Protocol):
    """Which points (N, 3) are inside: (N,)."""

    def __call__(self, points: Points) -> NDArray[np.bool_]: ...

    def roughly(self, points: Points) -> NDArray[np.bool_]:
        """The same, where one label in ten thousand may be wrong, if that is faster."""
        ...


class WindingNumber:
    """Inside is where the surface winds around a point more than half a time."""

    def __init__(self, triangles: Triangles) -> None:
        self.triangles = triangles
        self._tree = igl.FastWindingNumberBVH()
        self._tree.init(triangles.vertices, triangles.faces)

    def numbers(self, points: Points, accuracy: float = _ACCURACY) -> NDArray[np.float64]:
        """The generalised winding number at points (N, 3) -> (N,)."""
        return self._tree.winding_number(np.ascontiguousarray(points, dtype=np.float64), accuracy)

    def __call__(self, points: Points) -> NDArray[np.bool_]:
        return self._labels(points, _ACCURACY)

    def roughly(self, points: Points) -> NDArray[np.bool_]:
        """Nearly the same labels in less time."""
        return self._labels(points, _ROUGH_ACCURACY)

    def _labels(self, points: Points, accuracy: float) -> NDArray[np.bool_]:
        corners = self.triangles.corners.reshape(-1, 3)
        # Nothing beyond the bounding box is inside, and most of the queries' box is beyond it.
        near = ((points >= corners.min(0)) & (points <= corners.max(0))).all(axis=1)
        labels = np.zeros(len(points), dtype=bool)
        labels[near] = self.numbers(points[near], accuracy) > 0.5
        return labels


class FloodFill:
    """Inside is what a flood from outside does not reach: cells the faces touch, and enclosed ones.

    The grid has 128^3 cells over the unit cube and one more all around.
    """

    def __init__(self, triangles: Triangles) -> None:
        # A hair smaller, so that faces in the cube's own sides touch the cells within only.
        cells = (triangles.corners * (1 - 1e-6) + 0.5) * GRID + 1
        self.touched = touched_voxels(cells, GRID + 2)
        self.solid = binary_fill_holes(self.touched)

    @property
    def enclosed(self) -> float:
        """Share of the solid cells that no face touches."""
        return 1 - float(self.touched.sum()) / max(1, int(self.solid.sum()))

    def __call__(self, points: Points) -> NDArray[np.bool_]:
        cells = np.floor((np.asarray(points, dtype=np.float64) + 0.5) * GRID).astype(np.int64) + 1
        within = ((cells >= 0) & (cells < GRID + 2)).all(axis=1)
        x, y, z = cells.clip(0, GRID + 1).T
        return self.solid[x, y, z] & within

    roughly = __call__


@dataclass(frozen=True, eq=False)
class Solid:
    """A shape with an inside, for labels.

    method: of METHODS.
    orientation: what was done to the faces.
    samples: of the faces.
    front, back: whether there is solid on either side of each.
    thickness: of THICKENINGS.
    """

    triangles: Triangles
    method: str
    orientation: str
    base: Inside
    samples: SurfaceSamples
    front: NDArray[np.bool_]
    back: NDArray[np.bool_]
    thickness: str = "thin"

    @property
    def is_thin(self) -> NDArray[np.bool_]:
        """Which samples have no solid on either side: those of sheets."""
        return ~self.front & ~self.back

    @property
    def thin(self) -> float:
        """Share of the surface that is a sheet."""
        return float(self.is_thin.mean())

    @property
    def buried(self) -> float:
        """Share of the surface that has solid on both sides."""
        return float((self.front & self.back).mean())

    def inside(self, points: Points) -> NDArray[np.bool_]:
        """Labels of points (N, 3) -> (N,).

        A point counts as inside where the method says so, or within THICKNESS of what is thickened:
        with `thin` of a sheet, that is a surface whose sample nearest to the point is thin, with
        `fusion` of any surface.
        """
        labels = self.base(points)
        thickened = {
            "thin": self.is_thin,
            "fusion": np.ones_like(self.is_thin),
            "none": np.zeros_like(self.is_thin),
        }[self.thickness]
        if not thickened.any():
            return labels
        outside = np.flatnonzero(~labels)
        queries = np.ascontiguousarray(np.asarray(points)[outside], dtype=np.float64)
        # A sample is never far from the surface's point nearest to a query.
        area = np.linalg.norm(self.triangles.vector_areas(), axis=1).sum()
        reach = THICKNESS + 4 * np.sqrt(area / len(self.samples))
        distances, nearest = cKDTree(self.samples.points).query(queries, distance_upper_bound=reach)
        near = np.flatnonzero(np.isfinite(distances))
        near = near[thickened[nearest[near]]]
        if len(near):
            squared, _, _ = igl.point_mesh_squared_distance(
                queries[near], self.triangles.vertices, self.triangles.faces
            )
            labels[outside[near]] = squared < THICKNESS**2
        return labels

    def surface(self, count: int, rng: np.random.Generator) -> SurfaceSamples:
        """`count` samples of the solid's surface, normals outwards.

        Of what the labels say, as in the original, whose clouds are drawn from the mesh that its
        labels are of: the two sides of a sheet are its thickness apart, and a flood's surface is
        that of its cells. From each sample of the faces it is looked for along the face's normal,
        on the sides where there is no solid, so that what is buried gives nothing.
        Raises InputError where next to nothing of the faces is outside.
        """
        free = int((~self.front).sum()) + int((~self.back).sum())
        share = free / len(self.samples)
        if share < 0.01:
            raise InputError("Nearly all of the surface lies inside the solid.")
        found = [self._outwards(self.samples, self.front, self.back, count, rng)]
        while (missing := count - sum(map(len, found))) > 0:
            # A few more than needed on average, so that one round mostly does.
            more = sample_surface(self.triangles, int(1.05 * missing / share) + 100, rng)
            sides = _solid_sides(self.base, more, _PROBES[self.method])
            found.append(self._outwards(more, *sides, missing, rng))
        points = np.concatenate([part.points for part in found])
        normals = np.concatenate([part.normals for part in found])
        return SurfaceSamples(points, normals)

    def _outwards(
        self,
        samples: SurfaceSamples,
        front: NDArray[np.bool_],
        back: NDArray[np.bool_],
        most: int,
        rng: np.random.Generator,
    ) -> SurfaceSamples:
        """The solid's surface beside samples of the faces, where a side is free, in random order.

        Evenly spread: what has two free sides gives two samples. Their number is limited.
        """
        turned = SurfaceSamples(samples.points, -samples.normals)
        sides = [samples[~front], turned[~back]]
        order = rng.permutation(sum(map(len, sides)))[:most]
        points = np.concatenate([side.points for side in sides])[order]
        normals = np.concatenate([side.normals for side in sides])[order]
        within = np.flatnonzero(self.inside(points + _NEXT * normals))
        start, way = points[within], normals[within]
        low = np.zeros((len(within), 1))
        high = np.full_like(low, _PROBES[self.method])
        for _ in range(_HALVINGS if len(within) else 0):
            middle = (low + high) / 2
            is_inside = self.inside(start + middle * way)[:, None]
            low, high = np.where(is_inside, middle, low), np.where(is_inside, high, middle)
        points[within] = start + (low + high) / 2 * way
        return SurfaceSamples(points, normals)


def make_solid(
    triangles: Triangles, method: str, rng: np.random.Generator, thickness: str = "thin"
) -> Solid:
    """The shape's inside by a method of METHODS, or by the one that `auto` finds usable.

    thickness: of THICKENINGS, what is added to it.

    `auto` takes winding numbers if they are clear: with the faces as they are, all of them flipped,
    or each connected part turned outwards; else the flood, if it finds an inside. Raises InputError
    where nothing does.
    """
    if thickness not in THICKENINGS:
        raise InputError(
            f"There is no thickness {thickness!r}: choose one of {', '.join(THICKENINGS)}."
        )
    found = find_inside(triangles, method, rng)
    samples = sample_surface(found.triangles, _SAMPLES, rng)
    front, back = _solid_sides(found.base, samples, _PROBES[found.method])
    return Solid(
        found.triangles,
        found.method,
        found.orientation,
        found.base,
        samples,
        front,
        back,
        thickness,
    )


@dataclass(frozen=True, eq=False)
class Found:
    """How a shape's inside is told: its fields are those of `Solid`."""

    triangles: Triangles
    method: str
    orientation: str
    base: Inside


def find_inside(triangles: Triangles, method: str, rng: np.random.Generator) -> Found:
    """What `make_solid` begins with. Raises InputError where nothing finds an inside."""
    if method == "winding":
        return Found(triangles, method, "as-is", WindingNumber(triangles))
    if method == "floodfill":
        return Found(triangles, method, "as-is", FloodFill(triangles))
    if method != "auto":
        raise InputError(f"There is no method {method!r}: choose auto, {', '.join(METHODS)}.")
    for orientation, turn in _ORIENTATIONS.items():
        candidate = turn(triangles)
        winding = WindingNumber(candidate)
        if is_clear(winding, rng):
            return Found(candidate, "winding", orientation, winding)
    flood = FloodFill(triangles)
    if flood.enclosed >= _ENCLOSED:
        return Found(triangles, "floodfill", "as-is", flood)
    raise InputError("Neither winding numbers nor a flood fill find an inside.")


def is_clear(winding: WindingNumber, rng: np.random.Generator, count: int = 20_000) -> bool:
    """Whether winding numbers in the shape's box are nearly whole, and those inside positive."""
    corners = winding.triangles.corners.reshape(-1, 3)
    low, high = corners.min(0), corners.max(0)
    # Wide enough for flat shapes to have a box, too.
    low, high = low - THICKNESS, high + THICKNESS
    numbers = winding.numbers(low + (high - low) * rng.random((count, 3)))
    ambiguous = np.abs(numbers - np.round(numbers)) > 0.25
    inside = np.abs(numbers) > 0.5
    wrong = inside & (ambiguous | (numbers < 0))
    return (
        bool(inside.any())
        and float(ambiguous.mean()) <= _AMBIGUOUS
        and float(wrong.sum() / inside.sum()) <= _AMBIGUOUS_INSIDE
    )


def turned_outwards(triangles: Triangles) -> Triangles:
    """Every connected part with its faces looking the same way, and outwards."""
    mesh = trimesh.Trimesh(triangles.vertices, triangles.faces, process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    trimesh.repair.fix_normals(mesh, multibody=True)
    return Triangles(
        np.array(mesh.vertices, dtype=np.float64),
        np.array(mesh.faces, dtype=np.int64),
        triangles.colours,
    )


_ORIENTATIONS: dict[str, Callable[[Triangles], Triangles]] = {
    "as-is": lambda triangles: triangles,
    "flipped": Triangles.flipped,
    "reoriented": turned_outwards,
}


def _solid_sides(
    base: Inside, samples: SurfaceSamples, probe: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which samples have solid in front of them, and which have it behind them."""
    step = probe * samples.normals
    return base.roughly(samples.points + step), base.roughly(samples.points - step)
