"""Dense clouds: all their points are oriented and followed, instead of asking one field of a few.

The points' network still says which side of the surface is inside, see `scans.signs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..field import Field, evaluate
from ..inputs.observation import Normals
from ..inputs.readings import subsample
from ..mesh.gaps import faces_in_gaps, without_folds
from ..mesh.mesh import Mesh
from ..models.description import ModelDescription
from ..models.scans.denoiser import Denoiser
from ..models.scans.load import load_denoiser, load_scan_network
from ..models.scans.network import ScanNetwork
from ..scans.sight import are_from_there
from ..scans.signs import LOPSIDED, SHEET, may_be_sheet
from ..scans.surface import (
    Oriented,
    deviation_of,
    distinct,
    known_cloud,
    neighbours_together,
    oriented,
    prepared,
    surface_of,
    thinned,
)
from ..scans.within import standpoints
from ..sentences import Sentence
from ..settings import SCANNED_WITHIN, Settings

FloatArray = NDArray[np.float64]

DENSE_FROM = 25_000
"""From this number of points on a cloud is dense: see training/recipes/scans.md."""

DENSE_NOISE = 0.0075
"""Clouds with more noise than this, by `noise_beside` and by `noise_of_scan`, are not followed:
see the recipe."""

# Of a cloud's noise, what the scan network sees.
_SEEN = 0.67

# Of more points than this, so many tell what is typical; of faces so many.
_MOST_ASKED, _FACES_ASKED = 100_000, 25_000

_FOLDER = Path(__file__).parents[1] / "models" / "scans"
WEIGHTS, DENOISER = _FOLDER / "weights.safetensors", _FOLDER / "denoiser.safetensors"

# How far to either side of a point the points' network is asked, and the logits that make it sure.
_STEPS = (0.015,)
_SURE = 4.0

# Of more points than this, those nearer to each other than a part of a cell are averaged: what is
# finer than the cells is not seen in the mesh, and takes its time.
_MANY = 200_000
_FINEST = 0.35

# So many points tell whether a scan is open; of fewer, thin boards look like sheets, and of fewer
# than these nothing is known of either.
_SHOWING, _FEWEST = 10_000, 1_000

# From this share on the report mentions it.
_WORTH_SAYING = 0.005


STATED = Sentence("The file's normals say which side is outside")
NOT_STATED = Sentence("The file's normals contradict its points or each other and were not used")
SEEN = Sentence("The file says where the scanner stood: what it saw faces it")
NOT_SEEN = Sentence(
    "From where the file says that the scanner stood, the points can't have been seen: its places "
    "were not used"
)


def is_dense(
    points: NDArray[np.float32],
    model: ModelDescription,
    settings: Settings,
    device: torch.device,
    normals: Normals | None = None,
) -> bool:
    """Whether a cloud (N, 3) is followed point by point: unless the settings ask for the
    model's own surface, or the model knows one code of a shape instead of its places.

    Points at one place count once. The networks know solids: open scans of few points are followed,
    too.
    """
    return (
        settings.snap
        and settings.threshold is None
        and model.architecture != "occupancy_network"
        and WEIGHTS.is_file()
        and (len(distinct(points)) >= DENSE_FROM or is_open_scan(points, device, normals))
    )


def noise_of_scan(points: NDArray[np.float32], device: torch.device, seed: int) -> float:
    """A typical deviation of a dense cloud (N, 3) from its surface, by the scan network.

    Unlike `noise_beside` it does not ask whether the surface is that of a solid. Seen too small
    where noise is larger than the distance between points.
    """
    some = distinct(subsample(points, _MOST_ASKED, seed))
    return deviation_of(some, _network(str(device))) / _SEEN


class Followed(NamedTuple):
    """The surface through a dense cloud.

    mesh: in the network's frame, without faces where there is no surface.
    notes: what the cloud is like.
    is_open: whether the cloud is no solid, so that what closes the mesh is not of the thing.
    """

    mesh: Mesh
    notes: tuple[Sentence, ...] = ()
    is_open: bool = False


def is_open_scan(
    points: NDArray[np.float32], device: torch.device, normals: Normals | None = None
) -> bool:
    """Whether a cloud (N, 3) is no solid: ground, a wall, a room, or, if dense, a corner of one.

    normals: of these points, where some are known. Of those of few points only sights count.
    """
    sights = _sights(points, normals)
    if sights is not None:
        chosen = np.random.default_rng(0).permutation(len(points))[:_SHOWING]
        shown = points[chosen].astype(np.float64)
        return prepared(shown, _network(str(device)), sights=sights[chosen]).openness > LOPSIDED
    places = distinct(points)
    if standpoints(places) is not None:
        return True
    is_known_well = len(places) >= DENSE_FROM
    some = places[np.random.default_rng(0).permutation(len(places))[:_SHOWING]]
    if len(some) < _FEWEST or not (is_known_well or may_be_sheet(some)):
        return False
    openness = prepared(some, _network(str(device))).openness
    return openness > (LOPSIDED if is_known_well else SHEET)


def dense_mesh(
    field: Field,
    points: NDArray[np.float32],
    padding: float,
    resolution: int,
    device: torch.device,
    progress: Callable[[float], None],
    normals: Normals | None = None,
    gaps: float | None = None,
) -> Followed:
    """The surface through a dense cloud, closed where it has no points.

    field: of the points' network. progress: called with the share that is done; may raise
    `Cancelled`. normals: of the points: exact ones that describe a solid make all else
    needless, and nothing is said of the cloud, which is none. gaps: what the settings say of them;
    None where it is worth saying what becomes of them.
    """
    half = (1 + padding) / 2
    cell = 2 * half / resolution
    if normals is not None and normals.is_exact:
        known = known_cloud(points.astype(np.float64), normals.directions.astype(np.float64))
        if known is not None:
            progress(0.3)
            mesh = surface_of(known, cell, half, lambda: progress(0.7))
            return Followed(replace(mesh, vertices=mesh.vertices.astype(np.float32)))
    places = distinct(points)
    network = _network(str(device))
    used = thinned(places, _FINEST * cell) if len(places) > _MANY else places
    used = neighbours_together(used)
    stated, sights = None, _sights(points, normals)
    if normals is not None:
        nearest = cKDTree(points).query(used)[1]
        if sights is not None:
            sights = sights[nearest]
        elif not normals.are_sights:
            stated = normals.directions[nearest]
    denoiser = _denoiser(str(device))
    within = standpoints(places) if sights is None else None
    cloud = oriented(
        used, network, denoiser, lambda *asked: _sides(field, device, *asked),
        stated, within, sights,
    )  # fmt: skip
    progress(0.4)
    mesh = surface_of(cloud, cell, half, lambda: progress(0.7))
    followed = len(cloud.points) / ((1 - cloud.left_out) * len(places))
    spacing = float(np.median(cloud.spacing) * np.sqrt(followed))
    closing = _closing(mesh, cloud) if gaps is None else None
    notes = _notes(cloud, spacing, closing, is_within=within is not None)
    if normals is not None and normals.are_sights:
        notes = (*notes, NOT_SEEN if sights is None else SEEN)
    elif normals is not None and not normals.is_exact:
        notes = (*notes, STATED if cloud.is_stated else NOT_STATED)
    if cloud.is_open and gaps is None:
        mesh = without_folds(mesh, cloud.points, cloud.normals, cloud.spacing)
    mesh = replace(mesh, vertices=mesh.vertices.astype(np.float32))
    return Followed(mesh, notes, cloud.is_open)


def _sights(points: NDArray[np.float32], normals: Normals | None) -> FloatArray | None:
    """Unit vectors (N, 3) from the points to the scanners that saw them, if these are known."""
    if normals is None or not normals.are_sights:
        return None
    ways = normals.directions.astype(np.float64)
    if not are_from_there(points.astype(np.float64), ways):
        return None
    return np.asarray(ways / (np.linalg.norm(ways, axis=1, keepdims=True) + 1e-12))


def _closing(mesh: Mesh, cloud: Oriented) -> float:
    """The share of a mesh's area that has no points nearby and closes gaps, by some faces."""
    mesh = Mesh(mesh.vertices, mesh.faces[:: 1 + len(mesh.faces) // _FACES_ASKED])
    is_gap = faces_in_gaps(mesh, cloud.points, SCANNED_WITHIN, cloud.spacing)
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    return float(areas[is_gap].sum() / max(areas.sum(), 1e-12))


def _notes(
    cloud: Oriented, spacing: float, closing: float | None, *, is_within: bool
) -> tuple[Sentence, ...]:
    """closing: the share of the surface that closes gaps; None where the user said what to do.
    is_within: whether the cloud was scanned from within."""
    spacing = 100 * spacing
    if cloud.noise > 0:
        noise = 100 * cloud.noise
        seen = Sentence(
            "Every point of this scan was followed: they lie about {spacing:.2g} % of the "
            "size apart, with noise of {noise:.1g} %",
            spacing=spacing,
            noise=noise,
        )
    else:
        seen = Sentence(
            "Every point of this scan was followed: they lie about {spacing:.2g} % of the "
            "size apart",
            spacing=spacing,
        )
    notes = [seen]
    if cloud.left_out >= _WORTH_SAYING:
        notes.append(
            Sentence(
                "{percent:.2g} % of the points lie off every surface and were left out",
                percent=100 * cloud.left_out,
            )
        )
    if is_within:
        notes.append(
            Sentence(
                "The scan was taken from inside, as of a room: its surfaces face where it was "
                "taken from"
            )
        )
    if cloud.is_open and closing is not None:
        notes.append(
            Sentence(
                "The scan is open: it is a surface, not a solid. Where it has no points the mesh "
                "is open, too; a large number for Gaps closes it"
            )
        )
    elif cloud.is_open:
        notes.append(Sentence("The scan is open: it is a surface, not a solid"))
    elif closing is not None and closing >= _WORTH_SAYING:
        notes.append(
            Sentence(
                "{percent:.2g} % of the surface closes gaps, where the scan has no points: set "
                "Gaps to leave it out",
                percent=100 * closing,
            )
        )
    if cloud.doubtful >= _WORTH_SAYING:
        notes.append(
            Sentence(
                "For {percent:.2g} % of the scan it is uncertain which side is inside: check the "
                "mesh there",
                percent=100 * cloud.doubtful,
            )
        )
    return tuple(notes)


@lru_cache(maxsize=1)
def _network(device: str) -> ScanNetwork:
    return load_scan_network(WEIGHTS, device)


@lru_cache(maxsize=1)
def _denoiser(device: str) -> Denoiser:
    return load_denoiser(DENOISER, device)


def _sides(
    field: Field, device: torch.device, places: NDArray[np.float64], ways: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much more the points' network takes one side of each place for outside, -1 to 1."""
    total = np.zeros(len(places))
    for step in _STEPS:
        logits = [
            evaluate(
                field, torch.from_numpy((places + sign * step * ways).astype(np.float32)).to(device)
            )
            for sign in (-1, 1)
        ]
        total += ((logits[0] - logits[1]) / _SURE).tanh().cpu().numpy()
    return total / len(_STEPS)
