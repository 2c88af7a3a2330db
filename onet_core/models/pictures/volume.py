"""A volume of features in the shape's own frame: what the picture shows there, and what is usual.

Cells see the picture where they and their mirror images are projected, and a volume that is grown
from the picture's code, as all of a kind look. Convolutions join the two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers import convolved
from .camera import PictureCamera


def sample_map(features: Tensor, seen: Tensor) -> Tensor:
    """Features (B, C, H, W) at places (B, N, 2 or more) of x and y, -1 to 1 -> (B, N, C)."""
    # In single precision: half would place points by half a pixel wrong.
    where = seen[:, :, None, :2].float()
    found = functional.grid_sample(
        features.float(), where, padding_mode="border", align_corners=False
    )
    return found[..., 0].transpose(1, 2).to(features.dtype)


def sample_volume(volume: Tensor, points: Tensor, padding: float) -> Tensor:
    """Features (B, C, D, D, D), indexed z, y, x over the box of edge 1 + padding, at points
    (B, N, 3) -> (B, N, C)."""
    where = (points * (2 / (1 + padding)))[:, :, None, None].float()
    found = functional.grid_sample(
        volume.float(), where, padding_mode="border", align_corners=False
    )
    return found[..., 0, 0].transpose(1, 2).to(volume.dtype)


def mirrored(points: Tensor) -> Tensor:
    """Points (..., 3) on the other side of the plane x = 0."""
    return points * points.new_tensor([-1.0, 1.0, 1.0])


class _Block(nn.Module):
    """A residual block of two 3x3x3 convolutions: (B, C, D, D, D) -> the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_0, self.norm_1 = nn.BatchNorm3d(width), nn.BatchNorm3d(width)
        self.conv_0 = nn.Conv3d(width, width, 3, padding=1, bias=False)
        self.conv_1 = nn.Conv3d(width, width, 3, padding=1)
        nn.init.zeros_(self.conv_1.weight)

    def forward(self, x: Tensor) -> Tensor:
        change = convolved(self.conv_0, functional.relu(self.norm_0(x)))
        return x + convolved(self.conv_1, functional.relu(self.norm_1(change)))


class CanonicalVolume(nn.Module):
    """Code and coarse map of a picture and its camera -> features (B, channels, D, D, D).

    code: width of the code; channels: of the map and of the result; width: of the convolutions;
    resolution: D, of cells over the box of edge 1 + padding, a multiple of 4.
    """

    def __init__(
        self, *, code: int, channels: int, width: int, resolution: int, padding: float
    ) -> None:
        super().__init__()
        if resolution % 4:
            raise ValueError(f"The volume's resolution must be a multiple of 4, not {resolution}.")
        self.resolution, self.padding, self.width = resolution, padding, width
        self.start = resolution // 4
        self.usual = nn.Linear(code, width * self.start**3)
        self.grow_0 = nn.Conv3d(width, width, 3, padding=1)
        self.grow_1 = nn.Conv3d(width, width, 3, padding=1)
        # Both projections with their depths, and where the cell is.
        self.shown = nn.Linear(2 * channels + 3 + 3 + 3, width)
        self.join = nn.Conv3d(2 * width, width, 3, padding=1)
        self.before = _Block(width)
        self.down = nn.Conv3d(width, 2 * width, 2, stride=2)
        self.middle = nn.Sequential(_Block(2 * width), _Block(2 * width))
        self.up = nn.Conv3d(2 * width, width, 1)
        self.after = _Block(width)
        self.out = nn.Conv3d(width, channels, 1)

    def cells(self, device: torch.device) -> Tensor:
        """(D * D * D, 3): the middles of the cells, x fastest."""
        steps = (torch.arange(self.resolution, device=device) + 0.5) / self.resolution - 0.5
        line = steps * (1 + self.padding)
        z, y, x = torch.meshgrid(line, line, line, indexing="ij")
        return torch.stack([x, y, z], dim=-1).reshape(-1, 3)

    def forward(self, code: Tensor, coarse: Tensor, camera: PictureCamera) -> Tensor:
        batch, size = len(code), self.resolution
        cells = self.cells(code.device).expand(batch, -1, -1)
        with torch.autocast(code.device.type, enabled=False):
            seen, other = camera.project(cells), camera.project(mirrored(cells))
        given = torch.cat(
            [
                sample_map(coarse, seen),
                sample_map(coarse, other),
                *(part.to(coarse.dtype) for part in (seen, other, cells)),
            ],
            dim=-1,
        )
        shown = self.shown(given).transpose(1, 2).reshape(batch, self.width, size, size, size)
        x = self.usual(code).view(batch, self.width, *(self.start,) * 3)
        for grow in (self.grow_0, self.grow_1):
            x = convolved(grow, functional.interpolate(functional.relu(x), scale_factor=2.0))
        x = convolved(self.join, functional.relu(torch.cat([shown, x], dim=1)))
        x = self.before(x)
        y = self.up(functional.relu(self.middle(self.down(functional.relu(x)))))
        x = x + functional.interpolate(y, scale_factor=2.0)
        return self.out(functional.relu(self.after(x)))
