"""Batches, and random numbers on their device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Batch = dict[str, Tensor]


def uniform(size: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Even random numbers in [0, 1), float32, on the device of `like`."""
    device = like.device if generator is None else generator.device
    return torch.rand(tuple(size), generator=generator, device=device).to(like.device)


def normal(size: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Gaussian random numbers of deviation 1, float32, on the device of `like`."""
    device = like.device if generator is None else generator.device
    return torch.randn(tuple(size), generator=generator, device=device).to(like.device)
