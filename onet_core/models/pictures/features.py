"""What a picture shows: one code for all of it, maps of features for its places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from ..resnet import BasicBlock

# Pixels of the picture to one of each map, from fine to coarse: the levels of the pyramid.
STRIDES = (2, 4, 8, 16, 32)


class PictureFeatures(NamedTuple):
    """What the encoder makes of pictures.

    code: (B, code).
    fine: (B, C, S/2, S/2).
    coarse: (B, C, S/8, S/8).
    """

    code: Tensor
    fine: Tensor
    coarse: Tensor


class Backbone(nn.Module):
    """Residual blocks at five sizes and back up again (a feature pyramid, Lin et al. 2017).

    Pictures (B, 3, S, S) in [0, 1] -> `PictureFeatures`. widths, blocks: of the levels of STRIDES;
    channels: C; code: width of the code; size: S, a multiple of 32.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        blocks: Sequence[int],
        channels: int,
        code: int,
        size: int,
    ) -> None:
        super().__init__()
        if len(widths) != len(STRIDES) or len(blocks) != len(STRIDES) or size % STRIDES[-1]:
            raise ValueError(
                f"A backbone has {len(STRIDES)} widths and numbers of blocks and reads pictures "
                f"whose size is a multiple of {STRIDES[-1]}."
            )
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        self.levels = nn.ModuleList()
        before = widths[0]
        for number, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            level = []
            for block in range(count):
                level.append(BasicBlock(before, width, 2 if number and block == 0 else 1))
                before = width
            self.levels.append(nn.Sequential(*level))
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.coarse = nn.Conv2d(channels, channels, 3, padding=1)
        self.fine = nn.Conv2d(channels, channels, 3, padding=1)
        cells = (size // STRIDES[-1]) ** 2
        self.narrow = nn.Conv2d(widths[-1], channels, 1)
        self.summary = nn.Linear(channels * cells, code)

    def forward(self, pictures: Tensor) -> PictureFeatures:
        x = self.stem((pictures - 0.5) * 4)
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        code = functional.relu(self.summary(functional.relu(self.narrow(x)).flatten(1)))
        down = self.lateral[-1](maps[-1])
        coarse = down
        for number in range(len(maps) - 2, -1, -1):
            down = functional.interpolate(down, scale_factor=2.0) + self.lateral[number](
                maps[number]
            )
            if STRIDES[number] == 8:
                down = down + self.coarse(functional.relu(down))
                coarse = down
        return PictureFeatures(code, down + self.fine(functional.relu(down)), coarse)
