"""Learns the network that orients and denoises scans (`onet_core.models.scans`).

    python -m training.learn.scans --bank FOLDER --seconds 450 --out FOLDER

Ends on time by itself: the learning rate follows the share of the time that is over. Writes
`scans.safetensors`, float16, with averaged weights, and `scans.json`, the log.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from onet_core.models.scans.network import Answers, ScanConfig, ScanNetwork, Voxels, voxels_of

from ..run import Averaged, backward, write_json, write_state
from .examples import Harm, Scans, Surfaces, make_scans

LEVELS = len(ScanConfig().widths)
_FEWEST_POINTS, _MOST_POINTS = 3_000, 60_000
_AVERAGED = 0.998
_WARM = 0.03


def loss_of(answers: Answers, known: Tensor, scans: Scans) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch's answers (B * S,), and its parts."""
    objects, asked = scans.distance.shape
    of_cloud = (torch.arange(asked, device=known.device) < scans.cloud_places).expand(objects, -1)
    of_cloud, outlier = of_cloud.flatten(), scans.is_outlier.flatten()
    distance, sided = scans.distance.flatten(), scans.is_sided.flatten()
    near = known & distance.isfinite() & ~(outlier & of_cloud)
    target = scans.normals.flatten(0, 1)
    length = torch.where(sided, 1.0, torch.sign((answers.normals * target).sum(-1)))
    target = target * length[:, None]
    turned = 1 - (normalize(answers.normals, dim=-1, eps=1e-6) * target).sum(-1)
    # The length says how sure the sign is.
    square = ((answers.normals - target) ** 2).sum(-1)
    wrong = (answers.distance - torch.where(near, distance, 0)).abs()
    apart = wrong * (-answers.spread).exp() + answers.spread
    floor = math.exp(-4.0)
    noise = (answers.noise - scans.noise.flatten().clamp(min=floor).log()).abs()
    stray = binary_cross_entropy_with_logits(
        answers.outlier, outlier.float(), reduction="none", pos_weight=None
    )

    def mean(values: Tensor, where: Tensor) -> Tensor:
        return torch.where(where, values, 0).sum() / where.sum().clamp(min=1)

    parts = {
        "turned": mean(turned, near),
        "square": mean(square, near),
        "apart": mean(apart, near & sided),
        "wrong": mean(wrong, near & sided),
        "noise": mean(noise, near & of_cloud),
        "stray": mean(stray, known & of_cloud),
    }
    total = parts["turned"] + 0.5 * parts["square"] + 0.4 * parts["apart"] + parts["wrong"]
    total = total + 0.1 * parts["noise"] + 0.3 * parts["stray"]
    return total, parts


def answer(network: ScanNetwork, scans: Scans) -> tuple[Answers, Tensor, Voxels]:
    """What the network says of a batch's places, flat."""
    voxels = voxels_of(scans.points, scans.size, scans.clouds, LEVELS)
    coefficients = network.encode(voxels)
    objects, asked, _ = scans.places.shape
    clouds = torch.arange(objects, device=scans.places.device)[:, None].expand(-1, asked)
    places = scans.places.flatten(0, 1)
    answers, known = network.decode(coefficients, voxels, places, clouds.flatten())
    return answers, known, voxels


