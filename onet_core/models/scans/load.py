"""The networks of scans, read from their files of weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from ...errors import ModelError
from .denoiser import Denoiser, DenoiserConfig
from .network import ScanConfig, ScanNetwork

Network = TypeVar("Network", bound=nn.Module)


def load_scan_network(path: Path, device: torch.device | str = "cpu") -> ScanNetwork:
    """The network that orients. Raises ModelError where the file doesn't hold one."""
    return _loaded(
        path,
        lambda config: ScanNetwork(ScanConfig(**{**config, "widths": tuple(config["widths"])})),
        device,
    )


def load_denoiser(path: Path, device: torch.device | str = "cpu") -> Denoiser:
    """The network that takes noise off. Raises ModelError where the file doesn't hold one."""
    return _loaded(path, lambda config: Denoiser(DenoiserConfig(**config)), device)


def _loaded(
    path: Path, build: Callable[[dict[str, Any]], Network], device: torch.device | str
) -> Network:
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
        network = build(json.loads(header["config"]))
        weights = load_file(str(path))
        network.load_state_dict({name: value.float() for name, value in weights.items()})
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            "{name} holds no weights of this network of scans: {reason}",
            name=path.name,
            reason=error,
        ) from error
    return network.eval().to(device)
