"""Weights of two picture networks -> those of the pair: `python -m training.learn.pictures.join`.

PROJECTED is what `training.learn.pictures.export` wrote, PLANES are weights of the configuration
free/picture_planes. TARGET gets the record of the configuration free/picture.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click
import torch
from torch import nn

from onet_core.errors import ModelError, OnetError
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.pictures.pair import PicturePair
from onet_core.models.weights import load_weights, save_weights

from ..config import load_config


def joined(
    description: ModelDescription,
    projected: tuple[nn.Module, ModelDescription],
    planes: tuple[nn.Module, ModelDescription],
) -> tuple[PicturePair, ModelDescription]:
    """The pair that a description asks for, with the weights of both, and how both learned.

    Raises ModelError where the two are not the networks that it asks for.
    """
    pair = build_network(description, initialise=False)
    if not isinstance(pair, PicturePair):
        raise ModelError(f"The configuration {description.name!r} describes no pair.")
    learned = {}
    parts = (("projected", pair.projected, projected), ("planes", pair.planes, planes))
    for name, part, (network, record) in parts:
        if network.state_dict().keys() != part.state_dict().keys():
            raise ModelError(f"The weights {record.name!r} are not those of the part {name!r}.")
        try:
            part.load_state_dict(network.state_dict())
        except RuntimeError as error:
            raise ModelError(
                f"The weights {record.name!r} are not those of the part {name!r}."
            ) from error
        learned[name] = "; ".join(f"{key} {value}" for key, value in record.training.items())
    return pair.eval(), replace(description, training=learned, metrics={})


@click.command(help=__doc__)
@click.argument("projected", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("planes", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--config", default="free/picture", show_default=True)
def main(projected: Path, planes: Path, target: Path, config: str) -> None:
    """See the module."""
    try:
        description = load_config(config).description()
        pair, described = joined(description, load_weights(projected), load_weights(planes))
        with torch.no_grad():
            save_weights(target, pair, described, half=True)
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
