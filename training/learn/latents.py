"""Generative training in which every training shape has a posterior of its own.

The paper's VAE (section 3.2) learns an encoder that guesses q(z | shape). With the hundred shapes
of a small collection that guess stays vague for long; here mean and deviation of each shape's q(z)
are learned directly, under the same bound (equation 4). What is gone is the encoder: the latent of
another shape is found by `fit_latent`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from onet_core.models.convolutional.network import LatentPlanesNetwork

# Latents move ten times as fast as the weights: each is seen once per epoch only.
LATENT_PACE = 10.0
# Samples are drawn near the latents of training shapes and on the ways to their nearest neighbours,
# not from one Gaussian: its middle holds blurred means of unlike shapes, its outskirts nothing.
# WIDTH: the samples' deviation around these, as a share of that of all latents.
WIDTH = 0.2
NEIGHBOURS = 3
# How far the ways are gone at most; in the middle of unlike shapes legs are neither here nor there.
FARTHEST = 0.3
# Of each training shape: its own place, and others on ways from it.
PLACES = 4


class ShapeLatents(nn.Module):
    """q(z) of every training shape: independent normal distributions, (shapes, z_dim)."""

    def __init__(self, shapes: int, z_dim: int) -> None:
        super().__init__()
        self.means = nn.Parameter(0.3 * torch.randn(shapes, z_dim))
        self.log_deviations = nn.Parameter(torch.full((shapes, z_dim), -2.3))

    @classmethod
    def of_state(cls, state: Mapping[str, Tensor], prefix: str = "") -> ShapeLatents:
        """The posteriors of a state dictionary, whose other entries do not matter."""
        own = {name: state[prefix + name] for name in ("means", "log_deviations")}
        latents = cls(*own["means"].shape)
        latents.load_state_dict(own)
        return latents

    def forward(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """A sample z and the divergence from the prior: (B,) -> (B, z_dim), (B,)."""
        means, log_deviations = self.means[index], self.log_deviations[index]
        z = means + log_deviations.exp() * torch.randn_like(means)
        terms = 0.5 * (means.square() + (2 * log_deviations).exp() - 1) - log_deviations
        return z, terms.sum(-1)


@torch.no_grad()
def set_prior(network: LatentPlanesNetwork, latents: ShapeLatents) -> None:
    """Changes the network so that what is drawn from its prior is like the training shapes.

    Their latents have some mean and covariance; z -> mean + L z goes into the generator's first
    layer, where it costs nothing, with L such that both become those of a standard normal
    distribution: then distances tell which shapes are neighbours, see `draw_near`.
    """
    means = latents.means.double()
    centred = means - means.mean(0)
    within = (2 * latents.log_deviations.double()).exp().mean(0)
    covariance = centred.T @ centred / max(1, len(means) - 1) + torch.diag(0.5 * within)
    deviations = torch.linalg.cholesky(covariance)
    layer: Any = network.encoder.fc
    weight = layer.weight.double()
    layer.bias += (weight @ means.mean(0)).to(layer.bias.dtype)
    layer.weight.copy_(weight @ deviations)
    draw_near(network, torch.linalg.solve_triangular(deviations, centred.T, upper=False).T)


@torch.no_grad()
def draw_near(network: LatentPlanesNetwork, known: Tensor) -> None:
    """Makes the network's prior a density around known latents (N, z_dim) and between neighbours.

    A mixture of normal distributions (Ghosh et al., ICLR 2020, section 4: ex-post density
    estimation), whose means lie on the ways from each latent to those nearest to it. The scale of
    z becomes theirs: the distributions have deviation 1, `network.centres` are their means. Every
    PLACES-th of these is a known latent, in their order.
    """
    known = known.double()
    distance = torch.cdist(known, known).fill_diagonal_(math.inf)
    nearest = distance.argsort(dim=1)[:, : min(NEIGHBOURS, len(known) - 1)]
    places = known.repeat_interleave(PLACES, dim=0)
    if nearest.shape[1]:
        generator = torch.Generator().manual_seed(0)
        which = torch.randint(nearest.shape[1], (len(known), PLACES), generator=generator)
        gone = torch.rand(len(known), PLACES, generator=generator, dtype=torch.float64) * FARTHEST
        gone[:, 0] = 0
        places = places.lerp(known[nearest.gather(1, which).flatten()], gone.reshape(-1, 1))
    width = WIDTH * float((known - known.mean(0)).square().mean().sqrt()) or 1.0
    layer: Any = network.encoder.fc
    layer.weight *= width
    network.centres = (places / width).to(layer.weight.dtype)


def fit_latent(
    network: LatentPlanesNetwork,
    points: NDArray[np.float32],
    occupancies: NDArray[np.bool_],
    *,
    steps: int = 200,
    points_per_step: int = 2048,
    seed: int = 0,
) -> NDArray[np.float32]:
    """The most probable latent of a shape, by gradient descent on the bound: (z_dim,).

    points: (N, 3) in the network frame with occupancies (N,). The network is left as it is. The
    prior counts as one normal distribution, as wide as the training shapes' latents: towards which
    of them a shape leans is for its points to say.
    """
    device = next(network.parameters()).device
    variance = 1.0
    if network.centres is not None:
        variance = 1 + float(network.centres.square().mean())
    pace = 0.1 * math.sqrt(variance)
    rng = np.random.default_rng(seed)
    z = torch.zeros(1, network.z_dim, device=device, requires_grad=True)
    optimiser = torch.optim.Adam([z], pace)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = pace * (1 - step / steps)
        chosen = rng.integers(len(points), size=points_per_step)
        query = torch.from_numpy(points[chosen]).to(device)[None]
        target = torch.from_numpy(occupancies[chosen].astype(np.float32)).to(device)[None]
        logits = network.decode(query, z, network.encode_inputs(z))
        entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")
        # Of the loss alone: the network's own gradients are none of our business.
        (z.grad,) = torch.autograd.grad(entropy + 0.5 * z.square().sum() / variance, [z])
        optimiser.step()
    return z.detach()[0].cpu().numpy()
