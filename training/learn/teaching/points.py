"""Teaches a lighter network for sparse clouds what a heavier one says.

    python -m training.learn.teaching.points BANK points.safetensors --out OUT

Only what follows the encoder learns. Writes weights.safetensors into OUT, now and then while it
learns and at its end, and log.json.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights, save_weights

from ...data.bank import Bank
from ..points.clouds import symmetric
from ..points.flaws import Draw, Scans
from ..run import Averaged, backward, rate, write_json
from .clouds import CloudLesson, CloudTeacher, Unlabelled, answered, draw_size, lead
from .lessons import unlikeness
from .teacher import taught_by

WEIGHTS_FILE, LOG_FILE = "weights.safetensors", "log.json"
# How many clouds of a size are drawn together.
_TOGETHER = 4
_LOG_EVERY = 250
# Steps between two times that the weights are written.
_KEEP_EVERY = 5000


@dataclass(frozen=True)
class Lessons:
    """How a pupil is taught.

    steps: how many; batch: clouds of each; queries: of each cloud.
    first: lessons before the first step; fresh: steps between two new lessons; kept: lessons that
        are learned from, between others.
    rate: the highest; decay: of the averaged weights.
    unseen: lessons of validation shapes, which measure.
    """

    steps: int = 3000
    batch: int = 4
    queries: int = 1024
    first: int = 160
    fresh: int = 16
    kept: int = 800
    rate: float = 4e-3
    decay: float = 0.998
    unseen: int = 24
    seed: int = 0
    scans: Scans = field(default_factory=lambda: Scans(noise=0.025))


class Class:
    """Where lessons come from: a bank, and a teacher of one pupil."""

    def __init__(self, bank: Bank, teacher: CloudTeacher, plan: Lessons, split: str) -> None:
        self._bank, self._teacher, self._plan = bank, teacher, plan
        self._numbers = random.Random(f"{plan.seed} {split}")
        self._draw = Draw(torch.Generator().manual_seed(self._numbers.randrange(2**31)))
        self._ids = bank.ids(split)
        self._symmetric = symmetric(bank, self._draw)

    def lessons(self) -> list[CloudLesson]:
        """A few new ones, of clouds of one size."""
        chosen = torch.randint(len(self._ids), (_TOGETHER,), generator=self._draw.generator)
        count = draw_size(self._numbers)
        return self._teacher.drawn(
            self._bank, self._ids[chosen], count, self._draw, self._plan.scans, self._symmetric
        )


def learn(
    network: nn.Module, pupil: nn.Module, bank: Bank, plan: Lessons, keep: Callable[[int], None]
) -> dict[str, Any]:
    """Teaches a pupil, which the teacher led or which learned before, and which gets its averaged
    weights; returns the log.

    keep: is called with the number of steps each time that the pupil is to be written.
    """
    torch.manual_seed(plan.seed)
    built: Any = pupil
    teacher = CloudTeacher(network, built, plan.queries)  # type: ignore[arg-type]
    learned = Class(bank, teacher, plan, "train")
    measured = Class(bank, teacher, plan, "val")
    unseen = [one for _ in range(plan.unseen // _TOGETHER) for one in measured.lessons()]
    kept: deque[CloudLesson] = deque(maxlen=plan.kept)
    while len(kept) < plan.first:
        kept.extend(learned.lessons())
    print(f"{len(kept)} lessons, {time.process_time():.0f} processor seconds", flush=True)
    parameters = [one for one in pupil.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=plan.rate, betas=(0.9, 0.98), weight_decay=1e-4)
    averaged = Averaged(pupil, plan.decay)
    log: dict[str, Any] = {"before": unlike(built.decoder, unseen), "steps": []}
    total = 0.0
    choice = random.Random(plan.seed)
    for step in range(plan.steps):
        if step and step % (plan.fresh * _TOGETHER) == 0:
            kept.extend(learned.lessons())
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * rate(step / plan.steps)
        found, wanted = answered(built.decoder, choice.sample(kept, plan.batch))
        loss = unlikeness(found, wanted).mean()
        backward(loss, optimiser)
        averaged.update()
        total += loss.item()
        if (step + 1) % _LOG_EVERY == 0 or step + 1 == plan.steps:
            mean, total = total / (step % _LOG_EVERY + 1), 0.0
            averaged.swap()
            row = [step + 1, round(mean, 5), *unlike(built.decoder, unseen)]
            if (step + 1) % _KEEP_EVERY == 0 or step + 1 == plan.steps:
                keep(step + 1)
            averaged.swap()
            row.append(round(time.process_time()))
            log["steps"].append(row)
            print(*row, flush=True)
    averaged.swap()
    return log


@torch.no_grad()
def unlike(decoder: nn.Module, lessons: list[CloudLesson]) -> list[float]:
    """The mean loss, and the share of queries on the other side of a probability of 0.32."""
    found, wanted = map(torch.cat, zip(*(answered(decoder, [one]) for one in lessons), strict=True))
    level = torch.logit(torch.tensor(0.32))
    wrong = ((found > level) != (wanted > level)).float().mean()
    return [round(float(unlikeness(found, wanted).mean()), 5), round(float(wrong), 5)]


def pupil_of(teacher: ModelDescription, name: str, changes: dict[str, Any]) -> ModelDescription:
    """The description of a pupil whose network differs in some options from its teacher's."""
    network = {**teacher.network, **changes}
    reasons = {name: why for name, why in teacher.steps.chosen_by.items() if name != "half_turn"}
    steps = replace(teacher.steps, half_turn=False, chosen_by=reasons)
    bare = replace(teacher, name=name, network=network, steps=steps, training={}, metrics={})
    return taught_by(teacher, bare)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.learn.teaching.points", description=__doc__
    )
    parser.add_argument("bank", type=Path)
    parser.add_argument("teacher", type=Path, help="weights file")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to go on from, where tensors fit")
    parser.add_argument(
        "--network", type=json.loads, default={}, help="options that differ, as JSON"
    )
    for name, kind in (("steps", int), ("rate", float), ("first", int), ("fresh", int)):
        parser.add_argument(f"--{name}", type=kind, default=getattr(Lessons, name))
    given = parser.parse_args()
    plan = Lessons(given.steps, first=given.first, fresh=given.fresh, rate=given.rate)
    network, description = load_weights(given.teacher)
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    about = pupil_of(description, "points", {"both_ways": True, **given.network})
    pupil = build_network(about)
    lead(network, pupil)
    if given.start:
        own, begun = pupil.state_dict(), load_weights(given.start)[0].state_dict()
        fitting = {n: v for n, v in begun.items() if n in own and v.shape == own[n].shape}
        pupil.load_state_dict({**own, **fitting})
        print(f"It begins with {len(fitting)} of its {len(own)} tensors as {given.start.name} has.")
    bank = Unlabelled.load(given.bank, "cpu")
    given.out.mkdir(parents=True, exist_ok=True)

    def keep(steps: int) -> None:
        facts = {"steps": steps, "seed": plan.seed, "learning_rate": plan.rate}
        told = replace(about, training={**about.training, **facts})
        save_weights(given.out / WEIGHTS_FILE, pupil, told, half=True)

    write_json(given.out / LOG_FILE, learn(network, pupil, bank, plan, keep))


if __name__ == "__main__":
    main()
