"""Learns a texture field: `python -m training.learn.colours --source SHAPES --out OUT`.

First makes the examples (OUT/examples, once), then learns on one processor core. A second call
goes on where the first was stopped. Writes `texture.safetensors` with averaged weights, those with
the least error on the split `val`, and `texture.json`, the log.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from onet_core.models.pictures.texture.candidates import PLAIN
from onet_core.models.pictures.texture.network import TextureConfig, TextureField

from ..run import Averaged, backward, rate, write_json, write_state
from .examples import Examples, batches, made_once

_HIGHEST_RATE = 2e-3
_BATCH, _PLACES = 12, 128
_STEPS_BETWEEN_LOOKS = 250


def batch_of(
    given: Examples, chosen: np.ndarray, rng: np.random.Generator, is_varied: bool = True
) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """What the field gets, and the true colours (B, H, 3).

    is_varied: some places of each, with channels exchanged, brighter or darker, and mirrored.
    """
    some = rng.choice(given.true.shape[1], _PLACES, replace=False) if is_varied else slice(None)
    pictures = torch.from_numpy(given.pictures[chosen].transpose(0, 3, 1, 2)).float() / 255
    places = torch.from_numpy(given.places[chosen][:, some]).float()
    about = torch.from_numpy(given.about[chosen][:, some]).float()
    colours = torch.from_numpy(given.colours[chosen][:, some]).float() / 255
    true = torch.from_numpy(given.true[chosen][:, some]).float() / 255
    if is_varied:
        order = torch.from_numpy(rng.permutation(3))
        gain = torch.from_numpy(rng.uniform(0.75, 1.1, (len(chosen), 1, 1, 3)).astype(np.float32))
        pictures = torch.cat(
            [pictures[:, order] * gain[:, 0, 0, :, None, None], pictures[:, 3:]], 1
        )
        about[..., 8:11] = about[..., 8:11][..., order] * gain
        colours, true = colours[..., order] * gain, true[..., order] * gain[:, 0]
        if rng.random() < 0.5:
            pictures = pictures.flip(3)
            # x of the place and of its normal, to the right of the camera, and x of the way there.
            places[..., [0, 4, 7]] *= -1
            about[..., 0] *= -1
    return (pictures, places, about, colours), true


@torch.no_grad()
def validated(network: TextureField, val: Examples) -> dict[str, float]:
    """Mean L1 of hidden places, 0 to 1: the field's and the plain way's; and the standard error of
    their difference."""
    rng, ours, plain = np.random.default_rng(0), [], []
    for number in range(len(val.true)):
        given, true = batch_of(val, np.array([number]), rng, is_varied=False)
        ours.append(float((network(*given) - true).abs().mean()))
        plain.append(float((given[3][:, :, PLAIN] - true).abs().mean()))
    apart = np.subtract(ours, plain)
    return {
        "error": float(np.mean(ours)),
        "plain": float(np.mean(plain)),
        "spread": float(apart.std() / len(apart) ** 0.5),
    }


def learn(bank: Examples, val: Examples, out: Path, steps: int, seed: int) -> None:
    """Learns for so many steps, those of earlier calls included."""
    torch.manual_seed(seed)
    network = TextureField()
    optimiser = torch.optim.AdamW(network.parameters(), lr=_HIGHEST_RATE, weight_decay=1e-4)
    averaged = Averaged(network, 0.998)
    step, before, least, log, kept = 0, 0.0, float("inf"), [], out / "texture.ckpt"
    if kept.is_file():
        state = torch.load(kept, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        averaged.values, averaged.steps = state["averaged"], state["step"]
        step, before, least = state["step"], state["passed"], state["least"]
        log = json.loads(state["log"])
    rng = np.random.default_rng([seed, step])
    begin, running = time.process_time() - before, 0.0
    for chosen in batches(bank, min(_BATCH, len(bank.true)), rng):
        if step >= steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = _HIGHEST_RATE * rate(step / steps)
        given, true = batch_of(bank, chosen, rng)
        loss = (network(*given) - true).abs().mean()
        backward(loss, optimiser, 1.0)
        averaged.update()
        step += 1
        running += (loss.item() - running) * max(0.01, 1 / step)
        if step % _STEPS_BETWEEN_LOOKS and step < steps:
            continue
        averaged.swap()
        line = {"step": step, "loss": running, **validated(network, val)}
        averaged.swap()
        passed = time.process_time() - begin
        log.append(line | {"processor_seconds": round(passed)})
        print(json.dumps(log[-1]), flush=True)
        if line["error"] < least:
            least = line["error"]
            header = {"config": json.dumps(TextureConfig().to_dict()), "steps": str(step)}
            write_state(out / "texture.safetensors", averaged.values, header)
        write_json(out / "texture.json", {"seed": seed, "examples": len(bank.true), "log": log})
        scratch = out / "texture.ckpt.part"
        torch.save(
            {
                "network": network.state_dict(), "optimiser": optimiser.state_dict(),
                "averaged": averaged.values, "step": step, "passed": passed, "least": least,
                "log": json.dumps(log),
            },
            scratch,
        )  # fmt: skip
        scratch.replace(kept)


@click.command()
@click.option(
    "--source", required=True, type=click.Path(file_okay=False, path_type=Path), help="Shapes."
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(1), help="Only this many shapes.")
@click.option("--views", default=1, show_default=True, help="Pictures of each shape.")
@click.option("--steps", default=6000, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(source: Path, out: Path, limit: int | None, views: int, steps: int, seed: int) -> None:
    """See the module."""
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    val = made_once(source, "val", limit, 2, out / "examples")
    bank = made_once(source, "train", limit, views, out / "examples")
    print(f"{len(bank.true)} examples, {len(val.true)} to choose by", flush=True)
    learn(bank, val, out, steps, seed)


if __name__ == "__main__":
    main()
