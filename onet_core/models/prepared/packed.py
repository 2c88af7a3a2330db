"""Weights in oneDNN's own order. The one place that uses private operations of torch.

torch multiplies float32 with MKL, which on many processors reaches half of what oneDNN does, and
half precision with oneDNN, but orders the weight anew each time. What is called here is what its
compiler calls for a linear layer, with the activation in the same pass. Another version of torch
may have it no longer, or with other arguments: it is tried before it is used.
"""

from __future__ import annotations

import functools
import platform
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# Below this width MKL and oneDNN are equally fast, and the call's overhead shows.
_NARROW = 32
# Of the weights that it is tried with.
_TRIED = 128
_TYPES = (torch.float32, torch.bfloat16)
_X86 = ("x86_64", "amd64")


def packed(weight: Tensor) -> Tensor | None:
    """A weight (size_out, size_in) in that order; None where it does not pay or work."""
    pays = (
        weight.device.type == "cpu"
        and weight.dtype in _TYPES
        and min(weight.shape) >= _NARROW
        and platform.machine().lower() in _X86
    )
    return _reordered(weight) if pays and works() else None


def product(rows: Tensor, weight: Tensor, bias: Tensor | None, activation: str) -> Tensor:
    """rows (n, size_in) times a packed weight: (n, size_out).

    activation: "none" or "relu".
    """
    result: Tensor = _operations()._linear_pointwise(rows, weight, bias, activation, [], "")
    return result


@functools.cache
def works() -> bool:
    """Whether this torch has the operations, and they give what a linear layer gives."""
    if not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)
    rows, weight = (torch.randn(8, _TRIED, generator=generator) for _ in range(2))
    bias = torch.randn(8, generator=generator)
    try:
        for dtype in _TYPES:
            given = rows.to(dtype), weight.to(dtype), bias.to(dtype)
            plain = functional.linear(*given).relu().float()
            made = product(given[0], _reordered(given[1]), given[2], "relu").float()
            if not torch.allclose(made, plain, rtol=0.02, atol=0.02 * float(plain.max())):
                return False
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return False
    return True


def _reordered(weight: Tensor) -> Tensor:
    result: Tensor = _operations()._reorder_linear_weight(weight)
    return result


def _operations() -> Any:
    return torch.ops.mkldnn
