"""Two networks that read the same picture, and the mean of what they say.

One looks where a query is seen in the picture (`network`), the other grows planes of features from
the picture's code alone. They learned from different pictures, so they err differently: the mean is
better than either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..convolutional.network import ImagePlanesNetwork
from ..layers import resized
from .network import PictureNetwork

PairCode = dict[str, Any]
PLANES = "planes"
"""Where the planes' features stand in a code, beside those of the network that projects."""


class PicturePair(nn.Module):
    """A picture (B, 3, S, S) in [0, 1], on white -> logits at any point, and its camera.

    projected, planes: what `PictureNetwork` and `ImagePlanesNetwork` are made with; S is the
    former's `image_size`. planes_size: the edge of the picture that the other one reads.
    """

    z_dim = 0

    def __init__(
        self,
        *,
        input_kind: str = "image",
        projected: Mapping[str, Any],
        planes: Mapping[str, Any],
        planes_size: int = 64,
    ) -> None:
        super().__init__()
        self.input_kind, self.planes_size = input_kind, planes_size
        self.projected = PictureNetwork(input_kind=input_kind, **projected)
        self.planes = ImagePlanesNetwork(input_kind=input_kind, **planes)

    def encode_inputs(self, inputs: Tensor) -> PairCode:
        """The code of `PictureNetwork`, and under `PLANES` that of `ImagePlanesNetwork`."""
        small = resized(inputs, self.planes_size)
        return {**self.projected.encode_inputs(inputs), PLANES: self.planes.encode_inputs(small)}

    def decode(self, points: Tensor, z: Tensor, code: PairCode) -> Tensor:
        """Logits (B, T) at points (B, T, 3) in the network frame; z is empty and ignored."""
        seen = self.projected.decode(points, z, code)
        return (seen + self.planes.decode(points, z, code[PLANES])) / 2

    def forward(self, points: Tensor, inputs: Tensor) -> Tensor:
        return self.decode(points, inputs.new_zeros(len(inputs), 0), self.encode_inputs(inputs))
