"""The loop: draw scans, ask, step, until the time is over. It goes on where it was stopped."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork
from training.data.bank import Bank

from ..pictures.batches import CATEGORIES
from ..run import Averaged, Clock, backward, rate, write_json, write_state
from .clouds import draw_examples, symmetric
from .flaws import Draw, Scans
from .measuring import THRESHOLDS, Learner, measure

WEIGHTS_FILE, LOG_FILE, STATE_FILE = "points.safetensors", "points.json", "state.pt"
# Shares of the steps with 300, with 3,000 and with 3,000 to 8,000 points; the others have 100 to
# 3,000, evenly in the logarithm.
FEW, MANY, MOST = 300, 3000, 8000
_SAVE_EVERY = 60.0
_LOG_EVERY = 20
NETWORK: dict[str, Any] = {
    "channels": 32,
    "hidden": 32,
    "decoder_hidden": 64,
    "plane_resolution": 32,
    "neighbours": 12,
    "surroundings": [8, 24, 64],
    "unet_depth": 4,
    "unet_width": 32,
    "volume_resolution": 16,
    "volume_width": 32,
}


@dataclass(frozen=True)
class Plan:
    """How long and from what is learned.

    seconds: of the whole job.
    batch: clouds of 3,000 points a step, half as many more of few.
    queries: a cloud, the share `near` of them near the surface, where each counts `near_weight`.
    rate: the highest.
    fresh: times the rate of what is new.
    decay: of the averaged weights.
    few, many, dense: see `FEW`.
    measured: even points a validation shape.
    checks: how often it is measured, evenly over the time, beside the start.
    frozen: see `Learner`.
    scans: what the clouds lack.
    """

    seconds: float
    batch: int = 32
    queries: int = 2048
    near: float = 0.6
    near_weight: float = 1.0
    rate: float = 4e-4
    fresh: float = 4.0
    decay: float = 0.995
    few: float = 0.25
    many: float = 0.35
    dense: float = 0.03
    measured: int = 16384
    checks: int = 2
    frozen: str = ""
    seed: int = 0
    scans: Scans = field(default_factory=Scans)


def start_from(network: nn.Module, path: Path | None) -> int:
    """Takes over the weights of a file that fit; returns how many tensors did."""
    if path is None:
        return 0
    given = load_file(path)
    own = network.state_dict()
    fitting = {name: value for name, value in given.items() if name in own}
    fitting = {n: v.float() for n, v in fitting.items() if v.shape == own[n].shape}
    network.load_state_dict({**own, **fitting})
    return len(fitting)


def draw_size(numbers: random.Random, plan: Plan) -> tuple[int, int]:
    """How many points the clouds of a step have, and how many clouds there are."""
    chance, batch = numbers.random(), plan.batch
    if chance < plan.few:
        return FEW, batch * 3 // 2
    if chance < plan.few + plan.many:
        return MANY, batch
    if chance < plan.few + plan.many + plan.dense:
        return round(MANY * (MOST / MANY) ** numbers.random()), max(1, batch // 3)
    count = round(100 * (MANY / 100) ** numbers.random())
    return count, batch if count > 1200 else batch * 3 // 2


class Shapes(NamedTuple):
    """A bank, the numbers (N,) of the shapes that are learned from, and which of all its shapes
    look the same when left and right are changed."""

    bank: Bank
    train: Tensor
    is_symmetric: Tensor


class Job:
    """Everything that changes while a network learns, and how it is kept."""

    def __init__(
        self,
        banks: Sequence[Bank],
        plan: Plan,
        out: Path,
        start: Path | None,
        options: dict[str, Any],
    ) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.out, self.options = plan, out, options
        self.device = device = banks[0].device
        self.numbers = random.Random(plan.seed)
        self.draw = Draw(torch.Generator(device).manual_seed(plan.seed))
        self.shapes = [Shapes(one, one.ids("train"), symmetric(one, self.draw)) for one in banks]
        network = ConvolutionalOccupancyNetwork(input_kind="points", **options)
        taken = start_from(network, start)
        self.learner = Learner(network, device, plan.frozen)
        self.optimiser = _optimiser(network, plan, device)
        self.averaged = Averaged(network, plan.decay)
        self.log: dict[str, Any] = {
            "plan": asdict(plan),
            "start": str(start),
            "taken": taken,
            "shapes": sum(len(some.train) for some in self.shapes),
            "thresholds": THRESHOLDS,
            "steps": [],
            "checks": [],
        }
        self.before = 0.0
        self._total = torch.zeros((), device=device)

    def step(self, fraction: float) -> None:
        """Learns from one batch; `fraction` of the time has passed."""
        plan = self.plan
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * rate(fraction)
        count, batch = draw_size(self.numbers, plan)
        counts = [len(one.train) for one in self.shapes]
        (some,) = self.numbers.choices(self.shapes, counts)
        chosen = torch.randint(
            len(some.train), (batch,), generator=self.draw.generator, device=self.device
        )
        shown = draw_examples(
            some.bank, some.train[chosen], count, plan.queries, self.draw, plan.scans,
            some.is_symmetric, plan.near,
        )  # fmt: skip
        logits = self.learner.logits(shown.queries, shown.clouds)
        each = functional.binary_cross_entropy_with_logits(
            logits, shown.occupancy, reduction="none"
        )
        weight = shown.weight.clone()
        weight[:, plan.queries - round(plan.queries * plan.near) :] *= plan.near_weight
        loss = (each * weight).sum() / weight.sum()
        backward(loss, self.optimiser)
        self.averaged.update()
        self._total += loss.detach()

    def note(self, passed: float) -> None:
        """Puts the mean loss since the last time into the log."""
        mean = round(float(self._total) / _LOG_EVERY, 5)
        self._total.zero_()
        self.log["steps"].append([self.averaged.steps, round(passed, 1), mean])
        if self.averaged.steps % (10 * _LOG_EVERY) == 0:
            print(f"points: step {self.averaged.steps}, {passed:.0f} s, loss {mean}", flush=True)

    def check(self, bank: Bank, passed: float) -> float:
        """Measures the averaged weights on `val` of a bank; returns the seconds that it took."""
        begin = time.perf_counter()
        ids = bank.ids("val", list(CATEGORIES))
        if len(ids) == 0:
            return 0.0
        self.averaged.swap()
        found = measure(self.learner, bank, ids, self.plan.measured)
        self.averaged.swap()
        self.log["checks"].append({"step": self.averaged.steps, "iou": found})
        print(f"points: step {self.averaged.steps}, {passed:.0f} s: {found}", flush=True)
        return time.perf_counter() - begin

    def save(self, passed: float) -> None:
        """Writes averaged weights, log, and what `resume` reads."""
        metadata = {"network": json.dumps(self.options), "steps": str(self.averaged.steps)}
        write_state(self.out / WEIGHTS_FILE, self.averaged.values, metadata)
        write_json(self.out / LOG_FILE, self.log)
        state = {
            "network": self.learner.network.state_dict(),
            "averaged": self.averaged.values,
            "steps": self.averaged.steps,
            "optimiser": self.optimiser.state_dict(),
            "passed": passed,
            "log": self.log,
        }
        scratch = self.out / f".{STATE_FILE}.part"
        torch.save(state, scratch)
        scratch.replace(self.out / STATE_FILE)

    def resume(self) -> bool:
        """Takes over what `save` wrote, if there is any; random numbers begin anew."""
        path = self.out / STATE_FILE
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.learner.network.load_state_dict(state["network"])
        self.averaged.values, self.averaged.steps = state["averaged"], state["steps"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.before, self.log = state["passed"], state["log"]
        self.draw.generator.manual_seed(self.plan.seed + self.averaged.steps)
        self.numbers.seed(self.plan.seed + self.averaged.steps)
        return True


def _optimiser(network: nn.Module, plan: Plan, device: torch.device) -> torch.optim.Optimizer:
    parts = {True: 1.0, False: plan.fresh}
    groups = []
    for is_old, factor in parts.items():
        some = [
            parameter
            for name, parameter in network.named_parameters()
            if (".volume." not in name) == is_old and parameter.requires_grad
        ]
        peak = plan.rate * factor
        if some:
            groups.append({"params": some, "lr": peak, "peak": peak})
    return torch.optim.AdamW(
        groups, weight_decay=1e-4, betas=(0.9, 0.98), fused=device.type == "cuda"
    )


def learn(
    banks: Sequence[Bank],
    plan: Plan,
    out: Path,
    start: Path | None = None,
    checked: Bank | None = None,
    options: dict[str, Any] | None = None,
) -> None:
    """The whole job; writes the averaged weights and a log into `out`.

    start: weights to go on from; checked: the bank whose split `val` measures, else the first.
    """
    job = Job(banks, plan, out, start, options or NETWORK)
    job.resume()
    clock = Clock(plan.seconds, before=job.before)
    checked = checked or banks[0]
    print(f"points: {job.log['taken']} tensors taken over, {job.averaged.steps} steps", flush=True)
    took = 0.0 if job.averaged.steps else job.check(checked, clock.passed)
    clock.reserve = took
    saved = clock.passed
    while (fraction := clock.fraction) < 1:
        job.step(fraction)
        if job.averaged.steps % _LOG_EVERY == 0:
            job.note(clock.passed)
        if clock.passed - saved > _SAVE_EVERY:
            job.save(clock.passed)
            saved = clock.passed
        if fraction >= len(job.log["checks"]) / (plan.checks + 1):
            job.check(checked, clock.passed)
    job.check(checked, clock.passed)
    if job.device.type == "cuda":
        job.log["memory"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    job.save(clock.passed)
    print(f"points: {job.averaged.steps} steps, ended at {clock.passed:.1f} s", flush=True)
