"""The occupancy network with one global code, and its variational form (paper section 3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from .decoders import DECODERS
from .encoders import (
    ImageEncoder,
    IndexEncoder,
    LatentEncoder,
    ResnetPointnet,
    SimplePointnet,
    VoxelEncoder,
)
from .extensions import extension, is_extension

ENCODERS: dict[str, type[nn.Module]] = {
    "resnet18": ImageEncoder,
    "pointnet_resnet": ResnetPointnet,
    "pointnet_simple": SimplePointnet,
    "voxel_simple": VoxelEncoder,
    "idx": IndexEncoder,
}
ENCODER_INPUTS = {
    "resnet18": "image",
    "pointnet_resnet": "points",
    "pointnet_simple": "points",
    "voxel_simple": "voxels",
    "idx": "index",
}


def _encoder_class(name: str) -> tuple[type[nn.Module], str]:
    """An encoder's class and the kind of input that it reads.

    One that is not ONet's own is made as `Class(c_dim, **encoder_kwargs)`, turns inputs (B, ...)
    into codes (B, c_dim), and has the kind as `input_kind`.
    """
    if is_extension(name):
        found = extension(name)
        return found, str(getattr(found, "input_kind", ""))
    if name not in ENCODERS:
        raise ValueError(f"There is no encoder {name!r}; there are {', '.join(ENCODERS)}.")
    return ENCODERS[name], ENCODER_INPUTS[name]


class OccupancyNetwork(nn.Module):
    """p(occupied at a point | observation, z).

    decoder: a name of `DECODERS`; encoder: a name of `ENCODERS`, `module.Class` for another one
    (see `_encoder_class`), or None for a network without observation; c_dim: width of the
    observation's code; z_dim: width of the latent, 0 for none.
    Raises ValueError for names or sizes that do not fit together.
    """

    def __init__(
        self,
        *,
        input_kind: str,
        decoder: str = "cbatchnorm",
        encoder: str | None = None,
        c_dim: int = 256,
        z_dim: int = 0,
        decoder_kwargs: dict[str, Any] | None = None,
        encoder_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if decoder not in DECODERS:
            raise ValueError(f"There is no decoder {decoder!r}; there are {', '.join(DECODERS)}.")
        made, reads = (None, "none") if encoder is None else _encoder_class(encoder)
        if input_kind != reads:
            raise ValueError(f"The encoder {encoder!r} reads {reads!r}, not {input_kind!r}.")
        if (encoder is None) != (c_dim == 0):
            raise ValueError("A network has an encoder exactly where its code's width is not 0.")
        self.input_kind = input_kind
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.decoder = DECODERS[decoder](z_dim=z_dim, c_dim=c_dim, **(decoder_kwargs or {}))
        self.encoder_latent = LatentEncoder(z_dim=z_dim, c_dim=c_dim) if z_dim else None
        self.encoder = None if made is None else made(c_dim, **(encoder_kwargs or {}))

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        """The observation's code: inputs (B, ...) -> (B, c_dim); (B, 0) without an encoder."""
        if self.encoder is None:
            return inputs.new_zeros(len(inputs), 0, dtype=torch.float32)
        return self.encoder(inputs)

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        """Logits (B, T) at points (B, T, 3) in the network frame; z (B, z_dim), code (B, c_dim)."""
        return self.decoder(points, z, code)

    def forward(self, points: Tensor, inputs: Tensor) -> Tensor:
        """Logits (B, T) with the prior's mean as latent."""
        code = self.encode_inputs(inputs)
        return self.decode(points, points.new_zeros(len(points), self.z_dim), code)

    def infer_z(self, points: Tensor, occupancies: Tensor, code: Tensor) -> Normal:
        """q(z | points, occupancies, code): points (B, T, 3), occupancies (B, T)."""
        if self.encoder_latent is None:
            raise ValueError("This network has no latent space.")
        mean, log_deviation = self.encoder_latent(points, occupancies, code)
        return Normal(mean.float(), log_deviation.float().exp())

    def prior(self, batch: int, device: torch.device | str | None = None) -> Normal:
        """p(z) = N(0, 1), of shape (batch, z_dim)."""
        zeros = torch.zeros(batch, self.z_dim, device=device)
        return Normal(zeros, torch.ones_like(zeros))

    def elbo(
        self,
        points: Tensor,
        occupancies: Tensor,
        inputs: Tensor,
        weights: Tensor | None = None,
    ) -> Tensor:
        """The evidence lower bound of each object, paper equation (4): -> (B,) float32.

        One reparametrised sample of z; log likelihoods are summed over the points, times their
        weights (B, N) where they are given.
        """
        code = self.encode_inputs(inputs)
        posterior = self.infer_z(points, occupancies, code)
        divergence = kl_divergence(posterior, self.prior(len(points), points.device)).sum(-1)
        logits = self.decode(points, posterior.rsample(), code).float()
        entropy = functional.binary_cross_entropy_with_logits(
            logits, occupancies.float(), weight=weights, reduction="none"
        )
        return -entropy.sum(-1) - divergence
