"""The decoders with one global code and residual blocks, folded for one object.

`cbatchnorm`, `cbatchnorm2`, `batchnorm` and `simple` all compute, with x the residual,

    x += W1 relu(s1 (W0 relu(s0 x + t0) + b0) + t1) + b1

in each block and at the end w relu(s x + t) + b. Once the object is known the scales s and shifts t
are numbers for each channel (1 and 0 in `simple`). So s1 and t1 go into W0 and b0, and b1, which
is the same for all points, is carried into all later shifts.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...devices import rough_dtype
from ..decoders import BatchNormDecoder, CBatchNormDecoder, CBatchNormDecoder2, SimpleDecoder
from ..layers import ResnetBlockFC
from .folding import LEAK, Affine, Matrix, activate, matrix, norm, slopes
from .prepared_field import PreparedField
from .products import Layer, map_points

# Where half precision's layers are balanced: points of the box that is searched.
_SAMPLE = 512
_HALF_BOX = 0.55


class Block(NamedTuple):
    """A folded block: x += weight_1 relu(weight_0 relu(scale x + shift) + bias_0)."""

    scale: Tensor  # [size]
    shift: Tensor  # [size]
    weight_0: Tensor  # [size, size]
    bias_0: Tensor  # [size]
    weight_1: Tensor  # [size, size]


def prepare_residual(decoder: nn.Module, latent: Tensor, code: Tensor) -> ResidualField | None:
    """The folded decoder of an object, or None for a decoder of another kind.

    latent: (1, z_dim); code: (1, c_dim).
    """
    if isinstance(decoder, CBatchNormDecoder2):
        if decoder.fc_z is not None:
            code = code + decoder.fc_z(latent)
        return _fold(
            matrix(decoder.conv_p), list(decoder.blocks), decoder.bn, decoder.conv_out, code, 0.0
        )
    if not isinstance(decoder, CBatchNormDecoder | BatchNormDecoder | SimpleDecoder):
        return None
    first = matrix(decoder.fc_p).plus(decoder.fc_z, latent)
    if isinstance(decoder, BatchNormDecoder | SimpleDecoder):
        first = first.plus(decoder.fc_c, code)
    blocks = [child for name, child in decoder.named_children() if name.startswith("block")]
    last = None if isinstance(decoder, SimpleDecoder) else decoder.bn
    return _fold(first, blocks, last, decoder.fc_out, code, LEAK if decoder.leaky else 0.0)


def _fold(
    first: Matrix,
    blocks: list[Any],
    last: nn.Module | None,
    out: nn.Linear | nn.Conv1d,
    code: Tensor,
    slope: float,
) -> ResidualField:
    ones = torch.ones_like(first.bias)
    identity = Affine(ones, torch.zeros_like(ones))
    carry = torch.zeros_like(ones)

    def carried(affine: Affine) -> Affine:
        return Affine(affine.scale, affine.shift + affine.scale * carry)

    folded = []
    for block in blocks:
        before, between = identity, identity
        if not isinstance(block, ResnetBlockFC):
            before, between = norm(block.bn_0, code), norm(block.bn_1, code)
        fc_0, fc_1 = matrix(block.fc_0).then(between), matrix(block.fc_1)
        folded.append(Block(*carried(before), *fc_0, fc_1.weight))
        carry = carry + fc_1.bias
    end = carried(identity if last is None else norm(last, code))
    return ResidualField(first, folded, end, matrix(out), slope)


class ResidualField(PreparedField):
    """A folded decoder; the logits are out relu(scale x + shift) + bias, or a leaky ReLU's.

    first: points -> x; blocks: see `Block`; end: scale and shift; out: one row; slope: of the last
    activation below zero.
    """

    def __init__(
        self, first: Matrix, blocks: list[Block], end: Affine, out: Matrix, slope: float
    ) -> None:
        super().__init__()
        self._first = Matrix(*_float(first))
        self._blocks = [Block(*_float(block)) for block in blocks]
        self._layers = [
            (Layer(block.weight_0, block.bias_0), Layer(block.weight_1)) for block in self._blocks
        ]
        self._end = Affine(*_float(end))
        self._out = Matrix(*_float(out))
        self._slope = slope
        self._rough_dtype = rough_dtype(self._first.weight.device)

    @property
    def is_rough_faster(self) -> bool:
        return self._rough_dtype is not None

    @torch.no_grad()
    def _logits(self, points: Tensor) -> Tensor:
        x = map_points(points, *self._first)
        active = torch.empty_like(x)
        for block, (fc_0, fc_1) in zip(self._blocks, self._layers, strict=True):
            torch.addcmul(block.shift, x, block.scale, out=active).relu_()
            x += fc_1(fc_0.rectified(active))
        return self._last(self._end_activation(x))

    @torch.no_grad()
    def _rough(self, points: Tensor) -> Tensor:
        """Only products are in half precision: sums in x lose what is added to them there.

        The first layer stays in float32. It reads the positions themselves, and eight bits of them
        make half of the error that half precision would have in all layers.
        """
        if self._rough_dtype is None:
            return self._logits(points)
        x = map_points(points, *self._first)
        active = torch.empty_like(x)
        half = torch.empty_like(x, dtype=self._rough_dtype)
        for block, (fc_0, fc_1) in zip(self._blocks, self._rough_layers, strict=True):
            torch.addcmul(block.shift, x, block.scale, out=active).relu_()
            if fc_0 is self._layers[0][0]:
                x += fc_1(half.copy_(fc_0.rectified(active)))
            else:
                x += fc_1(fc_0.rectified(half.copy_(active)))
        return self._last(self._end_activation(x))

    @torch.no_grad()
    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Back through the ReLUs by hand: signs of what they let through, and transposed layers."""
        x = map_points(points, *self._first)
        passed = []
        for block, (fc_0, fc_1) in zip(self._blocks, self._layers, strict=True):
            before = torch.addcmul(block.shift, x, block.scale).relu_()
            between = fc_0.rectified(before)
            x += fc_1(between)
            passed.append((before.sign_(), between.sign_()))
        top = self._end_activation(x)
        logits = self._last(top)
        gradient = self._out.weight * self._end.scale * slopes(top, self._slope)
        for (before, between), (fc_0, fc_1) in zip(
            reversed(passed), reversed(self._transposed), strict=True
        ):
            gradient.addcmul_(fc_0(fc_1(gradient).mul_(between)), before)
        return logits, gradient @ self._first.weight

    def _end_activation(self, x: Tensor) -> Tensor:
        top = torch.addcmul(self._end.shift, x, self._end.scale)
        return activate(top, self._slope)

    def _last(self, top: Tensor) -> Tensor:
        return functional.linear(top, *self._out).squeeze(-1)

    @cached_property
    def _rough_layers(self) -> list[tuple[Layer, Layer]]:
        """All in half precision but the first, which is float32's.

        What rounding the weights changes on average is made up for by the biases.
        """
        dtype = self._rough_dtype

        def rough(weight: Tensor, bias: Tensor | None, mean: Tensor) -> Layer:
            rounded = weight.to(dtype)
            lost = (weight - rounded.float()) @ mean
            return Layer(rounded, (lost if bias is None else bias + lost).to(dtype))

        layers = [
            (rough(block.weight_0, block.bias_0, before), rough(block.weight_1, None, between))
            for block, (before, between) in zip(self._blocks, self._mean_inputs(), strict=True)
        ]
        layers[0] = (self._layers[0][0], layers[0][1])
        return layers

    @torch.no_grad()
    def _mean_inputs(self) -> list[tuple[Tensor, Tensor]]:
        """What each block's layers are given, on average over points of the box: (size,) each."""
        generator = torch.Generator().manual_seed(0)
        points = _HALF_BOX * (2 * torch.rand(_SAMPLE, 3, generator=generator) - 1)
        x = map_points(points.to(self._first.weight.device), *self._first)
        means = []
        for block, (fc_0, fc_1) in zip(self._blocks, self._layers, strict=True):
            before = torch.addcmul(block.shift, x, block.scale).relu_()
            between = fc_0.rectified(before)
            x += fc_1(between)
            means.append((before.mean(dim=0), between.mean(dim=0)))
        return means

    @cached_property
    def _transposed(self) -> list[tuple[Layer, Layer]]:
        """For the way back: the blocks' layers from their outputs to their inputs."""
        return [
            (Layer((block.weight_0 * block.scale).T), Layer(block.weight_1.T))
            for block in self._blocks
        ]


def _float(values: tuple[Tensor, ...]) -> list[Tensor]:
    return [value.float() for value in values]
