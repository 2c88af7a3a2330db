"""What all jobs share that learn for a given time: schedule, averaged weights, files."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Clock:
    """How much of the time that a job is given has passed.

    reserve: seconds at the end that are kept for measuring and writing; it may grow. before:
    seconds that an earlier part of the same job took.
    """

    def __init__(self, seconds: float, reserve: float = 0.0, before: float = 0.0) -> None:
        self.start = time.perf_counter() - before
        self.seconds, self.reserve = seconds, reserve

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    @property
    def fraction(self) -> float:
        """Share of the time for learning that has passed, 1 at its end."""
        return min(1.0, self.passed / max(1e-6, self.seconds - self.reserve))


def rate(fraction: float, warmup: float = 0.03) -> float:
    """Share of the highest learning rate: a line up, then half a cosine down to 1 %."""
    if fraction < warmup:
        return fraction / warmup
    along = (fraction - warmup) / (1 - warmup)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * along)) / 2


class Averaged:
    """Running means of a network's weights and buffers; each step counts 1 - decay, the first ones
    more. Whole numbers among the buffers are those of the last step."""

    def __init__(self, network: nn.Module, decay: float = 0.998) -> None:
        self.network = network
        self.values = {k: v.detach().clone() for k, v in network.state_dict().items()}
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self) -> None:
        """After each step."""
        self.steps += 1
        weight = 1 - min(self.decay, self.steps / (self.steps + 9))
        means, sources = [], []
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                means.append(self.values[name])
                sources.append(value)
            else:
                self.values[name].copy_(value)
        get_ema_multi_avg_fn(1 - weight)(means, sources, None)

    @torch.no_grad()
    def swap(self) -> None:
        """Changes the network's weights and the means for each other."""
        for name, value in self.network.state_dict().items():
            held = value.clone()
            value.copy_(self.values[name])
            self.values[name].copy_(held)


def backward(loss: Tensor, optimiser: torch.optim.Optimizer, most: float = 1.0) -> None:
    """One step down the loss; gradients are no longer than `most`, and 0 where they aren't finite.

    The device is never asked, so that it need not wait.
    """
    parameters = [one for group in optimiser.param_groups for one in group["params"]]
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.nan_to_num_(0.0, 0.0, 0.0)
    nn.utils.clip_grad_norm_(parameters, most)
    optimiser.step()


def write_state(path: Path, state: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes tensors in 16 bits as .safetensors, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {
        name: (value.detach().half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in state.items()
    }
    scratch = path.with_name(f".{path.name}.part")
    save_file(halves, scratch, metadata=metadata)
    os.replace(scratch, path)


def write_json(path: Path, values: Any) -> None:
    """Writes values as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    scratch.write_text(json.dumps(values, indent=1), encoding="utf-8")
    os.replace(scratch, path)
