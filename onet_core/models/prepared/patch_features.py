"""Features of query points from the voxels around them, prepared for one object."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.nn import functional

from ..convolutional.patches import PatchFeatures, locate, margin, periodic
from .folding import matrix
from .products import Layer

# How many patches are cut out of the voxels at a time.
_CHUNK = 4096


class PreparedPatches:
    """What `PatchFeatures` gives, for one object's voxels.

    Its first layer is linear, and so is the interpolation before it: the layer is applied once to
    the patch of each voxel that has anything around it, and a query interpolates the results.

    voxels: (1, D, D, D), indexed x, y, z over the unit cube.
    """

    def __init__(self, patches: PatchFeatures, voxels: Tensor) -> None:
        self._size, self._voxels = patches.size, voxels.shape[-1]
        self._outside = margin(patches.size)
        row, self._rows = _first_layer(patches, voxels[0].detach().float())
        self._row, self._edge = row.flatten(), len(row)
        steps = torch.tensor([self._edge**2, self._edge, 1], device=row.device)
        corners = torch.tensor(list(itertools.product((0, 1), repeat=3)), device=row.device)
        self._steps, self._corners = steps, (corners * steps).sum(1)
        beside = [patches.fc_place.weight, patches.fc_plane.weight]
        self._beside = Layer(torch.cat(beside, dim=1).detach().float())
        self._layers = [
            Layer(layer.weight.float(), layer.bias.float())
            for layer in map(matrix, (patches.fc_0, *patches.residual, patches.fc_out))
        ]

    def __call__(self, points: Tensor, features: Tensor) -> Tensor:
        """Features (n, C) at points (n, 3); features: what the planes say there, (n, C)."""
        lower, place = locate(points, self._voxels, self._size)
        lowest = ((lower + self._outside) * self._steps).sum(1, keepdim=True)
        read = functional.embedding_bag(
            self._row[lowest + self._corners],
            self._rows,
            mode="sum",
            per_sample_weights=_shares(place),
        )
        where = periodic(place)
        first, *residual, out = self._layers
        # In place where nothing has to be kept for a gradient: these are the largest arrays.
        net = read.add_(self._beside(torch.cat([where, features], dim=1))).relu_()
        net = first.rectified(torch.cat([net, where], dim=1))
        for layer in residual:
            more = layer.rectified(net)
            net = net + more if more.requires_grad else more.add_(net)
        return out(net)


def _shares(place: Tensor) -> Tensor:
    """The weights (n, 8) of the voxels around places (n, 3) between their centres, each 0 to 1."""
    # In long rows, which are turned at the end: on rows of eight it takes three times as long.
    along = place.T.contiguous()
    both = torch.stack([1 - along, along], dim=1)
    shares = both[0]
    for axis in (1, 2):
        shares = (shares.unsqueeze(1) * both[axis]).flatten(0, 1)
    return shares.T.contiguous()


def _first_layer(patches: PatchFeatures, voxels: Tensor) -> tuple[Tensor, Tensor]:
    """The results of `fc_patch` on the patch of each voxel of (D, D, D) and of its surroundings.

    Returns each voxel's row, (E, E, E) int64 with E = D + 2 margin, and the rows (R, hidden); all
    voxels with nothing around share row 0.
    """
    size, outside = patches.size, margin(patches.size)
    edge = len(voxels) + 2 * outside
    padded = functional.pad(voxels, (outside + size // 2,) * 6)
    seen = padded != 0
    for axis in range(3):
        seen = seen.unfold(axis, size, 1).any(dim=-1)
    first = seen.flatten().nonzero()
    row = torch.zeros(seen.shape, dtype=torch.int64, device=voxels.device)
    row[seen] = torch.arange(1, len(first) + 1, device=voxels.device)
    # A patch is size slices, each of which lies in one piece here.
    slices = padded.unfold(1, size, 1).unfold(2, size, 1).reshape(-1, size**2)
    along = torch.arange(size, device=voxels.device) * edge**2
    layer = Layer(patches.fc_patch.weight.detach().float(), patches.fc_patch.bias.detach().float())
    rows = [layer(padded.new_zeros(1, size**3))]
    for some in first.split(_CHUNK):
        rows.append(layer(slices[(some + along).flatten()].view(len(some), -1)))
    return row, torch.cat(rows)