def batches(
    bank: Surfaces, ids: Tensor, points: int, generator: torch.Generator, most: int
) -> Iterator[Scans]:
    """Batches without end: few dense scans or many sparse ones, a third of them random solids."""
    choose = torch.Generator().manual_seed(generator.initial_seed())
    while True:
        share = torch.rand(1, generator=choose).item()
        span = math.log(min(_MOST_POINTS, most) / _FEWEST_POINTS)
        count = int(_FEWEST_POINTS * math.exp(share * span))
        objects = min(max(points // count, 3), 64)
        drawn = torch.randint(len(ids), (objects,), generator=generator, device=ids.device)
        asked = min(max(count // 4, 1_500), 3_000)
        yield make_scans(
            bank, ids[drawn], count, asked, generator, solids=max(objects * 35 // 100, 1)
        )


@torch.no_grad()
def validate(network: ScanNetwork, bank: Surfaces, ids: Tensor, count: int) -> dict[str, float]:
    """Signs, angles and distances on shapes of the split `val`, at three strengths of noise."""
    result: dict[str, float] = {}
    for noise in (0.0, 0.5, 2.0):
        generator = torch.Generator(ids.device).manual_seed(1)
        scans = make_scans(bank, ids, count, 2_000, generator, harm=Harm(noise=noise, clean=True))
        answers, known, _ = answer(network, scans)
        target, distance = scans.normals.flatten(0, 1), scans.distance.flatten()
        near = known & distance.isfinite()
        of_cloud = (torch.arange(2_000, device=ids.device) < 1_000).repeat(len(ids))
        cosine = (normalize(answers.normals, dim=-1) * target).sum(-1)
        sided = near & scans.is_sided.flatten() & of_cloud
        size = (scans.size / scans.spacing)[:, None].expand(-1, 2_000).flatten()
        result |= {
            f"signs_{noise}": float((cosine[sided] > 0).float().mean()),
            f"angle_{noise}": float(cosine[sided].abs().clamp(max=1).acos().rad2deg().mean()),
            f"wrong_{noise}": float(((answers.distance - distance).abs() * size)[sided].mean()),
            f"before_{noise}": float((distance.abs() * size)[sided].mean()),
            f"noise_{noise}": float((answers.noise.exp() * size)[sided].mean()),
        }
    return {name: round(value, 4) for name, value in result.items()}


def save(
    weights: dict[str, Tensor], config: ScanConfig, record: dict[str, object], out: Path
) -> None:
    """Writes weights and log whole, never a part of one."""
    header = {"config": json.dumps(config.to_dict()), "training": json.dumps(record)}
    write_state(out / "scans.safetensors", weights, header)
    write_json(out / "scans.json", record)


def train(
    bank: Surfaces,
    ids: Tensor,
    checked: Tensor,
    out: Path,
    *,
    seconds: float,
    points: int,
    most: int = _MOST_POINTS,
    checked_points: int = 30_000,
    seed: int = 0,
) -> dict[str, object]:
    """Learns for that many seconds; returns the log."""
    start = time.perf_counter()
    torch.manual_seed(seed)
    device = ids.device
    generator = torch.Generator(device).manual_seed(seed)
    network = ScanNetwork().to(device)
    network.products = torch.bfloat16 if device.type == "cuda" else torch.float32
    averaged = Averaged(network, _AVERAGED)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2.5e-3, weight_decay=0.01)
    log: list[dict[str, object]] = []
    sums: dict[str, Tensor] = {}
    step = steps_before = 0
    # So that three jobs on one device don't fall over each other at the end.
    saved = checked_at = shown = time.perf_counter()
    for scans in batches(bank, ids, points, generator, most):
        done = (time.perf_counter() - start) / seconds
        if done >= 1:
            break
        rate = 2.5e-3 * min(done / _WARM, 1, 0.5 * (1 + math.cos(math.pi * done)) + 0.004)
        for group in optimizer.param_groups:
            group["lr"] = max(rate, 1e-6)
        answers, known, voxels = answer(network, scans)
        total, parts = loss_of(answers, known, scans)
        backward(total, optimizer)
        averaged.update()
        step += 1
        for name, value in {**parts, "total": total}.items():
            sums[name] = sums.get(name, 0) + value.detach()
        now = time.perf_counter()
        if now - shown > max(seconds / 40, 2):
            line = {
                name: round(float(value) / (step - steps_before), 4) for name, value in sums.items()
            }
            line |= {
                "step": step,
                "seconds": round(now - start, 1),
                "voxels": len(voxels.levels[0]),
            }
            line["ms"] = round(1000 * (now - shown) / (step - steps_before))
            print("scans", json.dumps(line), flush=True)
            log.append(dict(line))
            sums, steps_before, shown = {}, step, time.perf_counter()
        is_due = now - checked_at > max(seconds / 4, 15)
        if is_due or now - saved > 60:
            if is_due:
                log.append(_checked(averaged.values, bank, checked, checked_points, step))
                checked_at = time.perf_counter()
            save(averaged.values, network.config, {"steps": step, "log": log}, out)
            saved = time.perf_counter()
    log.append(_checked(averaged.values, bank, checked, checked_points, step))
    record: dict[str, object] = {"steps": step, "seconds": seconds, "seed": seed, "log": log}
    save(averaged.values, network.config, record, out)
    return record


def _checked(
    weights: dict[str, Tensor], bank: Surfaces, ids: Tensor, count: int, step: int
) -> dict[str, object]:
    network = ScanNetwork().to(ids.device)
    network.load_state_dict(weights)
    network.products = torch.bfloat16 if ids.is_cuda else torch.float32
    line: dict[str, object] = {"step": step, **validate(network.eval(), bank, ids, count)}
    print("scans val", json.dumps(line), flush=True)
    return line


def main() -> None:
    """See the module."""
    from training.data.bank import Bank

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--seconds", type=float, default=450)
    parser.add_argument("--points", type=int, default=400_000, help="of all scans of a step")
    parser.add_argument("--most", type=int, default=_MOST_POINTS, help="points of one scan")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="only shows that it runs")
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    begin = time.perf_counter()
    bank = Bank.load(given.bank, device)
    given.out.mkdir(parents=True, exist_ok=True)
    # A flood's solids end at cells' faces: their surfaces are no measure of precision.
    exact = torch.tensor([method == "winding" for method in bank.methods], device=device)
    ids, checked = (some[exact[some]] for some in (bank.ids("train"), bank.ids("val")))
    few = torch.linspace(0, len(checked) - 1, min(32, len(checked))).long().to(device)
    left = given.seconds - (time.perf_counter() - begin) - (2 if given.smoke else 6)
    train(
        bank, ids, checked[few], given.out, seconds=left, points=given.points, most=given.most,
        checked_points=min(30_000, given.most), seed=given.seed,
    )  # fmt: skip
    if device.type == "cuda":
        print("scans memory", torch.cuda.max_memory_allocated() / 2**30, flush=True)


if __name__ == "__main__":
    main()
