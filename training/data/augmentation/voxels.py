"""Worse voxels: holes, and cells of the surface that are lost or added. Labels stay."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .batch import Batch, uniform


def voxel_holes(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    holes: float = 2,
    radius: float = 3.0,
) -> Batch:
    """Empties up to `most` balls around random full cells, of up to `radius` cells."""
    inputs = batch["inputs"].clone()
    steps = torch.arange(inputs.shape[1], device=inputs.device, dtype=inputs.dtype)
    grid = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), dim=-1)
    for voxels in inputs:
        full = voxels.nonzero()
        for _ in range(int((round(holes) + 1) * uniform((1,), inputs, generator))):
            if not len(full):
                break
            place, size = uniform((2,), inputs, generator)
            centre = full[int(place * len(full))]
            voxels[(grid - centre).norm(dim=-1) < 1 + (radius - 1) * size] = 0
    return {**batch, "inputs": inputs}


def voxel_noise(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    most: float = 0.05,
) -> Batch:
    """Flips a random share, up to `most`, of the cells on both sides of each surface."""
    inputs = batch["inputs"]
    share = most * uniform((len(inputs), 1, 1, 1), inputs, generator)
    flipped = beside_surface(inputs) & (uniform(inputs.shape, inputs, generator) < share)
    return {**batch, "inputs": torch.where(flipped, 1 - inputs, inputs)}


def beside_surface(voxels: Tensor) -> Tensor:
    """Cells (B, R, R, R) that have cells of both kinds among themselves and their neighbours."""
    grown = functional.max_pool3d(voxels[:, None], 3, stride=1, padding=1)
    shrunk = -functional.max_pool3d(-voxels[:, None], 3, stride=1, padding=1)
    return (grown != shrunk)[:, 0]
