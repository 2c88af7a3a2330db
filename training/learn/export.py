"""From a training checkpoint to a weights file that the product loads."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from types import MappingProxyType
from typing import Any

import click
import torch
from lightning.pytorch.callbacks import Timer

from onet_core.errors import ModelError, OnetError
from onet_core.models.build import build_network
from onet_core.models.catalogue import find_model, read_description
from onet_core.models.convolutional.network import LatentPlanesNetwork
from onet_core.models.weights import save_weights

from .config import Config, load_config
from .latents import ShapeLatents, set_prior
from .teaching import taught_by


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A Lightning checkpoint, on the CPU. Raises ModelError where it is missing or damaged."""
    if not path.is_file():
        raise ModelError(f"There is no checkpoint {path}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, OSError) as error:
        raise ModelError(f"The checkpoint {path} is damaged; remove it to begin anew.") from error
    if not isinstance(content, dict) or not {"state_dict", "global_step"} <= content.keys():
        raise ModelError(f"{path} is not a checkpoint of a training run.")
    return content


def hours_of(checkpoint: Path) -> float:
    """How long a run had learned when the checkpoint was written, all its parts together."""
    timer = read_checkpoint(checkpoint).get("callbacks", {}).get(Timer.__qualname__, {})
    return float(timer.get("time_elapsed", {}).get("train", 0.0)) / 3600


def export_checkpoint(
    checkpoint: Path, config: Config, target: Path, facts: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Writes the network of a Lightning checkpoint (averaged weights where there are any).

    target: `.safetensors`, with the description of `config`, all of its settings and the steps done
    in its header. facts: more of them about the training, such as commit and hours.
    Generative networks are given a prior that suits them, see `set_prior`.
    Raises ModelError where the checkpoint does not fit the configuration.
    """
    content = read_checkpoint(checkpoint)
    prefix = "network."
    state = {
        name.removeprefix(prefix): value
        for name, value in content["state_dict"].items()
        if name.startswith(prefix)
    }
    description = config.description()
    network = build_network(description)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"{checkpoint} is not a checkpoint of this configuration.") from error
    if isinstance(network, LatentPlanesNetwork):
        set_prior(network, ShapeLatents.of_state(content["state_dict"], "latents."))
        assert network.centres is not None
        shaped = {**description.network, "centres": len(network.centres)}
        description = replace(description, network=shaped)
    training = {**description.training, "steps": int(content["global_step"]), **facts}
    training["configuration"] = config.settings()
    description = replace(description, training=training)
    if config.training.teacher:
        description = taught_by(
            read_description(find_model(config.training.teacher).path), description
        )
    save_weights(target, network.eval(), description, half=config.output.half)


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--last", is_flag=True, help="The newest checkpoint instead of the best one.")
def main(run: Path, target: Path, last: bool) -> None:
    """Writes the best weights of the training run in RUN to TARGET (.safetensors)."""
    try:
        config = load_config(run / "config.yaml")
        facts = {"hours": round(hours_of(run / "last.ckpt"), 3)}
        export_checkpoint(run / ("last.ckpt" if last else "best.ckpt"), config, target, facts)
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
