"""Features of query points from the voxels around them, prepared for one object."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.nn import functional

from ..convolutional.patches import PatchFeatures, locate, margin

# How many patches are cut out of the voxels at a time.
_CHUNK = 4096


class PreparedPatches:
    """What `PatchFeatures` gives, for one object's voxels.

    Its first layer is linear, and so is the interpolation before it: the layer is applied once to
    the patch of each voxel that has anything around it, and a query interpolates the results.

    voxels: (1, D, D, D), indexed x, y, z over the unit cube.
    """

    def __init__(self, patches: PatchFeatures, voxels: Tensor) -> None:
        self._module = patches
        self._voxels = voxels.shape[-1]
        self._outside = margin(patches.size)
        self._row, self._rows = _first_layer(patches, voxels[0].detach().float())

    def __call__(self, points: Tensor, features: Tensor) -> Tensor:
        """Features (n, C) at points (n, 3); features: what the planes say there, (n, C)."""
        lower, place = locate(points, self._voxels, self._module.size)
        lower = lower + self._outside
        rows, shares = [], []
        for corner in itertools.product((0, 1), repeat=3):
            x, y, z = (lower + lower.new_tensor(corner)).unbind(-1)
            rows.append(self._row[x, y, z])
            sides = [part if up else 1 - part for up, part in zip(corner, place.T, strict=True)]
            shares.append(sides[0] * sides[1] * sides[2])
        read = functional.embedding_bag(
            torch.stack(rows, dim=1),
            self._rows,
            mode="sum",
            per_sample_weights=torch.stack(shares, dim=1),
        )
        return self._module.mix(read, place, features)


def _first_layer(patches: PatchFeatures, voxels: Tensor) -> tuple[Tensor, Tensor]:
    """The results of `fc_patch` on the patch of each voxel of (D, D, D) and of its surroundings.

    Returns each voxel's row, (E, E, E) int64 with E = D + 2 margin, and the rows (R, hidden); all
    voxels with nothing around share row 0.
    """
    size, outside = patches.size, margin(patches.size)
    padded = functional.pad(voxels, (outside + size // 2,) * 6)
    seen = functional.max_pool3d(padded.abs()[None], size, stride=1)[0] > 0
    first = seen.nonzero()
    row = torch.zeros(seen.shape, dtype=torch.int64, device=voxels.device)
    row[seen] = torch.arange(1, len(first) + 1, device=voxels.device)
    edge = padded.shape[-1]
    steps = torch.arange(size, device=voxels.device)
    offsets = ((steps[:, None, None] * edge + steps[:, None]) * edge + steps).flatten()
    starts = (first[:, 0] * edge + first[:, 1]) * edge + first[:, 2]
    with torch.no_grad():
        rows = [patches.fc_patch(padded.new_zeros(1, size**3))]
        for some in starts.split(_CHUNK):
            rows.append(patches.fc_patch(padded.take(some[:, None] + offsets)))
    return row, torch.cat(rows).float()
