"""The networks of scans, read from their files of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    return load_by_config(path, lambda config: Denoiser(denoiser_config(config)), device)


def denoiser_config(values: dict[str, Any]) -> DenoiserConfig:
    """Of plain values, as a header has them; what it lacks is as it is in what ships."""
    known: dict[str, Any] = {**DenoiserConfig().to_dict(), **values}
    asked = tuple((share, count, step) for share, count, step in known["asked"])
    return DenoiserConfig(**{**known, "sizes": tuple(known["sizes"]), "asked": asked})
