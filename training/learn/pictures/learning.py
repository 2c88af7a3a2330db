"""The loop: draw, ask, step, until the time is over."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from onet_core.models.pictures.network import PictureNetwork
from training.data.bank import Bank

from ..run import Averaged, backward, write_json, write_state
from .batches import CATEGORIES, Batch, Choice, make_batch
from .losses import WEIGHTS, losses
from .pool import Pool

WEIGHTS_FILE, LOG_FILE = "pictures.safetensors", "pictures.json"
_SAVED_EVERY = 60.0
_LOGGED_EVERY = 50
_AVERAGED = 0.999
# The steps in which the rate rises, and the share of the time from which the estimated camera is
# used, too.
_WARM_STEPS, _ESTIMATED_FROM = 200, 0.15
_ESTIMATED = 0.5
# Validation at these shares of the time.
_VALIDATED_AT = (0.5, 0.97)
# The number of steps that learn from one drawing of twice a batch, and of drawings that are kept.
_STEPS_A_DRAWING, _KEPT = 4, 24


@dataclass(frozen=True)
class Plan:
    """How long and how it is learned; see the command's options."""

    seconds: float = 450.0
    batch: int = 64
    queries: int = 2048
    size: int = 128
    rate: float = 1e-3
    decay: float = 0.03
    most_steps: int = 0
    seed: int = 0
    is_smoke: bool = False


def learn(bank: Bank, plan: Plan, out: Path, network_options: dict[str, Any] | None = None) -> None:
    """Trains for `plan.seconds` and writes the averaged weights and a log into `out`."""
    start = time.perf_counter()
    device = bank.device
    torch.manual_seed(plan.seed)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    generator = torch.Generator(device).manual_seed(plan.seed)
    choice = Choice(bank)
    options = {"image_size": plan.size, "kinds": choice.count, **(network_options or {})}
    network = PictureNetwork(**options).to(device)
    network.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.volume.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        _groups(network, plan.decay), lr=plan.rate, betas=(0.9, 0.98), fused=device.type == "cuda"
    )
    average = Averaged(network, _AVERAGED)
    log: dict[str, Any] = {"plan": asdict(plan), "network": options, "steps": [], "validation": []}
    record = _Recorder(out, average, log)
    pool = Pool(bank, choice, each=2 * plan.batch, rounds=_KEPT, size=plan.size)
    print(f"pictures: ready after {time.perf_counter() - start:.1f} s", flush=True)

    start = time.perf_counter()
    step, saved, validated = 0, start, 0
    while True:
        passed = time.perf_counter() - start
        share = min(1.0, passed / plan.seconds)
        if plan.most_steps:
            share = max(share, step / plan.most_steps)
        if share >= 1:
            break
        # The first step takes long, so the rise is counted in steps.
        _set_rate(optimiser, plan.rate * min(1.0, (step + 1) / _WARM_STEPS) * (1 - share))
        if step % _STEPS_A_DRAWING == 0:
            pool.draw(generator)
        batch = pool.batch(plan.batch, plan.queries, generator)
        known = torch.rand(plan.batch, generator=generator, device=device) >= (
            _ESTIMATED if share > _ESTIMATED_FROM else 0.0
        )
        parts = _losses(network, batch, known)
        total = sum(WEIGHTS[name] * value for name, value in parts.items())
        assert isinstance(total, Tensor)
        backward(total, optimiser)
        average.update()
        step += 1
        if step % _LOGGED_EVERY == 0 or (plan.is_smoke and step <= 3):
            values = torch.stack([value.detach() for value in parts.values()]).tolist()
            entry = {name: round(value, 4) for name, value in zip(parts, values, strict=True)}
            log["steps"].append({"step": step, "seconds": round(passed, 2), **entry})
            if step % (8 * _LOGGED_EVERY) == 0 or plan.is_smoke:
                print(f"pictures: {log['steps'][-1]}", flush=True)
        if validated < len(_VALIDATED_AT) and share >= _VALIDATED_AT[validated]:
            validated += 1
            found = validate(bank, average, options, plan, choice)
            log["validation"].append({"step": step, **found})
            print(f"pictures: step {step}, {passed:.0f} s, validation {found}", flush=True)
        if time.perf_counter() - saved > _SAVED_EVERY:
            saved = time.perf_counter()
            record.write(step, passed)
    if plan.is_smoke:
        log["times"] = dict(_times(bank, pool, network, plan, generator))
        print(f"pictures: milliseconds {log['times']}", flush=True)
    passed = time.perf_counter() - start
    record.write(step, passed)
    print(f"pictures: {step} steps in {passed:.1f} s, {passed / max(1, step):.4f} each", flush=True)


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights with decay, biases and norms without."""
    some = [p for p in network.parameters() if p.ndim >= 2]
    rest = [p for p in network.parameters() if p.ndim < 2]
    return [{"params": some, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


def _losses(network: PictureNetwork, batch: Batch, known: Tensor) -> dict[str, Tensor]:
    device = batch.points.device
    views = batch.views
    pictures = views.pictures.contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        code, estimates = network.read(pictures, views.camera, known)
        logits = network.decode(batch.points, batch.points[:, :0, 0], code)
    return losses(logits, estimates, batch)


@torch.no_grad()
def validate(
    bank: Bank, average: Averaged, options: dict[str, Any], plan: Plan, choice: Choice
) -> dict[str, float]:
    """IoU of validation shapes by the averaged weights, with the camera estimated and with it
    known, at the best of a few thresholds; means of the categories; and the camera's errors."""
    network = PictureNetwork(**options).to(bank.device)
    network.load_state_dict(average.values)
    network.eval()
    ids = bank.ids("val")
    if len(ids) == 0:
        ids = choice.ids[:64]
    generator = torch.Generator(bank.device).manual_seed(1)
    thresholds = torch.tensor([0.2, 0.3, 0.4, 0.5, 0.6], device=bank.device).logit()
    sums: dict[str, list[Tensor]] = {"estimated": [], "known": []}
    turned, mask = [], []
    for some in ids.split(64):
        batch = make_batch(bank, choice, some, 8192, generator, size=plan.size, is_plain=True)
        for name in sums:
            known = torch.full((len(some),), name == "known", device=bank.device)
            # Sizes that come once are not worth a search for the fastest convolution.
            with torch.backends.cudnn.flags(enabled=True, benchmark=False):
                code, estimates = network.read(batch.views.pictures, batch.views.camera, known)
                logits = network.decode(batch.points[:, :4096], batch.points[:, :0, 0], code)
            found = logits[..., None] > thresholds
            true = batch.occupancy[:, :4096, None] > 0.5
            either = (found | true).sum(1).clamp_min(1)
            sums[name].append((found & true).sum(1) / either)
        error = estimates.camera.camera().azimuth - batch.views.camera.azimuth
        turned.append((error.cos() > 0.94).float())
        seen = estimates.mask > 0
        both = (seen & (batch.views.mask > 0.5)).sum((1, 2))
        mask.append(both / (seen | (batch.views.mask > 0.5)).sum((1, 2)).clamp_min(1))
    categories = [bank.categories[i] for i in ids.tolist()]
    result = {"azimuth": float(torch.cat(turned).mean()), "mask": float(torch.cat(mask).mean())}
    for name, parts in sums.items():
        iou = torch.cat(parts)
        for title, kinds in (("13", set(CATEGORIES)), ("all", set(categories))):
            means = [
                iou[[i for i, c in enumerate(categories) if c == kind]].mean(0)
                for kind in sorted(kinds & set(categories))
            ]
            if means:
                best = torch.stack(means).mean(0)
                result[f"{name}_{title}"] = float(best.max())
                result[f"{name}_{title}_at"] = float(thresholds[best.argmax()].sigmoid())
    return {name: round(value, 4) for name, value in result.items()}


