"""What the denoiser learns from: noisy scans of surfaces, as the dense way prepares them.

Surfaces are those of the scan network's training (`examples`), read by that network, with
signs, noise and opinions as `onet_core.scans` makes them; the truth is a far denser scan without
noise.
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
from onet_core.scans.opinions import Neighbourhoods
from onet_core.scans.surface import prepared

from .examples import Harm, Surfaces, bent, missing, scanned, spacing_of_clouds, surfaces_of
from .solids import random_turns

FloatArray = NDArray[np.float64]

_FEWEST_POINTS, _MOST_POINTS = 12_000, 60_000
_LEAST_NOISE, _MOST_NOISE = 0.12, 4.0
_TRUE_POINTS = 250_000
_SOLIDS = 0.4
_FAR = 4.0


@dataclass(frozen=True)
class Patches:
    """Points with what is said of them and what is true.

    features, heights: (M, K, 16) and (M, K, 3), see `onet_core.scans.opinions`.
    away: (M,) how far the point is from the true surface, positive outside, in units of its noise.
    normals: (M, 3) of the true surface, in the point's frame.
    fitted: (M,) what the middle quadric leaves of `away`.
    """

    features: Tensor
    heights: Tensor
    away: Tensor
    normals: Tensor
    fitted: Tensor

    def __len__(self) -> int:
        return len(self.away)


def patches_of(
    bank: Surfaces, ids: Tensor, network: ScanNetwork, points: int, seed: int
) -> Patches | None:
    """At most that many points of one noisy scan, of one of the bank's shapes `ids` (N,) or of a
    random solid; None where it shows no noise or too little of a surface."""
    random = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    chosen = ids[int(random.integers(len(ids)))][None]
    count = int(math.exp(random.uniform(math.log(_FEWEST_POINTS), math.log(_MOST_POINTS))))
    is_solid = int(random.random() < _SOLIDS)
    surface, normals, valid, _ = surfaces_of(bank, chosen, _TRUE_POINTS, is_solid, generator)
    surface, normals = bent(surface, normals, generator)
    turn = random_turns((1,), generator, surface.device).transpose(1, 2)
    surface, normals = (surface @ turn)[:, valid[0]], (normals @ turn)[:, valid[0]]
    if surface.shape[1] < 1.2 * count:
        return None
    some = surface[:, :count]
    kept = ~missing(some, generator)
    strength = math.exp(random.uniform(math.log(_LEAST_NOISE), math.log(_MOST_NOISE)))
    spacing = spacing_of_clouds(some, kept, generator)
    harm = Harm(noise=strength)
    cloud, _, outlier = scanned(some, normals[:, :count], spacing, harm, generator)
    ready = prepared(cloud[kept].double().numpy(), network)
    if not ready.noise.any():
        return None
    around = Neighbourhoods(ready.points, ready.normals, ready.noise, ready.distances)
    truth = surface[0].double().numpy(), normals[0].double().numpy()
    rows = np.flatnonzero(~outlier[kept].numpy()[ready.is_kept])
    rows = random.choice(rows, min(points, len(rows)), replace=False)
    return _known(around, rows, *truth)


def _known(
    around: Neighbourhoods, rows: NDArray[np.int64], surface: FloatArray, normals: FloatArray
) -> Patches:
    """Opinions of the points with these numbers (M,), beside the true surface near their fits."""
    opinions = around.around(rows)
    at = around.points[rows]
    fit = around.heights[rows]
    distance, nearest = cKDTree(surface).query(at + fit[:, None] * around.directions[rows])
    true = normals[nearest]
    away = np.einsum("mi,mi->m", at - surface[nearest], true)
    left = away + fit * np.einsum("mi,mi->m", around.directions[rows], true)
    along = np.einsum("mij,mj->mi", opinions.frames, true)
    # Far from its surface, or seen from the side, nothing that is said of a point is right.
    fair = distance < _FAR * np.maximum(opinions.unit, around.spacing[rows])
    fair &= np.abs(along[:, 2]) > 0.2
    unit = opinions.unit[fair]
    return Patches(
        opinions.features[fair].half(),
        opinions.heights[fair].half(),
        torch.from_numpy(away[fair] / unit).float(),
        torch.from_numpy(along[fair]).float(),
        torch.from_numpy(left[fair] / unit).float(),
    )


def save(patches: Patches, path: Path) -> None:
    """Writes them whole or not at all."""
    arrays = {name: getattr(patches, name).numpy() for name in Patches.__dataclass_fields__}
    with replacing(path) as part:
        np.savez(part, **arrays)


def load(paths: list[Path]) -> Patches:
    """The patches of files, one after the other."""
    columns: dict[str, list[Tensor]] = {name: [] for name in Patches.__dataclass_fields__}
    for path in paths:
        with np.load(path, allow_pickle=False) as stored:
            for name, column in columns.items():
                column.append(torch.from_numpy(stored[name]))
    return Patches(**{name: torch.cat(column) for name, column in columns.items()})
