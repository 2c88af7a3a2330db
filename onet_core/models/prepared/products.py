"""Linear layers of rows of points, by the fastest product that the device has."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ...devices import exact_products
from .packed import packed, product


class Layer:
    """rows (n, size_in) -> rows W^T + b, (n, size_out), in the weight's precision.

    weight: (size_out, size_in); bias: (size_out,) or None. Rows that need gradients get them, by
    the plain product.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._bias = None if bias is None else bias.contiguous()
        self._weight = weight.contiguous()
        self._packed = packed(self._weight)

    def __call__(self, rows: Tensor) -> Tensor:
        if self._packed is None or rows.requires_grad:
            return functional.linear(rows, self._weight, self._bias)
        return product(rows, self._packed, self._bias, "none")

    def added(self, rows: Tensor, to: Tensor) -> Tensor:
        """What a layer without bias gives, added to rows (n, size_out), which it may overwrite."""
        if self._packed is None or rows.requires_grad:
            return to.addmm_(rows, self._weight.T)
        return product(rows, self._packed, self._bias, "none").add_(to)

    def rectified(self, rows: Tensor, out: Tensor | None = None) -> Tensor:
        """What the layer gives, after a ReLU; in `out` (n, size_out) of a layer with a bias where
        that is given and no gradient is wanted."""
        if self._packed is None or rows.requires_grad:
            if out is None or self._bias is None:
                return functional.linear(rows, self._weight, self._bias).relu_()
            return torch.addmm(self._bias, rows, self._weight.T, out=out).relu_()
        made = product(rows, self._packed, self._bias, "relu")
        return made if out is None else out.copy_(made)


def map_points(points: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The first layer, (n, 3) -> (n, size), in full float32 whatever the device's setting is.

    A product with ten bits of mantissa would move a point by up to 1/2048 of the cube's size.
    """
    with exact_products(points.device):
        return functional.linear(points, weight, bias)
