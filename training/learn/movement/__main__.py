"""Learns the network of movement.

    python -m training.learn.movement --bank FILE --val FILE --seconds 3600 --out FOLDER

The banks are those of `training.data.movement`. Runs on one processor core; a second call goes on
where the first was stopped. Writes `flow.safetensors`, float16, with averaged weights, and
`flow.json`, the log.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..run import Averaged, Clock, backward, rate, write_json, write_state
from .network import FlowConfig, FlowNetwork

_HIGHEST_RATE = 2e-3
_BATCH, _ASKED, _UNROLLED = 8, 128, 2
_FEWEST, _MOST = 200, 400
_SECONDS_BETWEEN_LOOKS = 240.0
Bank = NDArray[np.float32]


def batch_of(bank: Bank, rng: np.random.Generator, size: int) -> tuple[list[Tensor], Tensor, bool]:
    """Clouds of `_UNROLLED + 1` steps, places (B, U + 2, Q, 3) of points there and one step before,
    and whether the step before is before the movement's start.

    The sequences run forwards or backwards, at once or twice the pace, turned and scaled a little.
    """
    steps = bank.shape[1]
    pace = 2 if rng.random() < 0.35 else 1
    most = steps - 1 - pace * _UNROLLED
    start = int(rng.integers(0, most + 1))
    is_first = start < pace or rng.random() < 0.2
    numbers = [max(start - pace, 0), *range(start, start + pace * _UNROLLED + 1, pace)]
    if rng.random() < 0.5:
        numbers = [steps - 1 - number for number in numbers]
    chosen = rng.integers(0, len(bank), size)
    count = int(np.exp(rng.uniform(np.log(_FEWEST), np.log(_MOST))))
    noise = float(rng.choice([0.0, 0.003, 0.01]))
    turns = _turns(rng, size) * rng.uniform(0.75, 1.15, (size, 1, 1))
    moved = np.einsum("btnk,bjk->btnj", bank[chosen][:, numbers], turns).astype(np.float32)
    clouds = []
    for step in range(1, len(numbers)):
        drawn = np.stack([rng.choice(bank.shape[2], count, replace=False) for _ in range(size)])
        cloud = np.take_along_axis(moved[:, step], drawn[..., None], 1)
        cloud = cloud + noise * rng.normal(size=cloud.shape)
        clouds.append(torch.from_numpy(cloud.astype(np.float32)))
    asked = rng.choice(bank.shape[2], _ASKED, replace=False)
    return clouds, torch.from_numpy(moved[:, :, asked]), is_first


def _turns(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Rotations (B, 3, 3), any."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.random(size, random_state=rng).as_matrix())


def loss_of(network: FlowNetwork, clouds: list[Tensor], places: Tensor, is_first: bool) -> Tensor:
    """How far from the truth places are that the network carries along, mean over all steps.

    Each step begins where the one before ended, so that it learns to mend what that left.
    """
    encoded = [network.encode(cloud) for cloud in clouds]
    size = len(places)
    known = torch.full((size, 1), 0.0 if is_first else 1.0)
    velocity = places[:, 1] - places[:, 0]
    velocity = velocity + 0.25 * velocity.norm(dim=-1, keepdim=True) * torch.randn_like(velocity)
    now = places[:, 1] + 0.01 * torch.rand(size, 1, 1) * torch.randn_like(velocity)
    total = torch.zeros(())
    for step in range(len(clouds) - 1):
        move = network(encoded[step], encoded[step + 1], now, velocity, known)
        missed = (now + move - places[:, step + 2]).norm(dim=-1)
        total = total + missed.mean()
        now, velocity, known = (now + move).detach(), move.detach(), torch.ones_like(known)
    return total / (len(clouds) - 1)


@torch.no_grad()
def validated(network: FlowNetwork, bank: Bank) -> dict[str, float]:
    """The mean error of points that are carried along whole movements (paper: correspondence), and
    that of points that stay where they were; in units of the longest edge."""
    rng = np.random.default_rng(0)
    errors, still = [], []
    for movement in bank:
        drawn = [rng.choice(bank.shape[2], 300, replace=False) for _ in range(bank.shape[1])]
        asked = rng.choice(bank.shape[2], 256, replace=False)
        places = torch.from_numpy(movement[:, asked])[:, None]
        clouds = [
            network.encode(torch.from_numpy(movement[step, drawn[step]])[None])
            for step in range(len(movement))
        ]
        now, velocity, known = places[0], torch.zeros_like(places[0]), torch.zeros(1, 1)
        for step in range(len(movement) - 1):
            velocity = network(clouds[step], clouds[step + 1], now, velocity, known)
            now, known = now + velocity, torch.ones_like(known)
            errors.append(float((now - places[step + 1]).norm(dim=-1).mean()))
            still.append(float((places[0] - places[step + 1]).norm(dim=-1).mean()))
    return {"error": float(np.mean(errors)), "still": float(np.mean(still))}


def learn(bank: Bank, val: Bank, out: Path, seconds: float, seed: int) -> None:
    """Learns for so many seconds, those of earlier calls included."""
    torch.manual_seed(seed)
    network = FlowNetwork()
    optimiser = torch.optim.AdamW(network.parameters(), lr=_HIGHEST_RATE, weight_decay=1e-4)
    averaged = Averaged(network, 0.999)
    step, before, log, kept = 0, 0.0, [], out / "flow.ckpt"
    if kept.is_file():
        state = torch.load(kept, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        averaged.values, averaged.steps = state["averaged"], state["step"]
        step, before, log = state["step"], state["passed"], json.loads(state["log"])
    clock = Clock(seconds, reserve=20, before=before)
    rng = np.random.default_rng([seed, step])
    looked, running = clock.passed, 0.0

    def look() -> None:
        averaged.swap()
        line = {"step": step, "passed": round(clock.passed), "loss": running}
        line |= validated(network.eval(), val)
        averaged.swap()
        network.train()
        log.append(line)
        print(json.dumps(line), flush=True)
        record = {"steps": step, "seconds": clock.passed, "seed": seed, "log": log}
        write_json(out / "flow.json", record)
        write_state(
            out / "flow.safetensors",
            averaged.values,
            {"config": json.dumps(FlowConfig().to_dict()), "steps": str(step)},
        )
        scratch = out / "flow.ckpt.part"
        torch.save(
            {
                "network": network.state_dict(), "optimiser": optimiser.state_dict(),
                "averaged": averaged.values, "step": step, "passed": clock.passed,
                "log": json.dumps(log),
            },
            scratch,
        )  # fmt: skip
        scratch.replace(kept)

    while clock.fraction < 1:
        for group in optimiser.param_groups:
            group["lr"] = _HIGHEST_RATE * rate(clock.fraction)
        loss = loss_of(network, *batch_of(bank, rng, _BATCH))
        backward(loss, optimiser, 1.0)
        averaged.update()
        step += 1
        running += (loss.item() - running) * max(0.01, 1 / step)
        if step % 50 == 0:
            print(f"{step} {clock.passed:.0f} s {running:.5f}", flush=True)
        if clock.passed - looked > _SECONDS_BETWEEN_LOOKS:
            look()
            looked = clock.passed
    look()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", required=True, type=Path)
    parser.add_argument("--val", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    bank, val = np.load(given.bank, mmap_mode="r"), np.load(given.val)
    learn(bank, val, given.out, given.seconds, given.seed)


if __name__ == "__main__":
    main()
