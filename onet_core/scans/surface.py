"""The surface of a dense scan, from its points to a closed mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..mesh.gaps import spacing_of
from ..mesh.mesh import Mesh
from ..mesh.parts import without_specks
from ..models.scans.network import ScanNetwork
from .batches import merged_with_members
from .following import follow
from .normals import fitted, plane_normals
from .reading import read
from .sheets import REACH, SheetField
from .signs import Sides, signed
from .solid import WindingNumbers
from .stated import are_plausible

FloatArray = NDArray[np.float64]

_STEPS = 1 << 19
"""Points nearer to each other than 1 / _STEPS are the same."""

_SPECK = 4.0
_SPECK_NOISE = 10.0
"""Parts of fewer spacings, or fewer deviations of the noise, are specks."""

_ROUGH = 0.35
"""In spacings: stronger noise is removed before the signs are looked at."""

_OF_A_SOLID, _MOST_OPEN = 0.2, 0.05
"""The winding number at a solid's surface is one half; how many places may have less than this."""


@dataclass(frozen=True)
class Oriented:
    """A cloud ready for the field: points and unit normals (N, 3), spacing and radius (N,).

    noise: a typical deviation of the points from the surface, before it was taken off.
    left_out: share of the points that were outliers.
    doubtful: share of places that would be inside out, by `solid.WindingNumbers`.
    is_open: whether they describe no solid but an open surface.
    is_stated: whether the normals that a file states say which side is outside.
    """

    points: FloatArray
    normals: FloatArray
    spacing: FloatArray
    radius: FloatArray
    noise: float = 0.0
    left_out: float = 0.0
    doubtful: float = 0.0
    is_open: bool = False
    is_stated: bool = False


@dataclass(frozen=True)
class Knobs:
    """What the steps go by; chosen on nine meshes, see training/recipes/scans.md.

    fit: neighbours of a quadric.
    fit_noise: its least radius in deviations of the noise.
    reach_noise: the least radius of the field's spheres, in deviations of the noise.
    """

    fit: int = 12
    fit_reach: float = 2.2
    fit_noise: float = 6.0
    reach_noise: float = 3.0
    most_fit: int = 128
    shift: float = 1.0
    heights: float = 1.0
    rounds: int = 2


KNOBS = Knobs()


def oriented(
    points: FloatArray,
    network: ScanNetwork,
    sides: Sides | None = None,
    knobs: Knobs = KNOBS,
    stated: FloatArray | None = None,
) -> Oriented:
    """Points (N, 3) within a box of edge 1 around 0, less outliers and noise, with normals.

    sides: another opinion on the normals' signs, see `signs.signed`. stated: (N, 3), the normals
    that a file states; where they are plausible, they say which side is outside.
    """
    reading = read(network, points)
    keep = reading.outlier < 0.5
    if keep.mean() < 0.5:
        keep[:] = True
    points, votes = points[keep], reading.normals[keep]
    distances = reading.distances[keep]
    stated = None if stated is None else stated[keep]
    directions = votes / (np.linalg.norm(votes, axis=1, keepdims=True) + 1e-12)
    tree = cKDTree(points)
    spacing = spacing_of(points, tree)
    typical = float(np.median(spacing))
    roughness = _roughness(points, directions, tree, spacing)
    share = float(np.clip((roughness - 0.04) / 0.12, 0, 1))
    noise = np.zeros(len(points))
    if share > 0:
        noise = share * _local_deviation(points, distances, 2 * reading.voxel)
        # Where there is little noise, the network's shifts are less precise than what is fitted.
        trust = np.clip((noise / typical - 0.6) / 0.6, 0, 1)
        points = points - (knobs.shift * trust * distances)[:, None] * directions
        tree = cKDTree(points)
    rough, is_stated = float(np.median(noise)), False
    if rough < _ROUGH * typical:
        axes = plane_normals(points, tree, 10 if share == 0 else 20)
        if stated is not None and are_plausible(points, axes, stated):
            votes, sides, is_stated = stated, None, True
        turned = signed(points, axes, votes, typical, sides)
        ready = finished(points, turned.normals, noise, knobs)
    else:
        # Neighbours say nothing about each other before the noise is off.
        smooth = finished(points, directions, noise, knobs)
        blur = max(typical, rough)
        if stated is not None and are_plausible(smooth.points, smooth.normals, stated):
            votes, sides, is_stated = stated, None, True
        turned = signed(smooth.points, smooth.normals, votes, typical, sides, blur)
        ready = replace(smooth, normals=turned.normals)
    return replace(
        ready,
        noise=rough,
        left_out=float(1 - keep.mean()),
        doubtful=turned.doubtful,
        is_open=turned.is_open,
        is_stated=is_stated,
    )


