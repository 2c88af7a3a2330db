"""Vectors computed by the original implementation, and the weights that they were computed with."""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent
GAINS = {"conv_gamma": 0.3, "conv_beta": 0.3, "fc_1": 0.7, "fc_p": 4, "fc_pos": 4, "fc_logstd": 0.1}


@functools.cache
def reference(name: str) -> Mapping[str, np.ndarray]:
    """The arrays of one released configuration: img, pointcloud, voxels or unconditional."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def reference_keys(name: str) -> list[tuple[str, tuple[int, ...], str]]:
    """(state_dict key, shape, dtype) of everything in that configuration's checkpoint, in order."""
    entries = json.loads(str(reference(name)["keys"]))
    return [(key, tuple(shape), dtype) for key, shape, dtype in entries]


def reference_state(name: str) -> dict[str, torch.Tensor]:
    """The weights behind the vectors, in a dict of the caller's own; the tensors are shared."""
    return dict(_reference_state(name))


@functools.cache
def _reference_state(name: str) -> dict[str, torch.Tensor]:
    """Stored tensors where there are some, and the rest by a formula from their names."""
    stored = reference(name)
    state = {}
    for key, shape, _ in reference_keys(name):
        if f"state/{key}" in stored:
            state[key] = torch.from_numpy(np.asarray(stored[f"state/{key}"]))
            continue
        values = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
        layer = key.split(".")[-2]
        if key.endswith(".weight") and len(shape) > 1:
            values *= GAINS.get(layer, np.sqrt(2)) / np.sqrt(np.prod(shape[1:]))
        elif key.endswith(".weight"):
            values = 0.85 + 0.1 * values
        else:
            values = 0.1 * values + (1 if key.endswith("conv_gamma.bias") else 0)
        state[key] = torch.from_numpy(values.astype(np.float32))
    return state


def legacy_layout(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights as the legacy decoder stores them: linear layers fc_gamma and fc_beta."""
    legacy = {}
    for key, value in state.items():
        renamed = key.replace("conv_gamma", "fc_gamma").replace("conv_beta", "fc_beta")
        legacy[renamed] = value.squeeze(-1) if renamed != key and value.dim() == 3 else value
    return legacy
