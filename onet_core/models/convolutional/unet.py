"""The 2D U-Net that spreads information over a feature plane (Ronneberger et al., 2015)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class DoubleConvolution(nn.Module):
    """Two 3x3 convolutions, each followed by a ReLU: (B, C_in, H, W) -> (B, C_out, H, W)."""

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv2d(size_in, size_out, 3, padding=1)
        self.conv_1 = nn.Conv2d(size_out, size_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv_1(functional.relu(self.conv_0(x))))


class UNet(nn.Module):
    """Contracts a plane `depth - 1` times by 2 and expands it again with skip connections.

    (B, channels, R, R) -> (B, channels, R, R), R divisible by 2 ** (depth - 1). The width doubles
    at each level from `width` on.
    """

    def __init__(self, channels: int, *, depth: int = 4, width: int = 32) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.down = nn.ModuleList(
            DoubleConvolution(before, after)
            for before, after in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(below, above, 2, stride=2)
            for below, above in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.up = nn.ModuleList(DoubleConvolution(2 * above, above) for above in widths[-2::-1])
        self.out = nn.Conv2d(width, channels, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for grow, block, skip in zip(self.grow, self.up, skips[-2::-1], strict=True):
            x = block(torch.cat([grow(x), skip], dim=1))
        return self.out(x)
