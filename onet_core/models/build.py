"""From a description to the network it describes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import ModelError
from .convolutional.network import (
    ConvolutionalOccupancyNetwork,
    ImagePlanesNetwork,
    LatentPlanesNetwork,
)
from .description import ModelDescription
from .occupancy_network import OccupancyNetwork

NETWORKS: dict[str, type[nn.Module]] = {
    "occupancy_network": OccupancyNetwork,
    "convolutional": ConvolutionalOccupancyNetwork,
    "image_planes": ImagePlanesNetwork,
    "latent_planes": LatentPlanesNetwork,
}


def build_network(description: ModelDescription, *, initialise: bool = True) -> nn.Module:
    """A network with fresh weights, in training mode.

    initialise: False leaves out the random numbers, for weights that are about to be replaced; it
    saves their time and leaves torch's random state alone.
    Raises ModelError where the description's arguments do not make a network.
    """
    try:
        with nullcontext() if initialise else _NoRandomNumbers():
            return NETWORKS[description.architecture](
                input_kind=description.input_kind, **description.network
            )
    # What torch raises for sizes that are no sizes depends on the layer.
    except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
        reason = str(error).partition("\n")[0]
        raise ModelError(
            "The model {name!r} can't be built: {reason}", name=description.name, reason=reason
        ) from error


def network_layout(description: ModelDescription) -> dict[str, Tensor]:
    """The network's state with shapes and types but without values: it takes no memory.

    So a description can be checked against a file before anything of its sizes is made.
    """
    with torch.device("meta"):
        return build_network(description, initialise=False).state_dict()


class _NoRandomNumbers(TorchFunctionMode):
    """Skips the random part of every layer's initialisation."""

    FILLS = frozenset(
        {
            Tensor.normal_,
            Tensor.uniform_,
            nn.init.kaiming_uniform_,
            nn.init.uniform_,
            nn.init.normal_,
        }
    )

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in self.FILLS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
