"""The building blocks of the networks, with the original's parameter names and initialisation.

Source: Occupancy Networks, `im2mesh/layers.py`. Point features are (B, C, T) in the convolutional
layers and (B, ..., C) in the fully connected ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional


def precisely(layer: nn.Linear | nn.Conv1d, coordinates: Tensor) -> Tensor:
    """The layer in its own precision, under autocast too.

    For layers that read coordinates: bfloat16 has 8 bits, which would move a point by up to 1/512
    of the unit cube. What follows then keeps its residual sums in float32.
    """
    with torch.autocast(coordinates.device.type, enabled=False):
        return layer(coordinates.to(layer.weight.dtype))


def convolved(layer: nn.Conv3d, values: Tensor) -> Tensor:
    """What a convolution with stride 1 gives, by oneDNN wherever nothing is learned.

    With one thread torch takes a way of its own instead, which on processors with AVX2 takes ten
    times as long.
    """
    if (
        values.device.type != "cpu"
        or values.dtype != torch.float32
        or layer.training
        or torch.is_grad_enabled()
        or not torch.backends.mkldnn.is_available()
    ):
        return layer(values)
    assert not isinstance(layer.padding, str)
    made: Tensor = torch.mkldnn_convolution(
        values,
        layer.weight,
        layer.bias,
        layer.padding,
        layer.stride,
        layer.dilation,
        layer.groups,
    )
    return made


@contextmanager
def in_one_thread(values: Tensor) -> Iterator[None]:
    """Has the processor compute in one thread, so that the result does not depend on how many there
    are; only where nothing is learned, and nothing on graphics cards.

    For small convolutions, which libraries split over threads in ways that change sums.
    """
    threads = torch.get_num_threads()
    if values.device.type != "cpu" or torch.is_grad_enabled() or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def sample_cube(cube: Tensor, places: Tensor) -> Tensor:
    """Numbers (n,) at places (n, 3), -1 to 1 from side to side of a cube (G, G, G) of numbers at
    the nodes of a grid, indexed x, y, z; interpolated linearly, outside as at its sides."""
    # grid_sample looks for x, y, z in the last, the middle and the first axis.
    laid = cube.permute(2, 1, 0)[None, None]
    found = functional.grid_sample(
        laid, places[None, None, None], padding_mode="border", align_corners=True
    )
    return found.flatten()


def resized(pictures: Tensor, size: int) -> Tensor:
    """Square pictures (B, C, S, S) -> (B, C, size, size), smoothed before they become smaller."""
    if pictures.shape[-1] == size:
        return pictures
    return functional.interpolate(pictures, (size, size), mode="bilinear", antialias=True)


class ResnetBlockFC(nn.Module):
    """A pre-activation residual block of two linear layers: (..., size_in) -> (..., size_out).

    The second layer starts at zero, so that a new block passes its input through.
    """

    def __init__(
        self, size_in: int, size_out: int | None = None, size_hidden: int | None = None
    ) -> None:
        super().__init__()
        size_out = size_in if size_out is None else size_out
        size_hidden = min(size_in, size_out) if size_hidden is None else size_hidden
        self.fc_0 = nn.Linear(size_in, size_hidden)
        self.fc_1 = nn.Linear(size_hidden, size_out)
        self.shortcut = nn.Linear(size_in, size_out, bias=False) if size_in != size_out else None
        nn.init.zeros_(self.fc_1.weight)

    def forward(self, x: Tensor) -> Tensor:
        change = self.fc_1(functional.relu(self.fc_0(functional.relu(x))))
        return (x if self.shortcut is None else self.shortcut(x)) + change


class CBatchNorm1d(nn.Module):
    """Batch normalisation whose scale and shift are linear in a code.

    x: (B, size, T), code: (B, c_dim) -> (B, size, T). The scale starts at 1 and the shift at 0.
    """

    def __init__(self, c_dim: int, size: int) -> None:
        super().__init__()
        self.conv_gamma = nn.Conv1d(c_dim, size, 1)
        self.conv_beta = nn.Conv1d(c_dim, size, 1)
        self.bn = nn.BatchNorm1d(size, affine=False)
        nn.init.zeros_(self.conv_gamma.weight)
        nn.init.zeros_(self.conv_beta.weight)
        nn.init.ones_(self.conv_gamma.get_parameter("bias"))
        nn.init.zeros_(self.conv_beta.get_parameter("bias"))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        column = code.unsqueeze(-1)
        return self.conv_gamma(column) * self.bn(x) + self.conv_beta(column)


class CResnetBlockConv1d(nn.Module):
    """A pre-activation residual block with conditional batch norm: (B, size, T) -> (B, size, T)."""

    def __init__(self, c_dim: int, size: int) -> None:
        super().__init__()
        self.bn_0 = CBatchNorm1d(c_dim, size)
        self.bn_1 = CBatchNorm1d(c_dim, size)
        self.fc_0 = nn.Conv1d(size, size, 1)
        self.fc_1 = nn.Conv1d(size, size, 1)
        nn.init.zeros_(self.fc_1.weight)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        change = self.fc_0(functional.relu(self.bn_0(x, code)))
        return x + self.fc_1(functional.relu(self.bn_1(change, code)))


class ResnetBlockConv1d(nn.Module):
    """The same with ordinary batch norm (the paper's ablation without conditioning)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bn_0 = nn.BatchNorm1d(size)
        self.bn_1 = nn.BatchNorm1d(size)
        self.fc_0 = nn.Conv1d(size, size, 1)
        self.fc_1 = nn.Conv1d(size, size, 1)
        nn.init.zeros_(self.fc_1.weight)

    def forward(self, x: Tensor) -> Tensor:
        change = self.fc_0(functional.relu(self.bn_0(x)))
        return x + self.fc_1(functional.relu(self.bn_1(change)))
