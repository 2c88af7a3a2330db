"""Learns the network that takes noise off scans (`onet_core.models.scans.denoiser`).

    python -m training.learn.scans.denoiser --bank FOLDER... --out FOLDER [--clouds 160]
        [--seconds 2100]

First makes a file of patches for each cloud, which a second call doesn't make again; then learns
for the given time, the last of the files being for validation. Runs on one processor core. Writes
`denoiser.safetensors`, averaged weights, and `denoiser.json`, the log.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from onet_core.models.scans.denoiser import Denoiser, DenoiserConfig
from onet_core.models.scans.load import load_scan_network
from onet_core.models.scans.network import ScanNetwork
from onet_core.pipeline.dense import WEIGHTS

from ...data.bank import Bank
from ..run import Averaged, Clock, backward, rate, write_json, write_state
from .patches import Patches, load, patches_of, save

_POINTS = 4_000
_BATCH = 256
_HIGHEST_RATE = 2e-3
_MOST_WRONG = 20.0
_VALIDATED = 1 / 12


def make_files(
    banks: list[Bank], network: ScanNetwork, folder: Path, clouds: int, seed: int
) -> list[Path]:
    """The files of patches of so many clouds; those that are there already stay."""
    files = []
    for number in range(clouds):
        path = folder / f"{seed:03d}_{number:04d}.npz"
        bank = banks[number % len(banks)]
        if not path.exists():
            found = patches_of(bank, bank.ids("train"), network, _POINTS, 10_000 * seed + number)
            if found is None or not len(found):
                continue
            save(found, path)
            left = float(found.fitted.abs().mean())
            print(path.name, len(found), f"quadrics leave {left:.2f} of the noise", flush=True)
        files.append(path)
    return files


def loss_of(network: Denoiser, patches: Patches, chosen: Tensor) -> dict[str, Tensor]:
    """Of the chosen patches (M,), turned at random: what is left of the distance to the surface
    (M,), in units of the noise, one less the normal's cosine (M,), and how ill the expected error
    fits the one that is left (M,)."""
    turn = _turns(len(chosen))
    features = patches.features[chosen].float()
    features[..., :2] = features[..., :2] @ turn
    features[..., 7:9] = features[..., 7:9] @ turn
    normals = patches.normals[chosen].clone()
    normals[:, :2] = (normals[:, None, :2] @ turn)[:, 0]
    found = network(features, patches.heights[chosen].float())
    left = (patches.away[chosen] + found.height * normals[:, 2]).abs()
    cosine = (normalize(found.normal, dim=1, eps=1e-6) * normals).sum(1)
    wrong = left.detach().clamp(max=_MOST_WRONG)
    unsure = wrong * (-found.error).exp() + found.error
    return {"left": left, "turned": 1 - cosine.abs(), "unsure": unsure}


def _turns(count: int) -> Tensor:
    """Turns about the normal and mirror images, (count, 2, 2)."""
    angle = torch.rand(count) * (2 * torch.pi)
    cosine, sine = angle.cos(), angle.sin()
    turns = torch.stack([cosine, -sine, sine, cosine], 1).view(count, 2, 2)
    mirror = torch.stack([torch.ones(count), (torch.rand(count) - 0.5).sign()], 1)
    return turns * mirror[:, None]


@torch.no_grad()
def validate(network: Denoiser, patches: Patches) -> dict[str, float]:
    """Means over patches: what network and quadrics leave, and the normal's angle in degrees."""
    parts = [loss_of(network, patches, part) for part in torch.arange(len(patches)).split(4096)]
    left = torch.cat([part["left"] for part in parts])
    cosine = 1 - torch.cat([part["turned"] for part in parts])
    return {
        "left": round(float(left.clamp(max=4).mean()), 4),
        "by_quadrics": round(float(patches.fitted.abs().clamp(max=4).mean()), 4),
        "angle": round(float(cosine.clamp(max=1).acos().rad2deg().mean()), 3),
        "unsure": round(float(torch.cat([part["unsure"] for part in parts]).mean()), 4),
    }


def learn(
    known: Patches, checked: Patches, out: Path, seconds: float, width: int, seed: int
) -> dict[str, Any]:
    """Learns for that many seconds; returns the record that goes with the weights."""
    torch.manual_seed(seed)
    network = Denoiser(DenoiserConfig(width))
    averaged = Averaged(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_HIGHEST_RATE, weight_decay=1e-3)
    clock, step = Clock(seconds), 0
    log: list[dict[str, float]] = []
    record: dict[str, Any] = {"seed": seed, "seconds": seconds, "patches": len(known), "log": log}
    shown = 0.0
    while clock.fraction < 1:
        for group in optimizer.param_groups:
            group["lr"] = _HIGHEST_RATE * rate(clock.fraction)
        parts = loss_of(network, known, torch.randint(len(known), (_BATCH,)))
        total = parts["left"].clamp(max=_MOST_WRONG).mean()
        total = total + 0.5 * parts["turned"].mean() + 0.1 * parts["unsure"].mean()
        backward(total, optimizer)
        averaged.update()
        step += 1
        if clock.fraction >= min(shown + 1 / 12, 1):
            shown = clock.fraction
            averaged.swap()
            log.append({"step": step, **validate(network, checked)})
            averaged.swap()
            print("denoiser", json.dumps(log[-1]), flush=True)
            record["steps"] = step
            header = {"config": json.dumps({"width": width}), "training": json.dumps(record)}
            write_state(out / "denoiser.safetensors", averaged.values, header)
            write_json(out / "denoiser.json", record)
    return record


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clouds", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=2100)
    parser.add_argument("--width", type=int, default=DenoiserConfig().width)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    banks = [Bank.load(folder, "cpu") for folder in given.bank]
    network = load_scan_network(WEIGHTS)
    files = make_files(banks, network, given.out, given.clouds, given.seed)
    last = max(int(len(files) * _VALIDATED), 1)
    learn(
        load(files[:-last]), load(files[-last:]), given.out, given.seconds, given.width, given.seed
    )


if __name__ == "__main__":
    main()
