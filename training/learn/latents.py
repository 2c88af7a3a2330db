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
# Samples are drawn near the latents of training shapes, not from one Gaussian: between few shapes
# that one's middle holds blurred means of them all, its outskirts nothing that was ever seen.
# BANDWIDTH: how far from those latents, as a share of their deviation; 1 would be the one Gaussian.
BANDWIDTH = 0.6
# All of it is drawn together this much, which spares junk.
TIGHTNESS = 0.8


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

    The shapes' latents have some mean and covariance; their density is estimated with a normal
    distribution around each of them (Ghosh et al., ICLR 2020, section 4: ex-post density
    estimation), drawn towards the mean so that the covariance stays (West, J. R. Statist. Soc. B
    1993). z -> mean + L z goes into the generator's first layer, where it costs nothing, with L
    such that all these distributions get deviation 1; their means become `network.centres`.
    """
    means = latents.means.double()
    centred = means - means.mean(0)
    within = (2 * latents.log_deviations.double()).exp().mean(0)
    covariance = centred.T @ centred / max(1, len(means) - 1) + torch.diag(0.5 * within)
    deviations = torch.linalg.cholesky(covariance)
    layer: Any = network.encoder.fc
    weight = layer.weight.double()
    layer.bias += (weight @ means.mean(0)).to(layer.bias.dtype)
    layer.weight.copy_(weight @ (TIGHTNESS * BANDWIDTH * deviations))
    standard = torch.linalg.solve_triangular(deviations, centred.T, upper=False).T
    network.centres = (math.sqrt(1 - BANDWIDTH**2) / BANDWIDTH * standard).to(layer.weight.dtype)


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
    prior counts as one normal distribution, as wide as the training shapes' latents were before
    they were drawn together: towards which of them a shape leans is for its points to say.
    """
    device = next(network.parameters()).device
    variance = 1.0
    if network.centres is not None:
        variance = (1 + float(network.centres.square().mean())) / TIGHTNESS**2
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
