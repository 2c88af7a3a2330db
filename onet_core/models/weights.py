"""Weights files: safetensors with the model's description in their header."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..errors import ModelError
from ..sentences import Sentence
from .build import build_network, network_layout
from .catalogue import HEADER_KEY, read_description
from .description import ModelDescription
from .original import read_original

Network = TypeVar("Network", bound=nn.Module)

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def save_weights(
    path: Path, network: nn.Module, description: ModelDescription, *, half: bool = False
) -> None:
    """Writes `path` (.safetensors) whole or not at all.

    half: store floating point tensors in 16 bits where their values fit; `load_weights` gives them
    back in 32. Raises ModelError where the file can't be written.
    """
    tensors = {}
    for name, value in network.state_dict().items():
        value = value.detach().cpu()
        if half and value.is_floating_point() and bool(value.half().isfinite().all()):
            value = value.half()
        tensors[name] = value.contiguous()
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        save_file(tensors, scratch, metadata={HEADER_KEY: description.to_json(), "format": "pt"})
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            "The weights can't be written to {path}: {error}.", path=path, error=error
        ) from error
    finally:
        if scratch is not None:
            Path(scratch).unlink(missing_ok=True)


def load_weights(
    path: Path, device: torch.device | str = "cpu"
) -> tuple[nn.Module, ModelDescription]:
    """The network of a weights file, for inference in float32, and its description.

    path: `.safetensors` of this project, or an original `.pt` checkpoint of a released
    configuration. Raises ModelError where it is missing, damaged or of another kind.
    """
    if not path.is_file():
        raise ModelError("There is no weights file {path}.", path=path)
    if path.suffix.lower() in (".pt", ".pth"):
        state, description = read_original(path)
    else:
        description = read_description(path)
        try:
            state = load_file(path)
        except (SafetensorError, OSError) as error:
            raise ModelError(
                "{name} is damaged or cut off; get it again.", name=path.name
            ) from error
    _check_fit(network_layout(description), state, path.name)
    network = build_network(description, initialise=False)
    network.load_state_dict(state)
    return network.to(device).eval(), description


def _check_fit(layout: Mapping[str, Tensor], state: Mapping[str, Tensor], name: str) -> None:
    """Raises ModelError unless the names and shapes are the network's, and all values numbers."""
    missing = [key for key in layout if key not in state]
    surplus = [key for key in state if key not in layout]
    unlike = [key for key in layout if key in state and not _alike(layout[key], state[key])]
    reasons = []
    if missing:
        reasons.append(Sentence("lacks {keys}", keys=_first(missing)))
    if surplus:
        reasons.append(Sentence("has an unknown {keys}", keys=_first(surplus)))
    if unlike:
        wanted, given = layout[unlike[0]], state[unlike[0]]
        reasons.append(
            Sentence(
                "has another {keys} ({given} where {wanted} is needed)",
                keys=_first(unlike),
                given=_kind(given),
                wanted=_kind(wanted),
            )
        )
    if reasons:
        raise ModelError(
            "{name} does not fit the network it is described as: it {reasons}.",
            name=name,
            reasons=reduce(_joined, reasons),
        )
    for key, value in state.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ModelError(
                "{name} holds values that are not numbers, in {key}.", name=name, key=key
            )


def _alike(wanted: Tensor, given: Tensor) -> bool:
    """The same shape, and a type that can be brought to the wanted one."""
    dtypes = FLOATS if wanted.is_floating_point() else (wanted.dtype,)
    return wanted.shape == given.shape and given.dtype in dtypes


def _joined(one: Sentence, other: Sentence) -> Sentence:
    return Sentence("{one}; {other}", one=one, other=other)


def _first(keys: list[str]) -> Sentence | str:
    if len(keys) == 1:
        return keys[0]
    return Sentence("{some} and {count} more", some=keys[0], count=len(keys) - 1)


def _kind(value: Tensor) -> str:
    shape = " x ".join(str(size) for size in value.shape) or "one value"
    return f"{shape}, {str(value.dtype).removeprefix('torch.')}"


def convert_checkpoint(source: Path, target: Path, *, half: bool = False) -> ModelDescription:
    """Converts an original `.pt` checkpoint to this project's `.safetensors`.

    Returns the description that the target carries. Raises ModelError where the source can't be
    used; the target is then not written.
    """
    network, description = load_weights(source)
    save_weights(target, network, description, half=half)
    return description


def load_by_config(
    path: Path, build: Callable[[dict[str, Any]], Network], device: torch.device | str = "cpu"
) -> Network:
    """The network of a file whose header has a `config` instead of a model's description, for
    inference in float32: one that is a part of a step, such as those of dense scans.

    build: makes it of that. Raises ModelError where the file doesn't hold one.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
        network = build(json.loads(header["config"]))
        weights = load_file(path)
        network.load_state_dict({name: value.float() for name, value in weights.items()})
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            "{name} holds no weights of this network: {reason}", name=path.name, reason=error
        ) from error
    return network.eval().to(device)
