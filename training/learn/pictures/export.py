"""From what the loop wrote to a weights file: `python -m training.learn.pictures.export`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.pictures.network import PictureNetwork
from onet_core.models.steps import Steps
from onet_core.models.weights import save_weights


def read_trained(path: Path) -> tuple[PictureNetwork, dict[str, Any]]:
    """The network of a file of the loop, ready to be asked, and the options it was made with.

    Raises KeyError, ValueError or OSError for other files.
    """
    with safe_open(path, framework="pt") as file:
        options: dict[str, Any] = json.loads(file.metadata()["network"])
    network = build_network(ModelDescription("", "", "projected", "image", network=options))
    assert isinstance(network, PictureNetwork)
    state = {
        name: value.float() if value.is_floating_point() else value
        for name, value in load_file(path).items()
    }
    network.load_state_dict(state)
    return network.eval(), options


def main() -> None:
    """Reads the command line and writes the weights, with a record of JSON fields beside them."""
    parser = argparse.ArgumentParser(
        prog="python -m training.learn.pictures.export", description=__doc__
    )
    parser.add_argument("trained", type=Path, help="pictures.safetensors of the loop")
    parser.add_argument("record", type=Path, help="JSON: further fields of the description")
    parser.add_argument("target", type=Path, help="the weights file")
    given = parser.parse_args()
    network, options = read_trained(given.trained)
    fields = json.loads(given.record.read_text(encoding="utf-8"))
    fields["steps"] = Steps(**fields.pop("steps", {}))
    inputs = {"image_size": options["image_size"], **fields.pop("inputs", {})}
    description = ModelDescription(
        architecture="projected", input_kind="image", network=options, inputs=inputs, **fields
    )
    with torch.no_grad():
        save_weights(given.target, network, description, half=True)


if __name__ == "__main__":
    main()
