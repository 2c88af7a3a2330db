"""What the network says of the picture besides the shape: camera, kind, maps of what is seen."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .camera import PictureCamera

# Directions around the shape that the azimuth is chosen from, before it is refined.
TURNS = 24
# What is added to and multiplied with the numbers, so that each is of the order of 1.
_ELEVATION = (0.35, 0.3)
_LOG_SCALE = (0.3, 0.35)
_NEARNESS = (0.45, 0.25)
_MIDDLE = 0.15


class CameraGuess(NamedTuple):
    """Where the camera may stand.

    turns: (B, TURNS), logits of the directions.
    within: (B, TURNS), how far the azimuth is from the middle of each, in widths of one, -0.5 to
        0.5.
    numbers: (B, 5), elevation, x, y, log_scale, nearness.
    """

    turns: Tensor
    within: Tensor
    numbers: Tensor

    def camera(self) -> PictureCamera:
        """The likeliest camera."""
        best = self.turns.argmax(1)
        offset = self.within.gather(1, best[:, None])[:, 0].float()
        azimuth = (best + 0.5 + offset) * (2 * math.pi / TURNS) - math.pi
        return PictureCamera(azimuth, *self.numbers.float().unbind(1))


class CameraHead(nn.Module):
    """A code (B, size) -> `CameraGuess`."""

    def __init__(self, size: int, hidden: int = 256) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, hidden)
        self.turns = nn.Linear(hidden, TURNS)
        self.within = nn.Linear(hidden, TURNS)
        self.numbers = nn.Linear(hidden, 5)

    def forward(self, code: Tensor) -> CameraGuess:
        x = functional.relu(self.hidden(code))
        raw = self.numbers(x).float()
        scales = raw.new_tensor([_ELEVATION[1], _MIDDLE, _MIDDLE, _LOG_SCALE[1], _NEARNESS[1]])
        means = raw.new_tensor([_ELEVATION[0], 0.0, 0.0, _LOG_SCALE[0], _NEARNESS[0]])
        numbers = raw * scales + means
        numbers = torch.cat([numbers[:, :4], numbers[:, 4:].clamp(0.02, 1.0)], dim=1)
        return CameraGuess(self.turns(x), self.within(x), numbers)


class MapHead(nn.Module):
    """A map (B, C, H, W) -> mask logits (B, H, W), depth (B, H, W), normals (B, 3, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out = nn.Conv2d(channels, 5, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = self.out(functional.relu(features)).float()
        return out[:, 0], out[:, 1], functional.normalize(out[:, 2:], dim=1)
