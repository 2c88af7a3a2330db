"""U²-Net's small variant, which finds what a picture is of (Qin et al. 2020), run by PyTorch.

Written from the paper. The weights are those of the file that `place` names, in which each batch
norm is part of its convolution; a test compares with ONNX Runtime's results where both are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

EDGE = 320
"""Pixels along the side of the square that the network reads."""

# Levels of the U-shaped blocks on the way down; the last two only dilate.
_BLOCKS = (7, 6, 5, 4, 0, 0)
_DILATED = (1, 2, 4, 8)
_SIDES = len(_BLOCKS)
CONVOLUTIONS = 119
_HIDDEN, _WIDTH = 16, 64
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Convolution(NamedTuple):
    """weight: (out, in, k, k); bias: (out,)."""

    weight: Tensor
    bias: Tensor


class ObjectNetwork:
    """Pictures (B, 3, EDGE, EDGE) in [0, 1] -> the probability of each pixel to be the object.

    convolutions: in the order in which they are used. Raises ValueError for others than those of
    the network.
    """

    def __init__(self, convolutions: Sequence[Convolution]) -> None:
        found = [tuple(one.weight.shape) for one in convolutions]
        if found != list(expected_shapes()) or any(
            one.bias.shape != one.weight.shape[:1] for one in convolutions
        ):
            raise ValueError("These are not the weights of U²-Net's small variant.")
        self._convolutions = convolutions

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, EDGE, EDGE), 0 to 1."""
        left = iter(self._convolutions)
        x = (pictures - pictures.new_tensor(_MEAN).view(3, 1, 1)) / pictures.new_tensor(
            _DEVIATION
        ).view(3, 1, 1)
        down: list[Tensor] = []
        for levels in _BLOCKS:
            x = _block(_pooled(down[-1]) if down else x, levels, left)
            down.append(x)
        sides = [x]
        for levels, beside in zip(reversed(_BLOCKS[:-1]), reversed(down[:-1]), strict=True):
            x = _block(torch.cat([_enlarged(x, beside), beside], dim=1), levels, left)
            sides.insert(0, x)
        maps = [_convolved(side, left, is_last=True) for side in sides]
        maps = [maps[0], *(_enlarged(one, maps[0]) for one in maps[1:])]
        return _convolved(torch.cat(maps, dim=1), left, is_last=True).sigmoid()[:, 0]


def expected_shapes() -> Iterator[tuple[int, int, int, int]]:
    """The shapes of the convolutions' weights, in their order."""
    ways = [(3, _BLOCKS[0]), *((_WIDTH, levels) for levels in _BLOCKS[1:])]
    ways += [(2 * _WIDTH, levels) for levels in reversed(_BLOCKS[:-1])]
    for channels, levels in ways:
        count = levels or len(_DILATED)
        yield (_WIDTH, channels, 3, 3)
        yield (_HIDDEN, _WIDTH, 3, 3)
        yield from [(_HIDDEN, _HIDDEN, 3, 3)] * (count - 1)
        yield from [(_HIDDEN, 2 * _HIDDEN, 3, 3)] * (count - 2)
        yield (_WIDTH, 2 * _HIDDEN, 3, 3)
    yield from [(1, _WIDTH, 3, 3)] * _SIDES
    yield (1, _SIDES, 1, 1)


def _convolved(
    x: Tensor, left: Iterator[Convolution], dilation: int = 1, *, is_last: bool = False
) -> Tensor:
    weight, bias = next(left)
    padding = dilation * (weight.shape[-1] // 2)
    x = functional.conv2d(x, weight, bias, padding=padding, dilation=dilation)
    return x if is_last else x.relu_()


def _block(x: Tensor, levels: int, left: Iterator[Convolution]) -> Tensor:
    """A U of so many levels within the U; with none, of dilations at one size."""
    first = _convolved(x, left)
    dilations = [1] * (levels - 1) + [2] if levels else list(_DILATED)
    down: list[Tensor] = []
    x = first
    for number, dilation in enumerate(dilations):
        if levels and 0 < number < levels - 1:
            x = _pooled(x)
        x = _convolved(x, left, dilation)
        down.append(x)
    for number in range(len(down) - 2, -1, -1):
        beside = down[number]
        x = torch.cat([_enlarged(x, beside), beside], dim=1)
        x = _convolved(x, left, 1 if levels else dilations[number])
    return x + first


def _pooled(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2, ceil_mode=True)


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    if x.shape[2:] == like.shape[2:]:
        return x
    return functional.interpolate(x, like.shape[2:], mode="bilinear")