def _times(
    bank: Bank, pool: Pool, network: PictureNetwork, plan: Plan, generator: torch.Generator
) -> Iterator[tuple[str, float]]:
    """Milliseconds of drawing (for several steps), of the losses and of their gradients."""

    def now() -> float:
        if bank.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    spent = {"drawing": 0.0, "forward": 0.0, "backward": 0.0}
    rounds = 5
    for _ in range(rounds):
        start = now()
        pool.draw(generator)
        drawn = now()
        batch = pool.batch(plan.batch, plan.queries, generator)
        known = torch.ones(plan.batch, dtype=torch.bool, device=bank.device)
        parts = _losses(network, batch, known)
        asked = now()
        total = sum(parts.values())
        assert isinstance(total, Tensor)
        total.backward()
        spent["drawing"] += drawn - start
        spent["forward"] += asked - drawn
        spent["backward"] += now() - asked
    yield from ((name, round(1000 * seconds / rounds, 2)) for name, seconds in spent.items())
    if bank.device.type == "cuda":
        yield "gigabytes", round(torch.cuda.max_memory_allocated() / 2**30, 1)


class _Recorder:
    """Writes weights in half precision and the log, each whole or not at all."""

    def __init__(self, out: Path, average: Averaged, log: dict[str, Any]) -> None:
        self.out, self.average, self.log = out, average, log

    def write(self, step: int, seconds: float) -> None:
        self.log |= {"step": step, "seconds": round(seconds, 1)}
        metadata = {"network": json.dumps(self.log["network"])}
        write_state(self.out / WEIGHTS_FILE, self.average.values, metadata)
        write_json(self.out / LOG_FILE, self.log)
