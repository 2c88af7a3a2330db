"""Makes the prior of a generator anew, from those of its training shapes that it learned well.

    python -m training.learn.prior WEIGHTS --names DATA/CATEGORY/train.lst --without NAME ...

What a network can't rebuild in one part it can't vary either: such shapes are left out, and so are
those that are named, because looked at they are broken or not of the class. The network stays as it
is; only from where samples are drawn changes, see `training.learn.latents.draw_near`.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from onet_core.errors import InputError, OnetError
from onet_core.models.catalogue import find_model
from onet_core.models.convolutional.network import LatentPlanesNetwork
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights, save_weights
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

from ..measure.generation import rebuilt_meshes
from ..measure.torn import is_torn
from .latents import PLACES, draw_near

# What the records of priors before 29 November 2026 say: a normal distribution around each shape's
# latent, this wide, and all drawn together.
OLD_FACTS = ("bandwidth", "tightness")


def known_latents(network: LatentPlanesNetwork, description: ModelDescription) -> Tensor:
    """The latents (N, z_dim) of the training shapes that a generator's prior is made of."""
    if network.centres is None:
        raise InputError("These weights have no prior of known shapes.")
    training = description.training
    if OLD_FACTS[0] in training:
        bandwidth, tightness = (float(training[fact]) for fact in OLD_FACTS)
        return network.centres / (tightness * math.sqrt(1 - bandwidth**2))
    return network.centres[::PLACES]


def well_learned(
    network: LatentPlanesNetwork, description: ModelDescription, known: Tensor
) -> np.ndarray:
    """Which of the known latents (N, z_dim) the network makes a shape in one part of: (N,) bool."""
    settings = Settings(resolution=64, normals=False)
    reconstructor = Reconstructor.of_network(network, description)
    meshes = rebuilt_meshes(reconstructor, list(known.numpy()), settings)
    return np.array([not is_torn(mesh) for mesh in meshes])


def renew_prior(path: Path, names: list[str], without: tuple[str, ...]) -> str:
    """Rewrites a weights file; returns a sentence on what is left out. Raises OnetError."""
    network, description = load_weights(path)
    if not isinstance(network, LatentPlanesNetwork):
        raise InputError("{path} generates nothing.", path=path)
    known = known_latents(network, description)
    variants = len(known) // len(names) if names else 1
    if names and len(names) * variants != len(known):
        raise InputError(f"{path} knows {len(known)} shapes, not {len(names)} or variants of them.")
    unknown = set(without) - set(names)
    if unknown:
        raise InputError(f"There is no shape {', '.join(sorted(unknown))} in the list.")
    keep = well_learned(network, description, known)
    torn = int((~keep).sum())
    keep &= ~np.isin(np.array(names * variants), without) if names else True
    draw_near(network, known[torch.from_numpy(keep)])
    assert network.centres is not None
    facts = {key: value for key, value in description.training.items() if key not in OLD_FACTS}
    facts["prior"] = f"{int(keep.sum())} of {len(known)} shapes"
    if without:
        facts["not drawn"] = sorted(without)
    shaped = {**description.network, "centres": len(network.centres)}
    described = replace(description, network=shaped, training=facts)
    save_weights(path, network, described, half=True)
    return f"{path.name}: drawn near {facts['prior']}; {torn} are torn."


@click.command()
@click.argument("weights")
@click.option("--names", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--without", multiple=True, help="A training shape from which nothing is drawn.")
def main(weights: str, names: Path | None, without: tuple[str, ...]) -> None:
    """Writes WEIGHTS, a model's name or a file, with a prior that is made anew."""
    try:
        listed = names.read_text(encoding="utf-8").split() if names else []
        click.echo(renew_prior(find_model(weights).path, listed, without))
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
