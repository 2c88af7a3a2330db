"""A volume of features beside the planes: what is known of all of a cloud, in three dimensions.

Planes mix what lies behind each other along an axis; where a part of the surface was not seen, a
volume can say what must be there. Peng et al. 2020, section 3.1, have such volumes instead of
planes; here a small, coarse one joins them. The U-Net is that of Cicek et al. (2016).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# The number of channels that are normalised as one group.
_GROUP = 8


class Convolutions(nn.Module):
    """Two 3x3x3 convolutions, each normalised and then a ReLU: (B, C_in, D, D, D) -> C_out."""

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv3d(size_in, size_out, 3, padding=1)
        self.norm_0 = nn.GroupNorm(size_out // _GROUP, size_out)
        self.conv_1 = nn.Conv3d(size_out, size_out, 3, padding=1)
        self.norm_1 = nn.GroupNorm(size_out // _GROUP, size_out)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm_0(self.conv_0(x)))
        return functional.relu(self.norm_1(self.conv_1(x)))


class PointVolume(nn.Module):
    """Features of points (B, N, C), spread over a volume of the unit cube and refined there.

    channels: of the points' features and of the volume's, which is (B, C, R, R, R), indexed x, y,
    z; resolution: R, divisible by 2 ** (depth - 1); width: of the first level of the U-Net, which
    doubles at each further one, divisible by 8. The volume is zero before it has learned, so that
    it can join a trained network.
    """

    def __init__(self, *, channels: int, resolution: int, width: int, depth: int = 3) -> None:
        super().__init__()
        if width % _GROUP or resolution % 2 ** (depth - 1):
            raise ValueError(
                f"A volume's width must be a multiple of {_GROUP} and its resolution of "
                f"{2 ** (depth - 1)}; got {width} and {resolution}."
            )
        self.resolution = resolution
        widths = [width * 2**level for level in range(depth)]
        # The mean of the features in each cell, and how many points there are.
        self.down = nn.ModuleList(
            Convolutions(before, after)
            for before, after in zip([channels + 1, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            Convolutions(below + above, above)
            for below, above in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.out = nn.Conv3d(width, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.get_parameter("bias"))

    def forward(self, points: Tensor, features: Tensor) -> Tensor:
        """points: (B, N, 3) in the network's frame; features: (B, N, C) -> (B, C, R, R, R)."""
        x = self._gathered(points, features)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool3d(x, 2) if level else x)
            skips.append(x)
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            x = block(torch.cat([functional.interpolate(x, scale_factor=2.0), skip], dim=1))
        return self.out(x)

    def _gathered(self, points: Tensor, features: Tensor) -> Tensor:
        """(B, C + 1, R, R, R): means, and the logarithm of one more than the cell's points."""
        batch, _, channels = features.shape
        size = self.resolution
        x, y, z = ((points.detach() + 0.5) * size).long().clamp(0, size - 1).unbind(-1)
        index = ((x * size + y) * size + z).unsqueeze(-1)
        summed = torch.cat([features, torch.ones_like(features[..., :1])], dim=-1)
        cells = summed.new_zeros(batch, size**3, channels + 1)
        cells = cells.scatter_add(1, index.expand_as(summed), summed)
        number = cells[..., -1:]
        cells = torch.cat([cells[..., :-1] / number.clamp_min(1), number.log1p()], dim=-1)
        # Channels stay the fastest axis in memory, which convolutions like on graphics cards.
        return cells.view(batch, size, size, size, channels + 1).permute(0, 4, 1, 2, 3)
