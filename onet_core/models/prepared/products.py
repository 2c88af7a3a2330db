"""Linear layers of rows of points, by the fastest product that the device has."""

from __future__ import annotations

import platform

import torch
from torch import Tensor
from torch.nn import functional

from ...devices import exact_products

# Below this width MKL and oneDNN are equally fast, and a convolution's overhead shows.
_NARROW = 128


class Layer:
    """rows (n, size_in) -> rows W^T + b, (n, size_out), in the weight's precision.

    weight: (size_out, size_in); bias: (size_out,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._bias = None if bias is None else bias.contiguous()
        self._weight = weight.contiguous()
        self._kernel = None
        if _convolution_pays(weight):
            self._kernel = self._weight[:, :, None, None].to(memory_format=torch.channels_last)

    def __call__(self, rows: Tensor) -> Tensor:
        if self._kernel is None:
            return functional.linear(rows, self._weight, self._bias)
        # The rows seen as a channels-last image of one line. torch computes float32 products with
        # MKL, which on many processors reaches half of what oneDNN's convolution does.
        # `conv2d` itself would go back to MKL where torch has a single thread.
        image = rows.view(1, 1, *rows.shape).permute(0, 3, 1, 2)
        result = torch.mkldnn_convolution(
            image, self._kernel, self._bias, (0, 0), (1, 1), (1, 1), 1
        )
        return result.permute(0, 2, 3, 1).view(len(rows), -1)


def _convolution_pays(weight: Tensor) -> bool:
    return (
        weight.device.type == "cpu"
        and weight.dtype in (torch.float32, torch.bfloat16)
        and min(weight.shape) >= _NARROW
        and platform.machine().lower() in ("x86_64", "amd64")
        and torch.backends.mkldnn.is_available()
    )


def map_points(points: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The first layer, (n, 3) -> (n, size), in full float32 whatever the device's setting is.

    A product with ten bits of mantissa would move a point by up to 1/2048 of the cube's size.
    """
    with exact_products(points.device):
        return functional.linear(points, weight, bias)
