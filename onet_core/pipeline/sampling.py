"""New shapes of a network that generates: latents by seed, drawn again where a shape is torn."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..errors import InputError

# Cells per axis of the grid on which a new shape's parts are counted, and the share of its area
# from which a part counts: even loose crumbs are a reason to draw again.
JUDGED_CELLS = 64
LEAST_PART = 0.001

Latent = NDArray[np.float32]


def latent_of_seed(
    network: nn.Module, seed: int, draws: int, parts_of: Callable[[Latent], float]
) -> Latent:
    """A sample (z_dim,) of a network's prior; the same for a seed on every machine and device.

    draws: how many samples are tried; taken is the first whose shape is in one part, or else that
    in the fewest. Where a shape hangs by a thread, devices may disagree about it.
    parts_of: in how many parts the shape of a latent is, infinitely many where it has no surface.
    Raises InputError for a negative seed.
    """
    if seed < 0:
        raise InputError("A seed can't be negative; {seed} is.", seed=seed)
    rng = np.random.default_rng(seed)
    drawn = [_draw(network, rng) for _ in range(draws)]
    if len(drawn) == 1:
        return drawn[0]
    fewest, best = math.inf, drawn[0]
    for latent in drawn:
        parts = parts_of(latent)
        if parts < fewest:
            fewest, best = parts, latent
        if parts == 1:
            break
    return best


def _draw(network: nn.Module, rng: np.random.Generator) -> Latent:
    """A sample (z_dim,) of the prior: around one of its centres, if the network has any."""
    latent = rng.standard_normal(int(network.z_dim)).astype(np.float32)  # type: ignore[arg-type]
    centres = getattr(network, "centres", None)
    if centres is not None:
        latent += centres[int(rng.integers(len(centres)))].cpu().numpy()
    return latent
