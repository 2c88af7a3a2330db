"""The convolutional occupancy network, for point clouds and voxels, and its kin for pictures.

Peng et al., "Convolutional Occupancy Networks", ECCV 2020, written from the paper. Both networks
here have the interface of `OccupancyNetwork`: `encode_inputs`, `decode`, `z_dim`.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ..encoders import ImageEncoder
from ..layers import ResnetBlockFC
from .encoders import LocalPointNet, PlaneGenerator, RefinedPlanes, VoxelFeatures
from .planes import sample_features

Code = dict[str, Tensor]


class LocalDecoder(nn.Module):
    """Occupancy logits from local features: points (B, T, 3), code -> (B, T).

    Peng et al. 2020, section 3.3: the interpolated feature is added before each of the blocks.
    """

    def __init__(self, *, channels: int, hidden: int, blocks: int, padding: float) -> None:
        super().__init__()
        self.padding = padding
        self.fc_p = nn.Linear(3, hidden)
        self.fc_c = nn.ModuleList(nn.Linear(channels, hidden) for _ in range(blocks))
        self.blocks = nn.ModuleList(ResnetBlockFC(hidden, hidden) for _ in range(blocks))
        self.fc_out = nn.Linear(hidden, 1)

    def forward(self, points: Tensor, code: Code) -> Tensor:
        features = sample_features(code, points, self.padding)
        net = self.fc_p(points)
        for mix, block in zip(self.fc_c, self.blocks, strict=True):
            net = block(net + mix(features))
        return self.fc_out(functional.relu(net)).squeeze(-1)


class PlanesNetwork(nn.Module):
    """An encoder that gives feature planes, and the local decoder that reads them."""

    z_dim = 0

    def __init__(self, encoder: nn.Module, decoder: LocalDecoder, input_kind: str) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.input_kind = input_kind

    def encode_inputs(self, inputs: Tensor) -> Code:
        """The observation's features: plane name -> (B, C, R, R), "grid" -> (B, C, D, D, D)."""
        return self.encoder(inputs)

    def decode(self, points: Tensor, z: Tensor, code: Code) -> Tensor:
        """Logits (B, T) at points (B, T, 3) in the network frame; z is empty and ignored."""
        return self.decoder(points, code)

    def forward(self, points: Tensor, inputs: Tensor) -> Tensor:
        return self.decoder(points, self.encode_inputs(inputs))


class ConvolutionalOccupancyNetwork(PlanesNetwork):
    """Point clouds of any size (B, N, 3) or voxels (B, 32, 32, 32) -> logits at any point.

    channels: width of a plane's features; hidden: width of PointNet and decoder;
    plane_resolution: cells along a plane's edge; unet_depth, unet_width: see `UNet`;
    padding: the planes cover the box of edge 1 + padding, as the queries do.
    """

    def __init__(
        self,
        *,
        input_kind: str,
        channels: int = 32,
        hidden: int = 32,
        plane_resolution: int = 64,
        unet_depth: int = 4,
        unet_width: int = 32,
        blocks: int = 5,
        padding: float = 0.1,
    ) -> None:
        encoder: nn.Module
        if input_kind == "points":
            encoder = LocalPointNet(
                channels=channels, hidden=hidden, resolution=plane_resolution, padding=padding
            )
        elif input_kind == "voxels":
            encoder = VoxelFeatures(channels=channels, resolution=plane_resolution, padding=padding)
        else:
            raise ValueError(
                f"A convolutional network reads 'points' or 'voxels', not {input_kind!r}."
            )
        super().__init__(
            RefinedPlanes(encoder, channels=channels, depth=unet_depth, width=unet_width),
            LocalDecoder(channels=channels, hidden=hidden, blocks=blocks, padding=padding),
            input_kind,
        )


class ImagePlanesNetwork(PlanesNetwork):
    """A picture (B, 3, S, S) in [0, 1] -> a ResNet-18 code -> feature planes -> logits.

    c_dim: width of the code; the rest as in `ConvolutionalOccupancyNetwork` and `PlaneGenerator`.
    """

    def __init__(
        self,
        *,
        input_kind: str = "image",
        c_dim: int = 256,
        channels: int = 32,
        hidden: int = 64,
        plane_resolution: int = 32,
        plane_width: int = 128,
        blocks: int = 5,
        padding: float = 0.1,
    ) -> None:
        if input_kind != "image":
            raise ValueError(f"This network reads an 'image', not {input_kind!r}.")
        super().__init__(
            nn.Sequential(
                ImageEncoder(c_dim),
                PlaneGenerator(
                    c_dim, channels=channels, resolution=plane_resolution, width=plane_width
                ),
            ),
            LocalDecoder(channels=channels, hidden=hidden, blocks=blocks, padding=padding),
            input_kind,
        )
