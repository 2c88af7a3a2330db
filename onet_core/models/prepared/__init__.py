"""Decoders prepared for one object.

While a surface is searched the code never changes, so what depends on it alone is worked out once.
`prepare` gives a field: a function from points (n, 3) to logits (n,).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..convolutional.neighbours import NeighbourFeatures
from ..convolutional.network import LocalDecoder, PlanesNetwork
from ..occupancy_network import OccupancyNetwork
from ..pictures.network import PictureNetwork
from ..pictures.pair import DETAIL, MIRROR, PLANES, PicturePair
from .averaged import AS_IT_IS, MIRRORED, MeanOfTwo
from .lattice import LatticeField
from .layered import prepare_layered
from .local import LocalField, prepare_local
from .prepared_field import PlainField, PreparedField
from .projected import prepare_projected
from .residual import prepare_residual

Code = dict[str, Tensor]

__all__ = ["PlainField", "PreparedField", "prepare", "prepare_positions"]


def prepare(network: nn.Module, latent: Tensor, code: Any) -> PreparedField:
    """The field of one object, equal to `network.decode` within the rounding of float32.

    latent: (1, z_dim); code: what the network's `encode_inputs` gave for one object. The network is
    in evaluation mode and its weights do not change while the field is used.

    The decoders with one global code are folded, the local decoder reads rearranged planes. Any
    other network, and one in training mode or not in float32, is evaluated as it is, through
    `network.decode`, which is correct for all and needs nothing but that method. Of a pair for
    pictures, the costly network is asked at the nodes of a lattice only, see `pictures.pair`.
    """
    if isinstance(network, PicturePair):
        return _prepare_pair(network, latent, code)
    decoder = getattr(network, "decoder", None)
    if isinstance(decoder, nn.Module) and _is_fixed(decoder):
        for kind, preparation in _PREPARATIONS:
            field = preparation(decoder, latent, code) if isinstance(network, kind) else None
            if field is not None:
                return field
    return PlainField(network, latent, code)


def prepare_positions(
    network: nn.Module, codes: Sequence[Code], turns: Sequence[Sequence[float]]
) -> PreparedField | None:
    """The mean of the fields of one object that was read in several positions, in one.

    codes, turns: see `LocalField`. None for networks that would save nothing by it, or that are
    not fixed: the fields that `prepare` gives for each code are right for those.
    """
    decoder = network.decoder if isinstance(network, PlanesNetwork) else None
    if not isinstance(decoder, LocalDecoder) or not isinstance(
        decoder.neighbours, NeighbourFeatures
    ):
        return None
    return LocalField(decoder, codes, turns) if _is_fixed(decoder) else None


_PREPARATIONS: list[tuple[type[nn.Module], Callable[..., PreparedField | None]]] = [
    (OccupancyNetwork, prepare_residual),
    (OccupancyNetwork, prepare_layered),
    (PlanesNetwork, prepare_local),
    (PictureNetwork, prepare_projected),
]
"""A class of networks, its subclasses included, and what prepares (some of) its decoders."""


def _prepare_pair(network: PicturePair, latent: Tensor, code: Any) -> PreparedField:
    one = prepare(network.projected, latent, code)
    other = prepare(network.projected, latent, code[MIRROR])
    seen = LatticeField(MeanOfTwo(one, other, MIRRORED), (1 + network.padding) / 2, DETAIL)
    return MeanOfTwo(seen, prepare(network.planes, latent, code[PLANES]), AS_IT_IS)


def _is_fixed(decoder: nn.Module) -> bool:
    modules_are_fixed = not any(module.training for module in decoder.modules())
    return modules_are_fixed and all(p.dtype == torch.float32 for p in decoder.parameters())
