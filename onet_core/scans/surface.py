"""The surface of a dense scan, from its points to a closed mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..mesh.mesh import Mesh
from ..mesh.parts import without_artefacts
from ..models.scans.denoiser import Denoiser
from ..models.scans.network import ScanNetwork
from ..surface.from_points import follow
from .batches import cubes_of, merged_with_members
from .denoised import denoised
from .neighbours import Merged, Neighbours
from .normals import around_rods, plane_normals, sharpened
from .opinions import Neighbourhoods
from .quadrics import fitted
from .reading import read
from .sheets import NEIGHBOURS, REACH, SheetField
from .signs import LOPSIDED, Sides, signed
from .solid import WindingNumbers
from .stated import are_plausible
from .within import Standpoints

FloatArray = NDArray[np.float64]

_STEPS = 1 << 19
"""Points nearer to each other than 1 / _STEPS are the same."""

_SPECK = 4.0
_SPECK_NOISE = 10.0
"""Parts of fewer spacings, or fewer deviations of the noise, are specks."""

_ROUGH = 0.35
"""In spacings: stronger noise is removed before the signs are looked at."""

_SMOOTH, _ROUGHER = 0.04, 0.12
"""In spacings: points that lie less off smooth surfaces have no noise; by so much more, all of what
the network sees is."""

_MERGED = 2.0
"""Edge of the cubes in which noisy points become one, in deviations of the noise as it is seen,
which is less than it is: training/recipes/scans.md."""

_FIT, _FIT_NOISE = 2.2, 6.0
"""A quadric's radius in spacings, and what it grows by with the root of the noise."""

_FEWEST_FITTED, _MOST_FITTED = 12, 128

_UNSURE, _LEAST_NOISE = 1.5, 0.3
"""Points are left out if the denoiser expects them to be off by so many deviations of the noise, or
of so many spacings where that is more."""

_COMPARED = 2_000
"""Points whose stated normals are compared with from where they were seen."""

_UP = np.array([0.0, 1.0, 0.0])
"""The vertical of the network's frame."""

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
    errors: (N,) how far off each point is expected to be, where noise was taken off.
    around: of the points, where it is known.
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
    errors: FloatArray | None = None
    around: Neighbours | None = None


@dataclass(frozen=True)
class Prepared:
    """A cloud whose normals have their signs, before noise is taken off its points.

    points: (N, 3).
    neighbours: of these points.
    normals: (N, 3), signs consistent.
    noise: (N,) its deviation, 0 for all where there is none.
    distances: (N,) how far the network takes each point for from the surface.
    is_kept: (M,) which of all points these are, or are means of.
    doubtful, is_stated: as in `Oriented`. openness: as in `signs.Signed`.
    """

    points: FloatArray
    neighbours: Neighbours
    normals: FloatArray
    noise: FloatArray
    distances: FloatArray
    is_kept: NDArray[np.bool_]
    doubtful: float
    openness: float
    is_stated: bool


def oriented(
    points: FloatArray,
    network: ScanNetwork,
    denoiser: Denoiser,
    sides: Sides | None = None,
    stated: FloatArray | None = None,
    within: Standpoints | None = None,
    sights: FloatArray | None = None,
) -> Oriented:
    """Points (N, 3) within a box of edge 1 around 0, less outliers and noise, with normals.

    sides: another opinion on the normals' signs, see `signs.signed`. stated: (N, 3), the normals
    that a file states; where they are plausible, they say which side is outside. within: from
    where the points were scanned, if that is known; nothing else counts then. sights: (N, 3), unit
    vectors to the scanner that saw each point, if these are known; then not even that.
    """
    ready = prepared(points, network, sides, stated, within, sights, is_merged=True)
    if ready.noise.any():
        cloud, share = evened(ready, denoiser)
    else:
        cloud = finished(ready.points, ready.normals, ready.noise, ready.neighbours)
        share = 1.0
    return replace(
        cloud,
        noise=float(np.median(ready.noise)),
        left_out=float(1 - ready.is_kept.mean() * share),
        doubtful=ready.doubtful,
        is_open=ready.openness > LOPSIDED,
        is_stated=ready.is_stated,
    )


