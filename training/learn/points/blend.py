"""Mixes weights with those that learning went on from, and gives them their record.

    python -m training.learn.points.blend points OUT/points.safetensors --share 0.5 --out NEW

Between the two there is often a network that is better than both (Wortsman et al. 2022): it keeps
what the old one knew and has much of what the new one learned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from onet_core.errors import ModelError
from onet_core.models.build import build_network
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights, save_weights

# What new parts give is added by these; at a share of 0 they would give nothing, as when new.
_ADDED = (".volume.out.",)


def blend(old: Mapping[str, Tensor], new: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights that are `share` new and the rest old, in 32 bits.

    Raises ModelError where the old ones have what the new ones lack, or of another shape.
    """
    mixed = {}
    for name, value in old.items():
        if name not in new or new[name].shape != value.shape:
            raise ModelError(f"The new weights don't go on from the old ones: {name}.")
        mixed[name] = torch.lerp(value.float(), new[name].float(), share)
    for name, value in new.items():
        if name not in mixed:
            scale = share if any(part in name for part in _ADDED) else 1.0
            mixed[name] = scale * value.float()
    return mixed


def moved_threshold(state: dict[str, Tensor], found: float, wanted: float) -> dict[str, Tensor]:
    """The same field, whose surface at the probability `found` lies at `wanted` instead."""
    name = "decoder.fc_out.bias"
    shift = torch.logit(torch.tensor(wanted)) - torch.logit(torch.tensor(found))
    return {**state, name: state[name] + shift}


def described(
    old: ModelDescription,
    network: dict[str, object],
    training: dict[str, object],
    steps: dict[str, object],
) -> ModelDescription:
    """The old record with another network, how it went on learning, and other steps."""
    return replace(
        old,
        network=network,
        steps=replace(old.steps, **steps),  # type: ignore[arg-type]
        metrics={},
        training={**old.training, **training},
    )


@click.command(help=__doc__)
@click.argument("old")
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--share", default=0.5, show_default=True, help="Of the new weights.")
@click.option("--surface", type=float, help="Probability at which the surface was found best; it "
              "becomes the old record's threshold.")  # fmt: skip
@click.option("--neighbours", type=int, help="Points that a query attends to.")
@click.option("--steps", default="{}", help="JSON of fields of the record's steps that change.")
@click.option("--training", default="{}", help="JSON of what the record says of the training.")
@click.option("--out", required=True, type=click.Path(path_type=Path))
def main(
    old: str,
    new: Path,
    share: float,
    surface: float | None,
    neighbours: int | None,
    steps: str,
    training: str,
    out: Path,
) -> None:
    path = find_model(old).path
    _, description = load_weights(path)
    with safe_open(new, "pt") as file:
        metadata = file.metadata()
    if "network" in metadata:
        network = json.loads(metadata["network"])
    else:
        network = dict(load_weights(new)[1].network)
    if neighbours:
        network["neighbours"] = neighbours
    state = blend(load_file(path), load_file(new), share)
    if surface:
        state = moved_threshold(state, surface, description.threshold)
    made = described(description, network, json.loads(training), json.loads(steps))
    built = build_network(made, initialise=False)
    built.load_state_dict(state)
    save_weights(out, built, made, half=True)
    click.echo(out)


if __name__ == "__main__":
    main()
