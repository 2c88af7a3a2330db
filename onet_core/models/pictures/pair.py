"""Two networks that read the same picture, and the mean of what they say.

One looks where a query is seen in the picture (`network`), the other grows planes of features from
the picture's code alone. They learned from different pictures, so they err differently: the mean is
better than either. The first is asked about the mirrored picture too, as its errors on both differ;
the shapes of the second are their own mirror images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..convolutional.network import ImagePlanesNetwork
from ..layers import resized
from .network import Code, PictureNetwork
from .volume import mirrored

PairCode = dict[str, Any]
MIRROR, PLANES = "mirror", "planes"
"""Where a code has those of the mirrored picture and of the planes, beside that of the picture."""

DETAIL = 64
"""Cells along the edge of the box of queries, between which the network that projects shows no
more: its map of the picture has as many, its volume a quarter of them."""


class PicturePair(nn.Module):
    """A picture (B, 3, S, S) in [0, 1], on white -> logits at any point, and its camera.

    projected, planes: what `PictureNetwork` and `ImagePlanesNetwork` are made with; S is the
    former's `image_size`. planes_size: the edge of the picture that the other one reads. padding:
    the box of the queries has edge 1 + padding.
    """

    z_dim = 0

    def __init__(
        self,
        *,
        input_kind: str = "image",
        projected: Mapping[str, Any],
        planes: Mapping[str, Any],
        planes_size: int = 64,
        padding: float = 0.1,
    ) -> None:
        super().__init__()
        self.input_kind, self.planes_size = input_kind, planes_size
        self.padding = padding
        self.projected = PictureNetwork(input_kind=input_kind, padding=padding, **projected)
        self.planes = ImagePlanesNetwork(input_kind=input_kind, padding=padding, **planes)

    def encode_inputs(self, inputs: Tensor) -> PairCode:
        """The code of `PictureNetwork`, under `MIRROR` that of the mirrored picture, and under
        `PLANES` that of `ImagePlanesNetwork`."""
        both = self.projected.encode_inputs(torch.cat([inputs, inputs.flip(-1)]))
        seen, other = (
            {name: part.chunk(2)[number] for name, part in both.items()} for number in range(2)
        )
        small = resized(inputs, self.planes_size)
        return {**seen, MIRROR: other, PLANES: self.planes.encode_inputs(small)}

    def decode(self, points: Tensor, z: Tensor, code: PairCode) -> Tensor:
        """Logits (B, T) at points (B, T, 3) in the network frame; z is empty and ignored."""
        other: Code = code[MIRROR]
        seen = self.projected.decode(points, z, code)
        seen = (seen + self.projected.decode(mirrored(points), z, other)) / 2
        return (seen + self.planes.decode(points, z, code[PLANES])) / 2

    def forward(self, points: Tensor, inputs: Tensor) -> Tensor:
        return self.decode(points, inputs.new_zeros(len(inputs), 0), self.encode_inputs(inputs))
