"""From points and a code to occupancy logits, with one global code (paper section 3.1).

Every decoder takes points (B, T, 3), z (B, z_dim) and code (B, c_dim) and returns logits (B, T).
Parameter names and their order are the original's (`im2mesh/onet/models/decoder.py`).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from .layers import CBatchNorm1d, CResnetBlockConv1d, ResnetBlockConv1d, ResnetBlockFC, precisely

BLOCKS = 5


def _rectify(x: Tensor, leaky: bool) -> Tensor:
    return functional.leaky_relu(x, 0.2) if leaky else functional.relu(x)


class SimpleDecoder(nn.Module):
    """`simple`: fully connected, codes added after the input layer; used for generation."""

    def __init__(
        self, *, z_dim: int = 128, c_dim: int = 128, hidden_size: int = 128, leaky: bool = False
    ) -> None:
        super().__init__()
        self.leaky = leaky
        self.fc_p = nn.Linear(3, hidden_size)
        self.fc_z = nn.Linear(z_dim, hidden_size) if z_dim else None
        self.fc_c = nn.Linear(c_dim, hidden_size) if c_dim else None
        for i in range(BLOCKS):
            self.add_module(f"block{i}", ResnetBlockFC(hidden_size))
        self.fc_out = nn.Linear(hidden_size, 1)

    def forward(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        net = precisely(self.fc_p, points)
        if self.fc_z is not None:
            net = net + self.fc_z(z).unsqueeze(1)
        if self.fc_c is not None:
            net = net + self.fc_c(code).unsqueeze(1)
        for i in range(BLOCKS):
            net = self.get_submodule(f"block{i}")(net)
        return self.fc_out(_rectify(net, self.leaky)).squeeze(-1)


class CBatchNormDecoder(nn.Module):
    """`cbatchnorm`: the paper's decoder; the code sets scale and shift of every batch norm."""

    def __init__(
        self, *, z_dim: int = 0, c_dim: int = 256, hidden_size: int = 256, leaky: bool = False
    ) -> None:
        super().__init__()
        self.leaky = leaky
        self.fc_z = nn.Linear(z_dim, hidden_size) if z_dim else None
        self.fc_p = nn.Conv1d(3, hidden_size, 1)
        for i in range(BLOCKS):
            self.add_module(f"block{i}", CResnetBlockConv1d(c_dim, hidden_size))
        self.bn = CBatchNorm1d(c_dim, hidden_size)
        self.fc_out = nn.Conv1d(hidden_size, 1, 1)

    def forward(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        net = precisely(self.fc_p, points.transpose(1, 2))
        if self.fc_z is not None:
            net = net + self.fc_z(z).unsqueeze(-1)
        for i in range(BLOCKS):
            net = self.get_submodule(f"block{i}")(net, code)
        return self.fc_out(_rectify(self.bn(net, code), self.leaky)).squeeze(1)


class CBatchNormDecoder2(nn.Module):
    """`cbatchnorm2`: like `cbatchnorm`, but z is mapped and added to the code."""

    def __init__(
        self, *, z_dim: int = 0, c_dim: int = 256, hidden_size: int = 256, n_blocks: int = BLOCKS
    ) -> None:
        super().__init__()
        self.fc_z = nn.Linear(z_dim, c_dim) if z_dim else None
        self.conv_p = nn.Conv1d(3, hidden_size, 1)
        self.blocks = nn.ModuleList(CResnetBlockConv1d(c_dim, hidden_size) for _ in range(n_blocks))
        self.bn = CBatchNorm1d(c_dim, hidden_size)
        self.conv_out = nn.Conv1d(hidden_size, 1, 1)

    def forward(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        net = precisely(self.conv_p, points.transpose(1, 2))
        if self.fc_z is not None:
            code = code + self.fc_z(z)
        for block in self.blocks:
            net = block(net, code)
        return self.conv_out(functional.relu(self.bn(net, code))).squeeze(1)


class CBatchNormNoResnetDecoder(nn.Module):
    """`cbatchnorm_noresnet`: five plain layers with conditional batch norm (ablation)."""

    def __init__(
        self, *, z_dim: int = 0, c_dim: int = 256, hidden_size: int = 256, leaky: bool = False
    ) -> None:
        super().__init__()
        self.leaky = leaky
        self.fc_z = nn.Linear(z_dim, hidden_size) if z_dim else None
        self.fc_p = nn.Conv1d(3, hidden_size, 1)
        for i in range(BLOCKS):
            self.add_module(f"fc_{i}", nn.Conv1d(hidden_size, hidden_size, 1))
        for i in range(BLOCKS + 1):
            self.add_module(f"bn_{i}", CBatchNorm1d(c_dim, hidden_size))
        self.fc_out = nn.Conv1d(hidden_size, 1, 1)

    def forward(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        net = precisely(self.fc_p, points.transpose(1, 2))
        if self.fc_z is not None:
            net = net + self.fc_z(z).unsqueeze(-1)
        for i in range(BLOCKS):
            net = _rectify(self.get_submodule(f"bn_{i}")(net, code), self.leaky)
            net = self.get_submodule(f"fc_{i}")(net)
        net = _rectify(self.get_submodule(f"bn_{BLOCKS}")(net, code), self.leaky)
        return self.fc_out(net).squeeze(1)


class BatchNormDecoder(nn.Module):
    """`batchnorm`: ordinary batch norm, codes added after the input layer (ablation)."""

    def __init__(
        self, *, z_dim: int = 0, c_dim: int = 256, hidden_size: int = 256, leaky: bool = False
    ) -> None:
        super().__init__()
        self.leaky = leaky
        self.fc_z = nn.Linear(z_dim, hidden_size) if z_dim else None
        self.fc_c = nn.Linear(c_dim, hidden_size) if c_dim else None
        self.fc_p = nn.Conv1d(3, hidden_size, 1)
        for i in range(BLOCKS):
            self.add_module(f"block{i}", ResnetBlockConv1d(hidden_size))
        self.bn = nn.BatchNorm1d(hidden_size)
        self.fc_out = nn.Conv1d(hidden_size, 1, 1)

    def forward(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        net = precisely(self.fc_p, points.transpose(1, 2))
        if self.fc_z is not None:
            net = net + self.fc_z(z).unsqueeze(-1)
        if self.fc_c is not None:
            net = net + self.fc_c(code).unsqueeze(-1)
        for i in range(BLOCKS):
            net = self.get_submodule(f"block{i}")(net)
        return self.fc_out(_rectify(self.bn(net), self.leaky)).squeeze(1)


DECODERS: dict[str, type[nn.Module]] = {
    "simple": SimpleDecoder,
    "cbatchnorm": CBatchNormDecoder,
    "cbatchnorm2": CBatchNormDecoder2,
    "cbatchnorm_noresnet": CBatchNormNoResnetDecoder,
    "batchnorm": BatchNormDecoder,
}
