"""Features of a query point from the voxels around it.

Feature planes see whole columns of voxels; what decides between inside and outside is mostly the
pattern of the few voxels around. Here each query sees them directly: the cube of voxels centred on
it, read by linear interpolation, so that the field is continuous and knows no preferred place.
Local implicit grids (Jiang et al. 2020) and LIIF (Chen et al. 2021) are the models of the idea.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers import precisely

# Frequencies, in periods per voxel, that tell where between the voxels' centres a point lies.
PERIODS = (1, 2, 4, 8)
# From so many queries of a shape on it may pay to read each voxel's patch once.
_MANY = 8192


class PatchFeatures(nn.Module):
    """Features from the size^3 voxels around each query point.

    channels: width of the features that are read and given; hidden: width in between; size: odd;
    layers: how many residual layers there are, `fc_1` and so on.
    """

    def __init__(self, *, channels: int, hidden: int, size: int, layers: int = 2) -> None:
        super().__init__()
        if size < 1 or size % 2 == 0:
            raise ValueError(f"A patch needs a voxel in its middle: an odd size, not {size}.")
        self.size = size
        places = 2 * 3 * len(PERIODS)
        self.fc_patch = nn.Linear(size**3, hidden)
        self.fc_place = nn.Linear(places, hidden, bias=False)
        self.fc_plane = nn.Linear(channels, hidden, bias=False)
        self.fc_0 = nn.Linear(hidden + places, hidden)
        self._residual = [f"fc_{number + 1}" for number in range(layers)]
        for name in self._residual:
            self.add_module(name, nn.Linear(hidden, hidden))
        self.fc_out = nn.Linear(hidden, channels)

    @property
    def residual(self) -> list[nn.Module]:
        """The residual layers, in turn."""
        return [self.get_submodule(name) for name in self._residual]

    def forward(self, points: Tensor, voxels: Tensor, features: Tensor) -> Tensor:
        """Features (B, T, C) at points (B, T, 3) of the network frame.

        voxels: (B, D, D, D), indexed x, y, z over the unit cube, empty around it; features: what
        the planes say there, (B, T, C).
        """
        return self.mix(*self.read(points, voxels), features)

    def read(self, points: Tensor, voxels: Tensor) -> tuple[Tensor, Tensor]:
        """What `fc_patch` makes of the voxels around points (B, T, 3): (B, T, hidden), and where
        between voxels' centres the points lie: (B, T, 3) in [0, 1]. See `forward`."""
        lower, place = locate(points, voxels.shape[-1], self.size)
        patches = self._once_each(lower, place, voxels) if points.shape[1] >= _MANY else None
        if patches is None:
            patches = self.fc_patch(around(points, voxels, self.size)[0])
        return patches, place

    def _once_each(self, lower: Tensor, place: Tensor, voxels: Tensor) -> Tensor | None:
        """What `fc_patch` makes of the voxels around queries, (B, T, hidden), by way of the voxels.

        The layer and the interpolation before it are linear: the layer is applied once to the patch
        of each voxel that is read, and the queries interpolate the results. None where more voxels
        are read than there are queries. lower, place: see `locate`; voxels: (B, D, D, D).
        """
        outside = margin(self.size)
        edge = voxels.shape[-1] + 2 * outside
        corners = torch.tensor(list(product((0, 1), repeat=3)), device=lower.device)
        steps = torch.tensor([edge**2, edge, 1], device=lower.device)
        number = ((lower + outside) * steps).sum(-1, keepdim=True) + (corners * steps).sum(-1)
        number += torch.arange(len(voxels), device=lower.device)[:, None, None] * edge**3
        is_read = torch.zeros(len(voxels) * edge**3, dtype=torch.bool, device=lower.device)
        is_read[number.flatten()] = True
        read = is_read.nonzero().flatten()
        if len(read) > lower[..., 0].numel():
            return None
        windows = functional.pad(voxels, (outside + self.size // 2,) * 6)
        for axis in (1, 2, 3):
            windows = windows.unfold(axis, self.size, 1)
        shape = (len(voxels), edge, edge, edge)
        rows = self.fc_patch(windows[torch.unravel_index(read, shape)].flatten(1))
        x, y, z = torch.stack([1 - place, place], dim=-1).unbind(-2)
        shares = x[..., :, None, None] * y[..., None, :, None] * z[..., None, None, :]
        row = is_read.cumsum(0)[number] - 1
        found = functional.embedding_bag(
            row.flatten(0, 1),
            rows.float(),
            mode="sum",
            per_sample_weights=shares.flatten(-3).flatten(0, 1).float(),
        )
        return found.view(*place.shape[:2], -1)

    def mix(self, patches: Tensor, place: Tensor, features: Tensor) -> Tensor:
        """The layers behind `fc_patch`, whose results (..., hidden) are linear in the patches."""
        where = periodic(place)
        net = patches + precisely(self.fc_place, where) + self.fc_plane(features)
        net = functional.relu(net)
        net = functional.relu(self.fc_0(torch.cat([net, where.to(net.dtype)], dim=-1)))
        for layer in self.residual:
            net = net + functional.relu(layer(net))
        return self.fc_out(net)


def margin(size: int) -> int:
    """How many voxels outside of the cube a patch of that size starts to be empty."""
    return size // 2 + 1


def locate(points: Tensor, voxels: int, size: int) -> tuple[Tensor, Tensor]:
    """The voxel below each point, and how far the point is from its centre to the next one's.

    points: (..., 3) in the network frame; voxels: cells along an edge; size: of the patches.
    Returns int64 and float (..., 3), the latter in [0, 1]. Points whose patch is empty because
    they are far outside are moved to the nearest place where it still is.
    """
    outside = margin(size)
    place = ((points + 0.5) * voxels - 0.5).clamp(-outside, voxels - 1 + outside)
    lower = place.detach().floor().clamp(max=voxels - 2 + outside)
    return lower.long(), place - lower


def around(points: Tensor, voxels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The voxels around points (B, T, 3), interpolated: (B, T, size^3), and where between voxels'
    centres the points lie: (B, T, 3) in [0, 1]. See `PatchFeatures.forward`."""
    lower, place = locate(points, voxels.shape[-1], size)
    # Room for the patch of a point that is as far outside as `locate` lets it be.
    room = margin(size) + size // 2
    padded = functional.pad(voxels, (room,) * 6)
    edge = padded.shape[-1]
    steps = torch.arange(size + 1, device=points.device)
    offsets = (steps[:, None, None] * edge + steps[:, None]) * edge + steps
    first = lower + (room - size // 2)
    first = (first[..., 0] * edge + first[..., 1]) * edge + first[..., 2]
    index = first.unsqueeze(-1) + offsets.flatten()
    values = padded.flatten(1).gather(1, index.flatten(1))
    values = values.view(*points.shape[:2], size + 1, size + 1, size + 1)
    x, y, z = place.to(values.dtype)[..., None, None, None].unbind(2)
    values = torch.lerp(values[:, :, :-1], values[:, :, 1:], x)
    values = torch.lerp(values[..., :-1, :], values[..., 1:, :], y)
    values = torch.lerp(values[..., :-1], values[..., 1:], z)
    return values.flatten(2), place


def periodic(place: Tensor) -> Tensor:
    """Sines and cosines of places (..., 3) -> (..., 6 * periods): equal at 0 and at 1."""
    angles = place.unsqueeze(-1) * (
        2 * torch.pi * torch.tensor(PERIODS, device=place.device, dtype=place.dtype)
    )
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)
