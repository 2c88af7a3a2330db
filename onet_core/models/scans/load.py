"""The networks of scans, read from their files of weights."""

from __future__ import annotations

from pathlib import Path

import torch

from ..weights import load_by_config
from .denoiser import Denoiser, DenoiserConfig
from .network import ScanConfig, ScanNetwork


def load_scan_network(path: Path, device: torch.device | str = "cpu") -> ScanNetwork:
    """The network that orients. Raises ModelError where the file doesn't hold one."""
    return load_by_config(
        path,
        lambda config: ScanNetwork(ScanConfig(**{**config, "widths": tuple(config["widths"])})),
        device,
    )


def load_denoiser(path: Path, device: torch.device | str = "cpu") -> Denoiser:
    """The network that takes noise off. Raises ModelError where the file doesn't hold one."""
    return load_by_config(path, lambda config: Denoiser(_denoiser_config(**config)), device)


def _denoiser_config(
    width: int, sizes: list[float], fitted: int, asked: list[list[int]]
) -> DenoiserConfig:
    """Of a header's lists."""
    first, middle, last = sizes
    steps = tuple((share, count, step) for share, count, step in asked)
    return DenoiserConfig(width, (first, middle, last), fitted, steps)
