"""Trains the picture network: `python -m training.learn.pictures --bank FOLDER --out FOLDER`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from training.data.bank import Bank

from .learning import Plan, learn

TINY = {
    "widths": (8, 16, 24, 32, 32),
    "blocks": (1, 1, 1, 1, 1),
    "channels": 16,
    "code": 64,
    "volume_width": 8,
    "hidden": 32,
    "decoder_blocks": 2,
}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.learn.pictures", description=__doc__)
    parser.add_argument("--bank", type=Path, required=True, help="folder of a saved bank")
    parser.add_argument("--out", type=Path, required=True, help="where weights and log go")
    parser.add_argument("--seconds", type=float, default=450, help="of learning")
    parser.add_argument("--smoke", action="store_true", help="time the parts of a step, too")
    parser.add_argument("--batch", type=int, default=64, help="pictures a step")
    parser.add_argument("--queries", type=int, default=2048, help="labelled points a picture")
    parser.add_argument("--size", type=int, default=128, help="edge of the pictures in pixels")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--steps", type=int, default=0, help="the most steps; 0: no limit")
    parser.add_argument("--tiny", action="store_true", help="a small network, to try the command")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    plan = Plan(
        seconds=given.seconds,
        batch=given.batch,
        queries=given.queries,
        size=given.size,
        rate=given.rate,
        most_steps=given.steps,
        seed=given.seed,
        is_smoke=given.smoke,
    )
    learn(Bank.load(given.bank, device), plan, given.out, TINY if given.tiny else None)


if __name__ == "__main__":
    main()
