"""From a description to the network it describes."""

from __future__ import annotations

from torch import nn

from ..errors import ModelError
from .convolutional.network import ConvolutionalOccupancyNetwork, ImagePlanesNetwork
from .description import ModelDescription
from .occupancy_network import OccupancyNetwork

NETWORKS: dict[str, type[nn.Module]] = {
    "occupancy_network": OccupancyNetwork,
    "convolutional": ConvolutionalOccupancyNetwork,
    "image_planes": ImagePlanesNetwork,
}


def build_network(description: ModelDescription) -> nn.Module:
    """A network with fresh weights, in training mode.

    Raises ModelError where the description's arguments do not make a network.
    """
    try:
        return NETWORKS[description.architecture](
            input_kind=description.input_kind, **description.network
        )
    except (TypeError, ValueError) as error:
        raise ModelError(f"The model {description.name!r} can't be built: {error}") from error
