"""Weights files: safetensors with the model's description in their header."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import ModelError
from .build import build_network
from .catalogue import HEADER_KEY, read_description
from .description import ModelDescription
from .original import read_original


def save_weights(
    path: Path, network: nn.Module, description: ModelDescription, *, half: bool = False
) -> None:
    """Writes `path` (.safetensors) whole or not at all.

    half: store floating point tensors in 16 bits; `load_weights` gives them back in 32.
    """
    tensors = {}
    for name, value in network.state_dict().items():
        value = value.detach().cpu()
        if half and value.is_floating_point():
            value = value.half()
        tensors[name] = value.contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file(tensors, scratch, metadata={HEADER_KEY: description.to_json(), "format": "pt"})
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def load_weights(
    path: Path, device: torch.device | str = "cpu"
) -> tuple[nn.Module, ModelDescription]:
    """The network of a weights file, for inference in float32, and its description.

    path: `.safetensors` of this project, or an original `.pt` checkpoint of a released
    configuration. Raises ModelError where it is missing, damaged or of another kind.
    """
    if not path.is_file():
        raise ModelError(f"There is no weights file {path}.")
    if path.suffix.lower() in (".pt", ".pth"):
        state, description = read_original(path)
    else:
        description = read_description(path)
        try:
            state = load_file(path)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path.name} is damaged or cut off; get it again.") from error
    network = build_network(description)
    fill_network(network, state, path.name)
    return network.to(device).eval(), description


def fill_network(network: nn.Module, state: dict[str, torch.Tensor], name: str) -> None:
    """Copies tensors into the network; every name and shape must match exactly, or ModelError."""
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    if wanted != given:
        missing, extra = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
        differing = [key for key in wanted if key in given and wanted[key] != given[key]]
        told = "; ".join(
            f"{what} {keys[0]}" + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")
            for what, keys in (
                ("lacks", missing),
                ("has an unknown", extra),
                ("misshapes", differing),
            )
            if keys
        )
        raise ModelError(f"{name} does not fit the network that it describes: it {told}.")
    for key, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ModelError(f"{name} holds values that are not numbers, in {key}.")
    network.load_state_dict(state)


def convert_checkpoint(source: Path, target: Path, *, half: bool = False) -> ModelDescription:
    """Converts an original `.pt` checkpoint to this project's `.safetensors`.

    Returns the description that the target carries. Raises ModelError where the source can't be
    used; the target is then not written.
    """
    network, description = load_weights(source)
    save_weights(target, network, description, half=half)
    return description
