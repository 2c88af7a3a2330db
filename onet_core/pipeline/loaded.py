"""What stays in memory between runs: the models used last, and the last surface of a morph."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import nn

from ..devices import memory_errors
from ..models.description import ModelDescription
from ..models.weights import load_weights
from ..surface.interactive import InteractiveSurface


def load_model(path: Path, device: torch.device) -> tuple[nn.Module, ModelDescription]:
    """`load_weights`, remembered until the file changes; no gradients for the weights."""
    path = path.resolve()
    return _load(path, path.stat().st_mtime_ns, str(device))


@functools.lru_cache(maxsize=4)
def _load(path: Path, changed: int, device: str) -> tuple[nn.Module, ModelDescription]:
    with memory_errors(torch.device(device)):
        network, description = load_weights(path, device)
    return network.requires_grad_(False), description


@functools.lru_cache(maxsize=1)
def interactive_surface(
    resolution: int, threshold: float, padding: float, device: str
) -> InteractiveSurface:
    """The last interactive call's surface, where it had the same grid; else a new one."""
    return InteractiveSurface(
        resolution=resolution, threshold=threshold, padding=padding, device=device
    )


def forget_models() -> None:
    """Lets go of all that is kept here and gives its memory back to the system."""
    _load.cache_clear()
    interactive_surface.cache_clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
