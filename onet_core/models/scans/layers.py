"""Convolutions over occupied voxels as one gather and one matrix product, forwards and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_ROWS = 512
"""Voxels at a time on each of a processor's threads: what is gathered stays in its cache."""


class _Around(torch.autograd.Function):
    """Values (M, C) of the 27 voxels around each times a weight (27 C, D) -> (M, D).

    Being a neighbour is mutual, so that the gradient is a convolution over the same table with its
    columns reversed, and nothing has to be scattered.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, neighbours: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(values, neighbours, weight)
        return _product(values, neighbours, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, Tensor]:
        values, neighbours, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        width = values.shape[1]
        turned = weight.view(27, width, -1).flip(0).transpose(1, 2).reshape(-1, width)
        to_values = _product(gradient, neighbours, turned)
        to_weight = _gathered(values, neighbours).T @ gradient
        return to_values, None, to_weight


def _gathered(values: Tensor, neighbours: Tensor) -> Tensor:
    padded = torch.cat([values, values.new_zeros(1, values.shape[1])])
    return padded[neighbours.flatten()].view(len(neighbours), -1)


def _product(values: Tensor, neighbours: Tensor, weight: Tensor) -> Tensor:
    if values.is_cuda:
        return _gathered(values, neighbours) @ weight
    padded = torch.cat([values, values.new_zeros(1, values.shape[1])])
    found = values.new_empty(len(neighbours), weight.shape[1])
    rows = _ROWS * torch.get_num_threads()
    for part, out in zip(neighbours.split(rows), found.split(rows), strict=True):
        around = padded.index_select(0, part.flatten()).view(len(part), -1)
        torch.mm(around, weight, out=out)
    return found


class Around(nn.Module):
    """A convolution over each voxel and the 26 around it: (M, inputs) -> (M, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # About seven to twelve of the 27 are there next to a surface.
        self.weight = nn.Parameter(torch.randn(27 * inputs, outputs) * (10 * inputs) ** -0.5)

    def forward(self, values: Tensor, neighbours: Tensor, dtype: torch.dtype) -> Tensor:
        """The products are computed in `dtype`; what is read and returned is float32."""
        result: Tensor = _Around.apply(values.to(dtype), neighbours, self.weight.to(dtype))
        return result.float()


class Block(nn.Module):
    """Two convolutions added to what they read: (M, width) -> (M, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        convolutions = [Around(width, width) for _ in range(2)]
        with torch.no_grad():
            convolutions[1].weight.mul_(0.2)
        self.convolutions = nn.ModuleList(convolutions)

    def forward(self, values: Tensor, neighbours: Tensor, dtype: torch.dtype) -> Tensor:
        change = values
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            change = convolution(norm(change).relu(), neighbours, dtype)
        return values + change


class Down(nn.Module):
    """Values (M, inputs) of children to those of their parents (P, outputs), a weight a slot."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs)
        self.weight = nn.Parameter(torch.randn(8 * inputs, outputs) * (4 * inputs) ** -0.5)

    def forward(self, values: Tensor, parents: Tensor, slots: Tensor, count: int) -> Tensor:
        width = values.shape[1]
        spread = values.new_zeros(count * 8, width)
        spread = spread.index_copy(0, parents * 8 + slots, self.norm(values))
        return spread.view(count, 8 * width) @ self.weight


class Up(nn.Module):
    """Values (P, inputs) of parents to those of their children (M, outputs), a weight a slot."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs)
        self.weight = nn.Parameter(torch.randn(inputs, 8 * outputs) * inputs**-0.5)

    def forward(self, values: Tensor, parents: Tensor, slots: Tensor) -> Tensor:
        spread = self.norm(values) @ self.weight
        return spread.view(len(values) * 8, -1).index_select(0, parents * 8 + slots)
