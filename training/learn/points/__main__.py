"""Teaches the network for sparse point clouds: `python -m training.learn.points --bank BANK ...`.

Writes points.safetensors (16 bits, averaged weights), points.json, the log, and state.pt every
minute; the same command goes on from there. The time is what is chosen: the schedule ends with it.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import torch

from training.data.bank import Bank

from .flaws import Scans
from .learning import NETWORK, Plan, learn


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.learn.points", description=__doc__)
    parser.add_argument(
        "--bank", type=Path, nargs="+", required=True, help="folders of saved banks"
    )
    parser.add_argument("--checked", type=Path, help="another bank, whose split val measures")
    parser.add_argument("--out", type=Path, required=True, help="where weights and log go")
    parser.add_argument("--start", type=Path, help="weights that learning goes on from")
    for name in (
        "seconds",
        "near",
        "near_weight",
        "rate",
        "fresh",
        "decay",
        "few",
        "many",
        "dense",
    ):
        _option(parser, Plan, name, float)
    for name in ("batch", "queries", "measured", "checks", "seed"):
        _option(parser, Plan, name, int)
    scans = [item.name for item in fields(Scans)]
    for name in scans:
        _option(parser, Scans, name, float)
    parser.add_argument("--frozen", default=Plan.frozen, help="module of the encoder")
    parser.add_argument("--neighbours", type=int, default=NETWORK["neighbours"])
    given = vars(parser.parse_args())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    shown = Scans(**{name: given.pop(name) for name in scans})
    banks = [Bank.load(folder, device) for folder in given["bank"]]
    checked = Bank.load(given["checked"], device) if given["checked"] else None
    options = {**NETWORK, "neighbours": given["neighbours"]}
    plan = Plan(**{i.name: given[i.name] for i in fields(Plan) if i.name in given}, scans=shown)
    given["out"].mkdir(parents=True, exist_ok=True)
    learn(banks, plan, given["out"], given["start"], checked, options)


def _option(
    parser: argparse.ArgumentParser, owner: type[Plan] | type[Scans], name: str, kind: type
) -> None:
    default = getattr(owner, name, None)
    text = f"--{name.replace('_', '-')}"
    parser.add_argument(text, type=kind, default=default, required=default is None)


if __name__ == "__main__":
    main()
