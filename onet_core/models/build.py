"""From a description to the network it describes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
from .pictures.network import PictureNetwork
from .pictures.pair import PicturePair

NETWORKS: dict[str, type[nn.Module]] = {
    "occupancy_network": OccupancyNetwork,
    "convolutional": ConvolutionalOccupancyNetwork,
    "image_planes": ImagePlanesNetwork,
    "latent_planes": LatentPlanesNetwork,
    "projected": PictureNetwork,
    "picture_pair": PicturePair,
}


# Far above any network that was trained; time and memory grow with them.
_MOST_LAYERS, _MOST_WIDTH = 64, 16_384


def build_network(description: ModelDescription, *, initialise: bool = True) -> nn.Module:
    """A network with fresh weights, in training mode.

    initialise: False leaves out the random numbers, for weights that are about to be replaced; it
    saves their time and leaves torch's random state alone.
    Raises ModelError where the description's arguments do not make a network, or a far too large
    one.
    """
    _assert_bounded(description)
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


def _assert_bounded(description: ModelDescription) -> None:
    """Raises ModelError for more layers or wider ones than any network has, before one is made."""
    for name, value in _numbers("", description.network):
        limit = _MOST_LAYERS if name.endswith(("blocks", "depth")) else _MOST_WIDTH
        if not value <= limit:
            raise ModelError(
                "The model {name!r} can't be built: it asks for {setting} {value:,}; at most "
                "{limit:,} are made.",
                name=description.name,
                setting=name,
                value=value,
                limit=limit,
            )


def _numbers(name: str, value: object) -> Iterator[tuple[str, float]]:
    """All numbers in a description's arguments, each with the name that it is under."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(str(key), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(name, inner)
    elif isinstance(value, int | float):
        yield name, value


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
