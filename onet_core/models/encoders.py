"""From an observation to one global code (paper section 3.3 and supplementary section 1).

Parameter names are the original's (`im2mesh/encoder`), so that its checkpoints load key for key.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import ResnetBlockFC, precisely
from .resnet import ResNet18Features

# ImageNet's statistics, which the original's pretrained ResNet expects.
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_DEVIATION = (0.229, 0.224, 0.225)


class ImageEncoder(nn.Module):
    """ResNet-18 and a linear map: pictures (B, 3, S, S) in [0, 1] -> (B, c_dim)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, c_dim: int = 256) -> None:
        super().__init__()
        self.features = ResNet18Features()
        self.fc = nn.Linear(512, c_dim)
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer(
            "deviation", torch.tensor(IMAGE_DEVIATION).view(3, 1, 1), persistent=False
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.features((images - self.mean) / self.deviation))


def _with_maximum(features: Tensor) -> Tensor:
    """Each point's features beside the maximum over all points: (B, N, C) -> (B, N, 2 C)."""
    return torch.cat([features, features.amax(1, keepdim=True).expand_as(features)], dim=-1)


class ResnetPointnet(nn.Module):
    """PointNet of residual blocks with pooling in between: points (B, N, 3) -> (B, c_dim)."""

    def __init__(self, c_dim: int = 512, hidden_dim: int = 512) -> None:
        super().__init__()
        self.fc_pos = nn.Linear(3, 2 * hidden_dim)
        for i in range(5):
            self.add_module(f"block_{i}", ResnetBlockFC(2 * hidden_dim, hidden_dim))
        self.fc_c = nn.Linear(hidden_dim, c_dim)

    def forward(self, points: Tensor) -> Tensor:
        net = self.get_submodule("block_0")(precisely(self.fc_pos, points))
        for i in range(1, 5):
            net = self.get_submodule(f"block_{i}")(_with_maximum(net))
        return self.fc_c(functional.relu(net.amax(1)))


class SimplePointnet(nn.Module):
    """PointNet of four linear layers with pooling in between: points (B, N, 3) -> (B, c_dim)."""

    def __init__(self, c_dim: int = 128, hidden_dim: int = 128) -> None:
        super().__init__()
        self.fc_pos = nn.Linear(3, 2 * hidden_dim)
        for i in range(4):
            self.add_module(f"fc_{i}", nn.Linear(2 * hidden_dim, hidden_dim))
        self.fc_c = nn.Linear(hidden_dim, c_dim)

    def forward(self, points: Tensor) -> Tensor:
        net = self.get_submodule("fc_0")(functional.relu(precisely(self.fc_pos, points)))
        for i in range(1, 4):
            net = self.get_submodule(f"fc_{i}")(functional.relu(_with_maximum(net)))
        return self.fc_c(functional.relu(net.amax(1)))


class VoxelEncoder(nn.Module):
    """Five 3D convolutions and a linear map: voxels (B, 32, 32, 32) -> (B, c_dim)."""

    def __init__(self, c_dim: int = 256) -> None:
        super().__init__()
        self.conv_in = nn.Conv3d(1, 32, 3, padding=1)
        for i in range(4):
            self.add_module(f"conv_{i}", nn.Conv3d(32 * 2**i, 64 * 2**i, 3, padding=1, stride=2))
        self.fc = nn.Linear(512 * 2**3, c_dim)

    def forward(self, voxels: Tensor) -> Tensor:
        net = self.conv_in(voxels.unsqueeze(1))
        for i in range(4):
            net = self.get_submodule(f"conv_{i}")(functional.relu(net))
        return self.fc(functional.relu(net.flatten(1)))


class IndexEncoder(nn.Embedding):
    """One learned code for each shape of a dataset: indices (B,) -> (B, c_dim).

    For the paper's experiment on representation power (section 4.1).
    """

    def __init__(self, c_dim: int = 512, *, shapes: int) -> None:
        super().__init__(shapes, c_dim)


class LatentEncoder(nn.Module):
    """The VAE's encoder q(z | points, occupancies), a PointNet with pooling.

    points (B, T, 3), occupancies (B, T), code (B, c_dim) -> mean and log standard deviation of z,
    each (B, z_dim).
    """

    def __init__(self, z_dim: int = 128, c_dim: int = 0, dim: int = 128) -> None:
        super().__init__()
        self.fc_pos = nn.Linear(3, dim)
        self.fc_c = nn.Linear(c_dim, dim) if c_dim else None
        self.fc_0 = nn.Linear(1, dim)
        self.fc_1 = nn.Linear(dim, dim)
        self.fc_2 = nn.Linear(2 * dim, dim)
        self.fc_3 = nn.Linear(2 * dim, dim)
        self.fc_mean = nn.Linear(dim, z_dim)
        self.fc_logstd = nn.Linear(dim, z_dim)

    def forward(self, points: Tensor, occupancies: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        net = self.fc_0(occupancies.unsqueeze(-1)) + precisely(self.fc_pos, points)
        if self.fc_c is not None:
            net = net + self.fc_c(code).unsqueeze(1)
        net = self.fc_1(functional.relu(net))
        net = self.fc_2(functional.relu(_with_maximum(net)))
        net = self.fc_3(functional.relu(_with_maximum(net)))
        net = net.amax(1)
        return self.fc_mean(net), self.fc_logstd(net)