def prepared(
    points: FloatArray,
    network: ScanNetwork,
    sides: Sides | None = None,
    stated: FloatArray | None = None,
    within: Standpoints | None = None,
    sights: FloatArray | None = None,
    *,
    is_merged: bool = False,
) -> Prepared:
    """Points (N, 3) less outliers, with signs, noise and distances; see `oriented`.

    is_merged: whether noisy points in the same small cube become one, their mean.
    """
    reading = read(network, points)
    keep = reading.outlier < 0.5
    if keep.mean() < 0.5:
        keep[:] = True
    points, votes = points[keep], reading.normals[keep]
    distances, edge = reading.distances[keep], 2 * reading.voxel
    del reading  # large, of millions of points
    stated = None if stated is None else stated[keep]
    sights = None if sights is None else sights[keep]
    neighbours = Neighbours(points)
    noise = _noise(points, distances, edge, neighbours)
    if is_merged and noise.any():
        cubes = cubes_of(points, _MERGED * float(np.median(noise)))
        spacing = cubes.means(neighbours.spacing())
        points, votes, distances, noise = map(cubes.means, (points, votes, distances, noise))
        stated = None if stated is None else _units(cubes.means(stated))
        sights = None if sights is None else _units(cubes.means(sights))
        finer = spacing / Neighbours(points).spacing()
        neighbours = Neighbours(points, Merged(cubes.counts.astype(np.float32), finer))
    if not noise.any():
        neighbours.know(NEIGHBOURS)
    typical, rough = float(np.median(neighbours.scanned()[0])), float(np.median(noise))
    moved, blur, around = points, 0.0, None
    if not noise.any():
        axes, around = plane_normals(moved, neighbours, 10), neighbours
        axes = around_rods(moved, axes, around)
    else:
        directions = _units(votes)
        # Where there is little noise, the network's distances are less precise than what is fitted.
        trust = np.clip((noise / typical - 0.6) / 0.6, 0, 1)
        moved = points - (trust * distances)[:, None] * directions
        if rough < _ROUGH * typical:
            around = Neighbours(moved)
            axes = plane_normals(moved, around, 20)
        else:
            # Neighbours say nothing about each other before the noise is off.
            smooth = finished(moved, directions, noise, Neighbours(moved, neighbours.merged))
            moved, axes, blur = smooth.points, smooth.normals, max(typical, rough)
    is_stated = stated is not None and are_plausible(moved, axes, stated)
    if sights is not None:
        votes, sides = sights, None
    elif within is not None:
        sides = within
        if stated is not None and is_stated:
            some = slice(None, None, -(-len(moved) // _COMPARED))
            is_stated = bool(within(moved[some], stated[some]).mean() > 0)
    elif stated is not None and is_stated:
        votes, sides = stated, None
    up = None if is_stated else _UP
    is_seen = within is not None or sights is not None
    typical = float(np.median(neighbours.spacing()))
    found = signed(moved, axes, votes, typical, sides, blur, around, up, is_seen)
    return Prepared(
        points, neighbours, found.normals, noise, distances, keep,
        found.doubtful, found.openness, is_stated,
    )  # fmt: skip


def _units(ways: FloatArray) -> FloatArray:
    return np.asarray(ways / (np.linalg.norm(ways, axis=1, keepdims=True) + 1e-12))


def _noise(
    points: FloatArray,
    distances: FloatArray,
    edge: float,
    neighbours: Neighbours,
) -> FloatArray:
    """(N,) the deviation of the noise; 0 for all where smooth surfaces go through the points."""
    rng = np.random.default_rng(0)
    some = rng.choice(len(points), min(2_000, len(points)), replace=False)
    axes = plane_normals(points, neighbours, 12, some)
    spacing = np.zeros(len(points))
    spacing[some] = neighbours.spacing(some)
    fits = fitted(points, axes, neighbours, 3 * spacing, 20, rounds=1, chosen=some, is_sided=False)
    roughness = float(np.median(fits.residuals / spacing[some]))
    share = float(np.clip((roughness - _SMOOTH) / _ROUGHER, 0, 1))
    return share * _local_deviation(points, distances, edge)


def _local_deviation(points: FloatArray, distances: FloatArray, edge: float) -> FloatArray:
    """(N,) root of the mean squared distance over the voxel around each point."""
    _, _, voxel, counts = merged_with_members(points, points, edge)
    mean = np.bincount(voxel, distances**2, minlength=len(counts)) / counts
    # A voxel of few points borrows from all.
    mean = (mean * counts + 4 * float((distances**2).mean())) / (counts + 4)
    return np.asarray(np.sqrt(mean)[voxel])


def neighbours_together(points: FloatArray) -> FloatArray:
    """The points (N, 3) in an order in which those that lie near each other follow each other.

    Most of a cloud's time goes into looking at neighbours. Where these are spread over all of the
    memory, as in files whose points are in random order, that takes three times as long.
    """
    return points[cKDTree(points).indices]


def deviation_of(points: FloatArray, network: ScanNetwork) -> float:
    """How far points (N, 3) typically are from the surface, by the network."""
    reading = read(network, points)
    return float(np.median(_local_deviation(points, reading.distances, 2 * reading.voxel)))


def known_cloud(points: FloatArray, normals: FloatArray) -> Oriented | None:
    """Points (N, 3) of which the normals (N, 3) are known; None where these describe no solid."""
    around = Neighbours(points)
    around.know(NEIGHBOURS)
    spacing = around.spacing()
    numbers = WindingNumbers(points, normals, spacing**2)(np.ones(len(points)))
    if (numbers < _OF_A_SOLID).mean() > _MOST_OPEN:
        return None
    return Oriented(points, normals, spacing, REACH * spacing, around=around)


def finished(
    points: FloatArray, normals: FloatArray, noise: FloatArray, around: Neighbours
) -> Oriented:
    """Normals refined by quadrics; noise (N,) is averaged out by them as a first step, and where
    there is none, edges are kept sharp."""
    spacing, merged = around.scanned()
    radius = spacing * (_FIT + _FIT_NOISE * np.sqrt(noise / spacing))
    wide = float(np.median(radius / spacing))
    most = float(np.clip(np.pi * wide**2 * 0.8, _FEWEST_FITTED, _MOST_FITTED))
    wanted = max(int(merged * most), _FEWEST_FITTED)
    fits = fitted(points, normals, around, radius, wanted)
    if not noise.any():
        found = sharpened(points, fits, around)
        return Oriented(points, found, spacing, REACH * spacing, around=around)
    share = np.minimum(noise / (0.1 * spacing), 1)
    points = points + (share * fits.heights)[:, None] * fits.normals
    return Oriented(points, fits.normals, spacing, REACH * spacing)


def evened(ready: Prepared, denoiser: Denoiser) -> tuple[Oriented, float]:
    """A noisy scan's points as the denoiser places them, and the share of all that these are: those
    of which it can't tell where they belong are left out."""
    around = Neighbourhoods(
        ready.points, ready.normals, ready.noise, ready.distances, denoiser.config,
        ready.neighbours.merged,
    )  # fmt: skip
    found, noise = denoised(around, denoiser), ready.noise
    is_kept = found.errors < _UNSURE * np.maximum(noise, _LEAST_NOISE * around.spacing)
    if is_kept.mean() < 0.5:
        is_kept[:] = True
    points, normals = found.points[is_kept], found.normals[is_kept]
    errors, neighbours = found.errors[is_kept], Neighbours(points)
    if (merged := ready.neighbours.merged) is not None:
        errors = errors / np.sqrt(merged.counts[is_kept])
    neighbours.know(NEIGHBOURS)
    spacing = neighbours.even_spacing()
    cloud = Oriented(points, normals, spacing, REACH * spacing, errors=errors, around=neighbours)
    return cloud, float(is_kept.mean())


def surface_of(
    cloud: Oriented,
    cell: float,
    half: float = 0.6,
    progress: Callable[[], None] | None = None,
) -> Mesh:
    """The closed surface of an oriented cloud, on a grid of cells with that edge.

    half: what lies further from 0 along an axis is outside. progress: called between steps; may
    raise `Cancelled`. Specks that are too small to be more than noise are left out, and hollows
    that were not scanned.
    """
    spacing = float(np.median(cloud.spacing))
    field = SheetField(
        cloud.points, cloud.normals, cloud.radius, cloud.spacing, cloud.errors, cloud.around
    )

    def bounded(places: FloatArray) -> FloatArray:
        if progress is not None:
            progress()
        return np.where((np.abs(places) >= half).any(axis=1), cell, field(places))

    least = max(_SPECK * spacing, _SPECK_NOISE * cloud.noise)
    mesh = Mesh(*follow(bounded, cloud.points, cell))
    return without_artefacts(
        mesh, cloud.points, cloud.normals, cloud.spacing, least, _FEWEST_FITTED
    )


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
