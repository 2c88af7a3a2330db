"""Balls as a dataset, and networks that know them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from onet_core.models.description import ModelDescription

POINTS = ModelDescription(
    "balls", "Balls", "convolutional", "points", inputs={"points": 300, "noise": 0.0}, threshold=0.5
)


VOXELS = ModelDescription("balls", "Balls", "convolutional", "voxels", threshold=0.5)
IMAGE = ModelDescription("balls", "Balls", "image_planes", "image", inputs={"image_size": 64})


class ExactBalls(nn.Module):
    """Reads the radius of a ball off its input, and gives exactly that ball, times `error`."""

    z_dim = 0

    def __init__(self, error: float = 1.0) -> None:
        super().__init__()
        self.error = error

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        if inputs.dim() == 3:
            return inputs.norm(dim=-1).mean(dim=1)
        return (inputs.sum(dim=(1, 2, 3)) / 32**3 / (4 / 3 * torch.pi)) ** (1 / 3)

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        return 100 * (self.error * code[:, None] - points.norm(dim=-1))
