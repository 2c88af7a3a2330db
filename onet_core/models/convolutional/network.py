"""The convolutional occupancy network, for point clouds and voxels, and its kin for pictures and
for new shapes.

Peng et al., "Convolutional Occupancy Networks", ECCV 2020, written from the paper. The networks
here have the interface of `OccupancyNetwork`: `encode_inputs`, `decode`, `z_dim`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..encoders import ImageEncoder
from ..layers import ResnetBlockFC, precisely
from .both_ways import both_ways
from .encoders import LocalPointNet, PlaneGenerator, RefinedPlanes, VoxelFeatures
from .neighbours import NeighbourFeatures, with_cloud_features
from .patches import PatchFeatures
from .planes import PLANES, sample_features
from .quadratic import QuadraticNeighbours
from .volume import PointVolume

Code = dict[str, Tensor]


class LocalDecoder(nn.Module):
    """Occupancy logits from local features: points (B, T, 3), code -> (B, T).

    Peng et al. 2020, section 3.3: the interpolated feature is added before each of the blocks.
    neighbours, patches: the modules that add what the nearest input points or the voxels around
    tell, where there are any.
    """

    def __init__(
        self,
        *,
        channels: int,
        hidden: int,
        blocks: int,
        padding: float,
        neighbours: NeighbourFeatures | QuadraticNeighbours | None = None,
        patches: PatchFeatures | None = None,
    ) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.patches = patches
        self.padding = padding
        self.fc_p = nn.Linear(3, hidden)
        self.fc_c = nn.ModuleList(nn.Linear(channels, hidden) for _ in range(blocks))
        self.blocks = nn.ModuleList(ResnetBlockFC(hidden, hidden) for _ in range(blocks))
        self.fc_out = nn.Linear(hidden, 1)

    def forward(self, points: Tensor, code: Code) -> Tensor:
        features = sample_features(code, points, self.padding)
        if self.neighbours is not None:
            features = features + self.neighbours(points, code, features)
        if self.patches is not None:
            features = features + self.patches(points, code["voxels"], features)
        return self.logits(points, features)

    def logits(self, points: Tensor, features: Tensor) -> Tensor:
        """Logits of points (..., 3) from all features (..., C) that were found there."""
        net = precisely(self.fc_p, points)
        for mix, block in zip(self.fc_c, self.blocks, strict=True):
            net = block(net + mix(features))
        return self.fc_out(functional.relu(net)).squeeze(-1)


class PlanesNetwork(nn.Module):
    """An encoder that gives feature planes, and the local decoder that reads them.

    symmetric: all shapes are their own mirror images at x = 0, as most things that people make
    are: half of each need not be learned, and no observation can spoil it.
    """

    z_dim = 0

    def __init__(
        self, encoder: nn.Module, decoder: LocalDecoder, input_kind: str, symmetric: bool = False
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.input_kind = input_kind
        self.symmetric = symmetric
        if symmetric:
            # Only the planes distinguish left from right, and those are made symmetric.
            weight = decoder.fc_p.weight
            nn.init.zeros_(weight[:, 0])
            weight.register_hook(lambda gradient: gradient * gradient.new_tensor([0, 1, 1]))

    def encode_inputs(self, inputs: Tensor) -> Code:
        """The observation's features: plane name -> (B, C, R, R), "grid" -> (B, C, D, D, D)."""
        code: Code = self.encoder(inputs)
        if self.symmetric:
            for name, (width_axis, _) in PLANES.items():
                if width_axis == 0:
                    code[name] = (code[name] + code[name].flip(-1)) / 2
        return code

    def decode(self, points: Tensor, z: Tensor, code: Code) -> Tensor:
        """Logits (B, T) at points (B, T, 3) in the network frame; z is empty and ignored."""
        return self.decoder(points, code)

    def forward(self, points: Tensor, inputs: Tensor) -> Tensor:
        return self.decoder(points, self.encode_inputs(inputs))


