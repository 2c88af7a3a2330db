"""Noisy scans as the dense way prepares them: what the denoiser's patches are made of.

Surfaces are those of the scan network's training (`examples`), read by that network, with signs and
noise as `onet_core.scans` makes them; the truth is a denser scan without noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from onet_core.mesh.files import replacing
from onet_core.models.scans.network import ScanNetwork
from onet_core.scans.surface import prepared

from .bodies import points_of, random_body
from .examples import Harm, Surfaces, bent, missing, scanned, spacing_of_clouds, surfaces_of
from .solids import random_turns

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FEWEST_POINTS, _MOST_POINTS = 6_000, 40_000
"""Fewer than dense scans have: the shapes have less detail than what is scanned, and it is the
detail in spacings that counts."""

_LEAST_NOISE, _MOST_NOISE = 0.12, 3.0
_SOLIDS = 0.4
_FINER = 6
"""True points of each of the scan."""

_DETAILED, _DETAILS = 0.5, (6.0, 40.0)
"""The share of shapes that are bent by waves of so many spacings, too."""

_ASKED = 2_500


@dataclass(frozen=True)
class NoisyScan:
    """A prepared scan with the true surface.

    points: (N, 3).
    normals: (N, 3), signs consistent.
    noise: (N,) its deviation.
    distances: (N,) how far the scan network takes each for from the surface.
    rows: (M,) numbers of the points that are asked about.
    surface: (T, 3) points of the true surface, without noise.
    surface_normals: (T, 3) outward.
    """

    points: FloatArray
    normals: FloatArray
    noise: FloatArray
    distances: FloatArray
    rows: IntArray
    surface: FloatArray
    surface_normals: FloatArray


def noisy_scan(
    bank: Surfaces | None, ids: Tensor, network: ScanNetwork, seed: int
) -> NoisyScan | None:
    """Of one of the bank's shapes `ids` (N,) or of a random solid, without a bank of a random body;
    None where it shows no noise or too little of a surface."""
    random = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    shape = None if bank is None else ids[int(random.integers(len(ids)))][None]
    count = int(math.exp(random.uniform(math.log(_FEWEST_POINTS), math.log(_MOST_POINTS))))
    if bank is None or shape is None:
        body = random_body(generator, _DETAILS[0] * count**-0.5)
        surface, normals = (array[None] for array in points_of(body, _FINER * count, generator))
    else:
        surface, normals = _surface(bank, shape, count, random, generator)
    turn = random_turns((1,), generator, surface.device).transpose(1, 2)
    surface, normals = surface @ turn, normals @ turn
    if surface.shape[1] < 3 * count:
        return None
    some = surface[:, :count]
    kept = ~missing(some, generator)
    strength = math.exp(random.uniform(math.log(_LEAST_NOISE), math.log(_MOST_NOISE)))
    spacings = spacing_of_clouds(some, kept, generator)
    harm = Harm(noise=strength)
    cloud, _, outlier = scanned(some, normals[:, :count], spacings, harm, generator)
    points = cloud[kept].double().numpy()
    together = cKDTree(points).indices
    ready = prepared(points[together], network)
    if not ready.noise.any():
        return None
    rows = np.flatnonzero(~outlier[kept].numpy()[together][ready.is_kept])
    rows = random.choice(rows, min(_ASKED, len(rows)), replace=False)
    return NoisyScan(
        ready.points, ready.normals, ready.noise, ready.distances,
        rows, surface[0].double().numpy(), normals[0].double().numpy(),
    )  # fmt: skip


def _surface(
    bank: Surfaces,
    shape: Tensor,
    count: int,
    random: np.random.Generator,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Points (1, N, 3) and normals of a bank's shape (1,) or of a random solid, bent."""
    is_solid = int(random.random() < _SOLIDS)
    surface, normals, valid, _ = surfaces_of(bank, shape, _FINER * count, is_solid, generator)
    surface, normals = bent(surface, normals, generator)
    if random.random() < _DETAILED:
        spacing = count**-0.5
        scales = [2 * math.pi / (spacing * length) for length in reversed(_DETAILS)]
        surface, normals = bent(surface, normals, generator, (scales[0], scales[1]))
    return surface[:, valid[0]], normals[:, valid[0]]


def save(scan: NoisyScan | None, path: Path) -> None:
    """Writes a scan whole or not at all, numbers in 32 bits; None as a file of nothing."""
    arrays = {} if scan is None else {name: getattr(scan, name) for name in _NAMES}
    with replacing(path) as part:
        np.savez(part, **{name: array.astype(_kind(name)) for name, array in arrays.items()})


def load(path: Path) -> NoisyScan | None:
    """The scan of a file."""
    with np.load(path, allow_pickle=False) as stored:
        if not stored.files:
            return None
        wide = {"rows": np.int64}
        return NoisyScan(**{name: stored[name].astype(wide.get(name, float)) for name in _NAMES})


_NAMES = tuple(NoisyScan.__dataclass_fields__)


def _kind(name: str) -> type[np.generic]:
    return np.int32 if name == "rows" else np.float32
