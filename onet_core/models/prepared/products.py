"""Linear layers of rows of points, by the fastest product that the device has."""

from __future__ import annotations

import platform

import torch
from torch import Tensor
from torch.nn import functional

from ...devices import exact_products

# Below this width MKL and oneDNN are equally fast, and the call's overhead shows.
_NARROW = 128


class Layer:
    """rows (n, size_in) -> rows W^T + b, (n, size_out), in the weight's precision.

    weight: (size_out, size_in); bias: (size_out,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._bias = None if bias is None else bias.contiguous()
        self._weight = weight.contiguous()
        self._packed = _packed(self._weight)

    def __call__(self, rows: Tensor) -> Tensor:
        if self._packed is None:
            return functional.linear(rows, self._weight, self._bias)
        return self._product(rows, "none")

    def rectified(self, rows: Tensor) -> Tensor:
        """What the layer gives, after a ReLU."""
        if self._packed is None:
            return functional.linear(rows, self._weight, self._bias).relu_()
        return self._product(rows, "relu")

    def _product(self, rows: Tensor, then: str) -> Tensor:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, self._packed, self._bias, then, [], ""
        )
        return result


def _packed(weight: Tensor) -> Tensor | None:
    """The weight in oneDNN's own order, where its product is the faster one, else None.

    torch multiplies float32 with MKL, which on many processors reaches half of what oneDNN does,
    and half precision with oneDNN, but orders the weight anew each time. What is called here is
    what its compiler calls for a linear layer, with the activation in the same pass.
    """
    pays = (
        weight.device.type == "cpu"
        and weight.dtype in (torch.float32, torch.bfloat16)
        and min(weight.shape) >= _NARROW
        and platform.machine().lower() in ("x86_64", "amd64")
        and torch.backends.mkldnn.is_available()
    )
    if not pays or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return None
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight)
    return packed


def map_points(points: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The first layer, (n, 3) -> (n, size), in full float32 whatever the device's setting is.

    A product with ten bits of mantissa would move a point by up to 1/2048 of the cube's size.
    """
    with exact_products(points.device):
        return functional.linear(points, weight, bias)
