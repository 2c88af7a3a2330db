"""From an observation to feature planes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers import ResnetBlockFC, convolved, in_one_thread, precisely
from .planes import PLANES, CellMaxima, cells_of_planes, scatter_mean
from .surroundings import Surroundings
from .unet import UNet
from .volume import PointVolume


class LocalPointNet(nn.Module):
    """A PointNet whose pooling is local to the cells of the feature planes.

    Peng et al. 2020, section 3.1: after each block a point sees the maximum over the points that
    share its cell, summed over the three planes. Points (B, N, 3) -> planes name -> (B, C, R, R),
    and, with keep_points, the points as "cloud" and what is known of them as "cloud_features",
    (B, N, C). surroundings: the counts of `Surroundings`, whose features are added to the points',
    and whose shapes are kept with them as "cloud_forms" and "cloud_normals"; none for none, as in
    the paper. volume: what makes a "grid" (B, C, D, D, D) of the points' features beside the
    planes, if anything does.
    """

    def __init__(
        self,
        *,
        channels: int,
        hidden: int,
        resolution: int,
        padding: float,
        blocks: int = 5,
        keep_points: bool = False,
        surroundings: Sequence[int] = (),
        volume: PointVolume | None = None,
    ) -> None:
        super().__init__()
        self.keep_points = keep_points
        self.volume = volume
        self.resolution = resolution
        self.padding = padding
        self.fc_pos = nn.Linear(3, 2 * hidden)
        self.blocks = nn.ModuleList(ResnetBlockFC(2 * hidden, hidden) for _ in range(blocks))
        self.fc_c = nn.Linear(hidden, channels)
        self.surroundings = (
            Surroundings(surroundings, channels=channels) if len(surroundings) else None
        )

    def forward(self, points: Tensor) -> dict[str, Tensor]:
        index = cells_of_planes(points, self.resolution, self.padding)
        maxima = CellMaxima(index, self.resolution)
        first, *others = self.blocks
        features = first(precisely(self.fc_pos, points))
        for block in others:
            features = block(torch.cat([features, maxima(features)], dim=-1))
        features = self.fc_c(features)
        fitted: dict[str, Tensor] = {}
        if self.surroundings is not None:
            described, forms, normals = self.surroundings(points)
            features = features + described
            fitted = {"cloud_forms": forms, "cloud_normals": normals}
        code = {
            name: scatter_mean(features, cells, self.resolution)
            for name, cells in zip(PLANES, index.unbind(1), strict=True)
        }
        if self.volume is not None:
            code["grid"] = self.volume(points, features)
        if self.keep_points:
            code.update(cloud=points, cloud_features=features, **fitted)
        return code


class VoxelFeatures(nn.Module):
    """Occupancy voxels as a grid of features and their projections onto the planes.

    Voxels (B, D, D, D), indexed x, y, z over the unit cube, -> "grid" (B, C, D, D, D) for local
    detail and planes name -> (B, C, R, R) for context. A plane's cell sees the whole column of
    voxels behind it, not their mean, so that nothing of the input is lost.
    """

    def __init__(
        self, *, channels: int, resolution: int, padding: float, width: int = 16, voxels: int = 32
    ) -> None:
        super().__init__()
        self.resolution = resolution
        self.padding = padding
        self.conv_0 = nn.Conv3d(1, width, 3, padding=1)
        self.conv_1 = nn.Conv3d(width, width, 3, padding=1)
        self.conv_grid = nn.Conv3d(width, channels, 3, padding=1)
        self.columns = nn.ModuleDict(
            {name: nn.Conv2d(width * voxels, channels, 1) for name in PLANES}
        )

    def forward(self, voxels: Tensor) -> dict[str, Tensor]:
        volume = functional.relu(convolved(self.conv_0, voxels.unsqueeze(1)))
        volume = functional.relu(convolved(self.conv_1, volume))
        code = {"grid": convolved(self.conv_grid, volume)}
        for name, (width_axis, height_axis) in PLANES.items():
            (column_axis,) = {0, 1, 2} - {width_axis, height_axis}
            # (B, width, D, D, D) -> (B, width * column, height, width axis)
            seen = volume.permute(0, 1, 2 + column_axis, 2 + height_axis, 2 + width_axis)
            # Several threads share out the long sums over a column: other bytes than with one.
            with in_one_thread(seen):
                column = self.columns[name](seen.flatten(1, 2))
            code[name] = self._resample(column)
        return code

    def _resample(self, plane: Tensor) -> Tensor:
        """(B, C, D, D) over the unit square -> (B, C, R, R) over the padded square."""
        steps = (torch.arange(self.resolution, device=plane.device) + 0.5) / self.resolution
        line = ((steps * 2 - 1) * (1 + self.padding)).to(plane.dtype)
        grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
        grid = grid.expand(len(plane), -1, -1, -1)
        return functional.grid_sample(plane, grid, padding_mode="zeros", align_corners=False)


class PlaneGenerator(nn.Module):
    """A code vector grown into three feature planes: (B, size_in) -> name -> (B, C, R, R).

    A linear map gives each plane a 4 x 4 image; every level doubles it, with weights shared by the
    planes.
    """

    def __init__(self, size_in: int, *, channels: int, resolution: int, width: int = 128) -> None:
        super().__init__()
        levels = (resolution // 4).bit_length() - 1
        if resolution != 4 * 2**levels or levels < 1:
            raise ValueError(f"The planes' resolution must be 8, 16, 32, ...; got {resolution}.")
        widths = [max(channels, width >> level) for level in range(levels + 1)]
        self.width = width
        self.fc = nn.Linear(size_in, len(PLANES) * width * 16)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in itertools.pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(8, after) for after in widths[1:-1])
        self.out = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, code: Tensor) -> dict[str, Tensor]:
        batch = len(code)
        x = self.fc(code).reshape(batch * len(PLANES), self.width, 4, 4)
        for level, conv in enumerate(self.convs):
            x = conv(functional.interpolate(functional.relu(x), scale_factor=2.0, mode="bilinear"))
            if level < len(self.norms):
                x = self.norms[level](x)
        x = self.out(functional.relu(x))
        x = x.reshape(batch, len(PLANES), *x.shape[1:])
        return {name: x[:, i] for i, name in enumerate(PLANES)}


class RefinedPlanes(nn.Module):
    """An encoder whose planes pass through one U-Net, with weights shared by the three planes."""

    def __init__(self, encoder: nn.Module, *, channels: int, depth: int, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.unet = UNet(channels, depth=depth, width=width)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        code = self.encoder(inputs)
        stacked = torch.cat([code[name] for name in PLANES])
        refined = self.unet(stacked.contiguous(memory_format=torch.channels_last))
        return {**code, **dict(zip(PLANES, refined.chunk(len(PLANES)), strict=True))}
