"""What the denoiser learns from: what neighbours say of points, and what is true.

Points are some of noisy scans (`noisy`); what their neighbours say is as
`onet_core.scans.opinions` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from onet_core.mesh.files import replacing
from onet_core.models.scans.denoiser import DenoiserConfig
from onet_core.scans.opinions import Neighbourhoods

from .noisy import NoisyScan

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


def patches_of(scan: NoisyScan, config: DenoiserConfig) -> Patches:
    """Of the points that are asked about, those of which the truth can be told."""
    around = Neighbourhoods(scan.points, scan.normals, scan.noise, scan.distances, config)
    rows = scan.rows
    opinions = around.around(rows)
    at, frames, unit = scan.points[rows], opinions.frames, opinions.unit
    # The nearest neighbour's middle quadric tells which part of the surface a point is of.
    fit = opinions.heights[:, 0, 1].double().numpy() * unit
    distance, nearest = cKDTree(scan.surface).query(at + fit[:, None] * frames[:, 2])
    true = scan.surface_normals[nearest]
    away = np.einsum("mi,mi->m", at - scan.surface[nearest], true)
    along = np.einsum("mij,mj->mi", frames, true)
    # Far from its surface, or seen from the side, nothing that is said of a point is right.
    fair = distance < _FAR * np.maximum(unit, around.spacing[rows])
    fair &= np.abs(along[:, 2]) > 0.2
    left = away + fit * along[:, 2]
    return Patches(
        opinions.features[fair].half(),
        opinions.heights[fair].half(),
        torch.from_numpy(away[fair] / unit[fair]).float(),
        torch.from_numpy(along[fair]).float(),
        torch.from_numpy(left[fair] / unit[fair]).float(),
    )


def save(patches: Patches, path: Path) -> None:
    """Writes them whole or not at all."""
    arrays = {name: getattr(patches, name).numpy() for name in Patches.__dataclass_fields__}
    with replacing(path) as part:
        np.savez(part, **arrays)


def load(paths: list[Path]) -> Patches:
    """The patches of files, one after the other."""
    found = []
    for path in paths:
        with np.load(path, allow_pickle=False) as stored:
            found.append(
                Patches(*(torch.from_numpy(stored[name]) for name in Patches.__dataclass_fields__))
            )
    return joined(found)


def joined(found: list[Patches]) -> Patches:
    """All of them, one after the other."""
    names = Patches.__dataclass_fields__
    found = [one for one in found if len(one)]
    if not found:
        return Patches(*(torch.zeros(0) for _ in names))
    return Patches(*(torch.cat([getattr(one, name) for one in found]) for name in names))