def _roughness(
    points: FloatArray, directions: FloatArray, tree: cKDTree, spacing: FloatArray
) -> float:
    """How far points lie off smooth surfaces through their neighbours, in spacings; a median."""
    rng = np.random.default_rng(0)
    some = rng.choice(len(points), min(2_000, len(points)), replace=False)
    axes = plane_normals(points, tree, 12, some)
    fits = fitted(points, axes, tree, 3 * spacing, 20, rounds=1, chosen=some)
    return float(np.median(fits.residuals / spacing[some]))


def _local_deviation(points: FloatArray, distances: FloatArray, edge: float) -> FloatArray:
    """(N,) root of the mean squared distance over the voxel around each point."""
    _, _, voxel, counts = merged_with_members(points, points, edge)
    mean = np.bincount(voxel, distances**2, minlength=len(counts)) / counts
    # A voxel of few points borrows from all.
    mean = (mean * counts + 4 * float((distances**2).mean())) / (counts + 4)
    return np.asarray(np.sqrt(mean)[voxel])


def deviation_of(points: FloatArray, network: ScanNetwork) -> float:
    """How far points (N, 3) typically are from the surface, by the network."""
    reading = read(network, points)
    return float(np.median(_local_deviation(points, reading.distances, 2 * reading.voxel)))


def known_cloud(points: FloatArray, normals: FloatArray) -> Oriented | None:
    """Points (N, 3) of which the normals (N, 3) are known; None where these describe no solid."""
    spacing = spacing_of(points, cKDTree(points))
    numbers = WindingNumbers(points, normals, spacing**2)(np.ones(len(points)))
    if (numbers < _OF_A_SOLID).mean() > _MOST_OPEN:
        return None
    return Oriented(points, normals, spacing, REACH * spacing)


def finished(
    points: FloatArray, normals: FloatArray, noise: FloatArray, knobs: Knobs = KNOBS
) -> Oriented:
    """Normals refined by quadrics; noise (N,) is the deviation of the noise before."""
    tree = cKDTree(points)
    spacing = spacing_of(points, tree)
    # What noise is left makes the spacing look larger than it is.
    rough = np.sqrt(noise / spacing)
    radius = spacing * (knobs.fit_reach + knobs.fit_noise * rough)
    wide = float(np.median(radius / spacing))
    neighbours = int(np.clip(np.pi * wide**2 * 0.8, knobs.fit, knobs.most_fit))
    fits = fitted(points, normals, tree, radius, neighbours, rounds=knobs.rounds)
    share = np.minimum(noise / (0.1 * spacing), 1)
    points = points + (knobs.heights * share * fits.heights)[:, None] * fits.normals
    reach = spacing * (REACH + knobs.reach_noise * np.minimum(rough, 1.5))
    return Oriented(points, fits.normals, spacing, reach)


def surface_of(
    cloud: Oriented,
    cell: float,
    half: float = 0.6,
    progress: Callable[[], None] | None = None,
) -> Mesh:
    """The closed surface of an oriented cloud, on a grid of cells with that edge.

    half: what lies further from 0 along an axis is outside. progress: called between steps; may
    raise `Cancelled`. Specks that are too small to be more than noise are left out.
    """
    spacing = float(np.median(cloud.spacing))
    field = SheetField(cloud.points, cloud.normals, cloud.radius, cloud.spacing)

    def bounded(places: FloatArray) -> FloatArray:
        if progress is not None:
            progress()
        return np.where((np.abs(places) >= half).any(axis=1), cell, field(places))

    least = max(_SPECK * spacing, _SPECK_NOISE * cloud.noise)
    return without_specks(Mesh(*follow(bounded, cloud.points, cell)), least)


def thinned(points: FloatArray, edge: float) -> FloatArray:
    """The mean places (M, 3) of points (N, 3) in cubes of an edge: what is finer is averaged."""
    middles, _, _, _ = merged_with_members(points, points, edge)
    return middles


def distinct(points: NDArray[np.floating]) -> FloatArray:
    """Each point (N, 3) once, in the order of the first of each."""
    keys = np.round((np.asarray(points, dtype=np.float64) + 1) * _STEPS).astype(np.int64)
    joined = (keys[:, 0] << 42) | (keys[:, 1] << 21) | keys[:, 2]
    order = np.argsort(joined, kind="stable")
    is_first = np.ones(len(points), dtype=bool)
    is_first[1:] = joined[order][1:] != joined[order][:-1]
    return np.asarray(points, dtype=np.float64)[np.sort(order[is_first])]