class ConvolutionalOccupancyNetwork(PlanesNetwork):
    """Point clouds of any size (B, N, 3) or voxels (B, 32, 32, 32) -> logits at any point.

    channels: width of a plane's features; hidden: width of PointNet and, unless decoder_hidden
    says another, of decoder and attention; plane_resolution: cells along a plane's edge;
    unet_depth, unet_width: see `UNet`;
    padding: the planes cover the box of edge 1 + padding, as the queries do; neighbours: how many
    of the input points a query attends to, see `NeighbourFeatures`; surroundings: in which numbers
    of points around it each input point is described, see `Surroundings`; patch, patch_width,
    patch_layers: edge of the cube of voxels that a query sees, the width of what reads it and its
    residual layers, see `PatchFeatures` (0: none, as in the paper); quadratic: the first layer's
    width of neighbours that are seen by polynomials, see `QuadraticNeighbours` (0: by distances);
    both_ways: whether clouds are read half turned, too, see `both_ways`; volume_resolution,
    volume_width: cells along the edge of a volume of features beside the planes and the width of
    what refines it, see `PointVolume` (0: none).
    Raises ValueError where these do not fit together.
    """

    def __init__(
        self,
        *,
        input_kind: str,
        channels: int = 32,
        hidden: int = 32,
        decoder_hidden: int | None = None,
        plane_resolution: int = 64,
        unet_depth: int = 4,
        unet_width: int = 32,
        blocks: int = 5,
        padding: float = 0.1,
        neighbours: int = 0,
        surroundings: Sequence[int] = (),
        patch: int = 0,
        patch_width: int = 192,
        patch_layers: int = 2,
        quadratic: int = 0,
        both_ways: bool = False,
        volume_resolution: int = 0,
        volume_width: int = 32,
    ) -> None:
        encoder: nn.Module
        decoder_hidden = decoder_hidden or hidden
        if neighbours and input_kind != "points":
            raise ValueError(f"Only points have neighbours, {input_kind!r} has none.")
        if len(surroundings) and input_kind != "points":
            raise ValueError(f"Only points have surroundings, {input_kind!r} has none.")
        if patch and input_kind != "voxels":
            raise ValueError(f"Only voxels have patches, {input_kind!r} has none.")
        if (quadratic or both_ways) and not neighbours:
            raise ValueError("Without neighbours there are none to see, nor is a cloud read twice.")
        if volume_resolution and input_kind != "points":
            raise ValueError(f"Only points are gathered in a volume, {input_kind!r} has none.")
        if input_kind == "points":
            encoder = LocalPointNet(
                channels=channels,
                hidden=hidden,
                resolution=plane_resolution,
                padding=padding,
                keep_points=neighbours > 0,
                surroundings=surroundings,
                volume=PointVolume(
                    channels=channels, resolution=volume_resolution, width=volume_width
                )
                if volume_resolution
                else None,
            )
        elif input_kind == "voxels":
            encoder = VoxelFeatures(channels=channels, resolution=plane_resolution, padding=padding)
        else:
            raise ValueError(
                f"A convolutional network reads 'points' or 'voxels', not {input_kind!r}."
            )
        planes = RefinedPlanes(encoder, channels=channels, depth=unet_depth, width=unet_width)
        read = 2 * channels if both_ways else channels
        near: NeighbourFeatures | QuadraticNeighbours | None = None
        sizes = {"channels": read, "hidden": decoder_hidden, "neighbours": neighbours}
        if quadratic:
            near = QuadraticNeighbours(**sizes, wide=quadratic, surroundings=len(surroundings))
        elif neighbours:
            near = NeighbourFeatures(**sizes, surroundings=len(surroundings))
        super().__init__(
            planes,
            LocalDecoder(
                channels=read,
                hidden=decoder_hidden,
                blocks=blocks,
                padding=padding,
                neighbours=near,
                patches=PatchFeatures(
                    channels=channels, hidden=patch_width, size=patch, layers=patch_layers
                )
                if patch
                else None,
            ),
            input_kind,
        )
        self.reads_both_ways = both_ways

    def encode_inputs(self, inputs: Tensor) -> Code:
        """Planes, grid, "voxels" for patches, "cloud" with what belongs to it for attention."""
        if self.reads_both_ways:
            code = both_ways(self.encoder, inputs)
        else:
            code = super().encode_inputs(inputs)
        if self.decoder.patches is not None:
            code["voxels"] = inputs
        if self.decoder.neighbours is None:
            return code
        return with_cloud_features(code, self.decoder.neighbours.neighbours, self.decoder.padding)


class ImagePlanesNetwork(PlanesNetwork):
    """A picture (B, 3, S, S) in [0, 1] -> a ResNet-18 code -> feature planes -> logits.

    c_dim: width of the code; symmetric: see `PlanesNetwork`; the rest as in
    `ConvolutionalOccupancyNetwork` and `PlaneGenerator`.
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
        symmetric: bool = False,
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
            symmetric,
        )


class LatentPlanesNetwork(PlanesNetwork):
    """A generative network: a latent z (B, z_dim) is grown into feature planes.

    `encode_inputs` reads latents. There is no encoder of shapes: while it learns, each training
    shape has a posterior of its own, see `training.learn.latents`.

    z_dim: width of the latent.
    centres: the prior is the mean of this many normal distributions of deviation 1, whose means are
        the buffer `centres` (centres, z_dim); 0 for the standard normal distribution.

    The rest is as in `ImagePlanesNetwork`.
    """

    centres: Tensor | None

    def __init__(
        self,
        *,
        input_kind: str = "none",
        z_dim: int = 32,
        centres: int = 0,
        channels: int = 32,
        hidden: int = 32,
        plane_resolution: int = 32,
        plane_width: int = 128,
        blocks: int = 3,
        padding: float = 0.1,
        symmetric: bool = False,
    ) -> None:
        if input_kind != "none":
            raise ValueError(f"This network reads nothing ('none'), not {input_kind!r}.")
        super().__init__(
            PlaneGenerator(
                z_dim, channels=channels, resolution=plane_resolution, width=plane_width
            ),
            LocalDecoder(channels=channels, hidden=hidden, blocks=blocks, padding=padding),
            input_kind,
            symmetric,
        )
        self.z_dim = z_dim
        self.register_buffer("centres", torch.zeros(centres, z_dim) if centres else None)
