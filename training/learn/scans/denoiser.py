"""Learns the network that takes noise off scans (`onet_core.models.scans.denoiser`).

    python -m training.learn.scans.denoiser --bank FOLDER --val-bank FOLDER --scans FOLDER
        --out FOLDER [--clouds 400] [--bodies 200] [--validation 100] [--steps 25000]
        [--begin WEIGHTS] [--config JSON]

First makes a file of a scan and one of its patches for each cloud, of the splits `train` and `val`
and of random bodies, which a second call doesn't make again (so that several calls can share the
work, and other opinions be tried on the same scans); then learns for the given number of steps.
Runs on one processor core. Writes `denoiser.safetensors`, averaged weights, and `denoiser.json`,
the log.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from onet_core.models.scans.denoiser import Denoiser, DenoiserConfig
from onet_core.models.scans.load import denoiser_config, load_denoiser, load_scan_network
from onet_core.models.scans.network import ScanNetwork
from onet_core.pipeline.dense import WEIGHTS

from ...data.bank import Bank
from ..run import Averaged, backward, rate, write_json, write_state
from . import noisy
from .patches import Patches, joined, load, patches_of, save

_BATCH = 256
_MOST_WRONG = 20.0
_LOOKED = 12
"""How often it is validated and written."""

_SEEDS = {"train": 0, "bodies": 1, "val": 7}
"""Seeds of clouds: 10,000 times the run's and this."""


def make_files(
    bank: Bank | None,
    network: ScanNetwork,
    folders: tuple[Path, Path],
    split: str,
    config: DenoiserConfig,
    clouds: int,
    seed: int,
) -> list[Path]:
    """The files of patches of that many clouds; those that are there already stay.

    folders: of scans and of patches. bank, split: the shapes of `train` or `val`; None and `bodies`
    for random bodies.
    """
    files, own = [], seed + _SEEDS[split]
    for number in range(clouds):
        stored, path = (folder / f"{own:03d}_{number:04d}.npz" for folder in folders)
        if not stored.exists():
            ids = torch.zeros(0) if bank is None else bank.ids(split)
            scan = noisy.noisy_scan(bank, ids, network, 10_000 * own + number)
            noisy.save(scan, stored)
        if not path.exists():
            known = noisy.load(stored)
            found = joined([] if known is None else [patches_of(known, config)])
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
    network: Denoiser,
    known: Patches,
    checked: Patches,
    out: Path,
    steps: int,
    highest: float,
    seed: int,
) -> dict[str, Any]:
    """Learns for that many steps; returns the record that goes with the weights."""
    torch.manual_seed(seed)
    averaged = Averaged(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=highest, weight_decay=1e-3)
    log: list[dict[str, float]] = []
    record: dict[str, Any] = {"seed": seed, "steps": steps, "patches": len(known), "log": log}
    start = time.process_time()
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = highest * rate((step - 1) / steps)
        parts = loss_of(network, known, torch.randint(len(known), (_BATCH,)))
        total = parts["left"].clamp(max=_MOST_WRONG).mean()
        total = total + 0.5 * parts["turned"].mean() + 0.1 * parts["unsure"].mean()
        backward(total, optimizer)
        averaged.update()
        if step % max(steps // _LOOKED, 1) == 0:
            averaged.swap()
            log.append({"step": step, **validate(network, checked)})
            averaged.swap()
            print("denoiser", json.dumps(log[-1]), flush=True)
            record["seconds"] = round(time.process_time() - start)
            header = {
                "config": json.dumps(network.config.to_dict()),
                "training": json.dumps(record),
            }
            write_state(out / "denoiser.safetensors", averaged.values, header)
            write_json(out / "denoiser.json", record)
    return record


@torch.no_grad()
def begin_as(network: Denoiser, other: Denoiser) -> None:
    """Gives a network the weights of another, no wider one, so that it begins with its answers:
    what it has more of counts nothing at first."""
    ours, theirs = network.state_dict(), other.state_dict()
    wide, narrow = network.config.width, other.config.width
    for name, value in theirs.items():
        rows = len(value)
        if value.dim() == 2:
            ours[name][:rows] = 0
            # Layers after pooling read means, then maxima.
            blocks = value.shape[1] // narrow if value.shape[1] % narrow == 0 else 0
            for block in range(max(blocks, 1)):
                width = narrow if blocks else value.shape[1]
                columns = value[:, block * width : (block + 1) * width]
                ours[name][:rows, block * wide : block * wide + width] = columns
        else:
            ours[name][:rows] = value
    network.load_state_dict(ours)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--val-bank", type=Path, required=True)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clouds", type=int, default=400)
    parser.add_argument("--bodies", type=int, default=200, help="clouds of random bodies")
    parser.add_argument("--validation", type=int, default=100, help="clouds of the split val")
    parser.add_argument("--steps", type=int, default=25_000, help="0 only makes the files")
    parser.add_argument("--config", type=json.loads, default={}, help="of DenoiserConfig, as JSON")
    parser.add_argument("--begin", type=Path, help="weights to go on from; else new ones")
    parser.add_argument("--rate", type=float, default=2e-3, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for folder in (given.out, given.scans):
        folder.mkdir(parents=True, exist_ok=True)
    network = load_scan_network(WEIGHTS)
    folders, config = (given.scans, given.out), denoiser_config(given.config)
    checked, shapes, bodies = (
        make_files(bank, network, folders, split, config, count, given.seed)
        for split, bank, count in (
            ("val", Bank.load(given.val_bank, "cpu"), given.validation),
            ("train", Bank.load(given.bank, "cpu"), given.clouds),
            ("bodies", None, given.bodies),
        )
    )
    if given.steps:
        torch.manual_seed(given.seed)
        denoiser = Denoiser(config)
        if given.begin:
            begin_as(denoiser, load_denoiser(given.begin))
        learn(
            denoiser,
            load(shapes + bodies),
            load(checked),
            given.out,
            given.steps,
            given.rate,
            given.seed,
        )


if __name__ == "__main__":
    main()
