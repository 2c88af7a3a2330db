"""What is fixed once the code is known: batch norms as scales and shifts, layers as matrices."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from ... import devices
from ..layers import CBatchNorm1d

LEAK = 0.2
"""Slope of the decoders' leaky ReLU below zero."""


class Affine(NamedTuple):
    """Scale and shift of each channel, (size,)."""

    scale: Tensor
    shift: Tensor


class Matrix(NamedTuple):
    """A linear layer: weight (size_out, size_in), bias (size_out,)."""

    weight: Tensor
    bias: Tensor

    def then(self, affine: Affine) -> Matrix:
        """This layer with a scale and shift after it."""
        scale, shift = affine
        return Matrix(scale[:, None] * self.weight, scale * self.bias + shift)

    def plus(self, layer: nn.Linear | None, values: Tensor) -> Matrix:
        """This layer with what another one makes of the fixed values (1, size) added, if any."""
        if layer is None:
            return self
        weight, bias = matrix(layer)
        return Matrix(self.weight, self.bias + weight @ exactly(values)[0] + bias)


def exactly(values: Tensor) -> Tensor:
    """The values in the precision of the folding: double where the device has it."""
    values = values.detach()
    return values.to(devices.finest_dtype(values.device))


def matrix(layer: nn.Module) -> Matrix:
    """A linear layer or a convolution of width 1, with its bias."""
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    return Matrix(exactly(weight).flatten(1), exactly(bias))


def norm(layer: nn.Module, code: Tensor) -> Affine:
    """A batch norm at inference; code: (1, c_dim), read by the conditional one only."""
    if isinstance(layer, CBatchNorm1d):
        made = matrix(layer.conv_gamma), matrix(layer.conv_beta)
        scale, shift = (weight @ exactly(code)[0] + bias for weight, bias in made)
        statistics = layer.bn
    elif isinstance(layer, nn.BatchNorm1d):
        scale, shift = exactly(layer.weight), exactly(layer.bias)
        statistics = layer
    else:
        raise TypeError(f"{type(layer).__name__} is no batch norm that can be folded")
    mean, variance = (statistics.get_buffer(f"running_{name}") for name in ("mean", "var"))
    scale = scale * (exactly(variance) + statistics.eps).rsqrt()
    return Affine(scale, shift - scale * exactly(mean))


def activate(values: Tensor, slope: float) -> Tensor:
    """A ReLU, leaky where the slope below zero is not 0; in place."""
    return functional.leaky_relu_(values, slope) if slope else values.relu_()


def slopes(activated: Tensor, slope: float) -> Tensor:
    """The derivative of `activate`, from its results, which are overwritten."""
    signs = activated.sign_()
    return signs.relu_().mul_(1 - slope).add_(slope) if slope else signs
