"""From a picture to the occupancy of a shape, looking where it decides.

A query is projected into the picture, as is its mirror image, and reads what is seen there; it
reads a volume in the shape's own frame too (`volume`). The camera is estimated from the picture.
After PIFu (Saito et al. 2019) and DISN (Xu et al. 2019), written from the papers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers import ResnetBlockFC, in_one_thread, precisely
from .camera import PictureCamera
from .features import Backbone
from .heads import CameraGuess, CameraHead, MapHead
from .volume import CanonicalVolume, mirrored, sample_map, sample_volume

Code = dict[str, Tensor]
OCTAVES = 4


class Estimates(NamedTuple):
    """What the network says of pictures besides shapes, for training.

    camera: see `CameraGuess`.
    kinds: (B, kinds) logits.
    mask, depth, normals: see `MapHead`.
    confidence: (B,), logit of the expected IoU.
    """

    camera: CameraGuess
    kinds: Tensor
    mask: Tensor
    depth: Tensor
    normals: Tensor
    confidence: Tensor


class ProjectedDecoder(nn.Module):
    """Occupancy logits (B, T) at points (B, T, 3) from what a picture shows at their projections.

    code: "fine", "volume" and "camera" as `PictureNetwork.encode_inputs` gives them.
    """

    def __init__(self, *, channels: int, hidden: int, blocks: int, padding: float) -> None:
        super().__init__()
        self.padding = padding
        # The point, its projection and its mirror image's; waves of the point and both depths.
        self.fc_p = nn.Linear(9 + 2 * OCTAVES * 5, hidden)
        self.fc_c = nn.ModuleList(nn.Linear(3 * channels, hidden) for _ in range(blocks))
        self.blocks = nn.ModuleList(ResnetBlockFC(hidden, hidden) for _ in range(blocks))
        self.fc_out = nn.Linear(hidden, 1)

    def forward(self, points: Tensor, code: Code) -> Tensor:
        camera = PictureCamera.from_numbers(code["camera"])
        with torch.autocast(points.device.type, enabled=False):
            seen, other = camera.project(points), camera.project(mirrored(points))
            places = torch.cat([points, seen, other], dim=-1)
            angles = torch.cat([points, seen[..., 2:], other[..., 2:]], dim=-1)
            angles = torch.cat([angles * (math.pi * 2**n) for n in range(OCTAVES)], dim=-1)
            places = torch.cat([places, angles.sin(), angles.cos()], dim=-1)
        features = torch.cat(
            [
                sample_map(code["fine"], seen),
                sample_map(code["fine"], other),
                sample_volume(code["volume"], points, self.padding),
            ],
            dim=-1,
        )
        net = precisely(self.fc_p, places)
        for mix, block in zip(self.fc_c, self.blocks, strict=True):
            net = block(net + mix(features))
        return self.fc_out(functional.relu(net)).squeeze(-1)


class PictureNetwork(nn.Module):
    """A picture (B, 3, S, S) in [0, 1], on white -> logits at any point, and its camera.

    image_size: S; kinds: how many kinds of things it was taught to tell apart, for training only;
    widths, blocks, channels, code: see `Backbone`; volume_width, resolution: see `CanonicalVolume`;
    hidden, decoder_blocks: of the decoder; padding: the box of the queries has edge 1 + padding.
    """

    z_dim = 0

    def __init__(
        self,
        *,
        input_kind: str = "image",
        image_size: int = 128,
        kinds: int = 31,
        widths: Sequence[int] = (48, 96, 192, 256, 320),
        blocks: Sequence[int] = (1, 2, 2, 2, 1),
        channels: int = 64,
        code: int = 384,
        volume_width: int = 32,
        resolution: int = 16,
        hidden: int = 128,
        decoder_blocks: int = 4,
        padding: float = 0.1,
    ) -> None:
        super().__init__()
        if input_kind != "image":
            raise ValueError(f"This network reads an 'image', not {input_kind!r}.")
        self.input_kind = input_kind
        self.backbone = Backbone(
            widths=widths, blocks=blocks, channels=channels, code=code, size=image_size
        )
        self.camera_head = CameraHead(code)
        self.kind_head = nn.Linear(code, kinds)
        self.map_head = MapHead(channels)
        self.confidence_head = nn.Sequential(nn.Linear(code, 64), nn.ReLU(), nn.Linear(64, 1))
        self.volume = CanonicalVolume(
            code=code,
            channels=channels,
            width=volume_width,
            resolution=resolution,
            padding=padding,
        )
        self.decoder = ProjectedDecoder(
            channels=channels, hidden=hidden, blocks=decoder_blocks, padding=padding
        )

    def read(
        self, pictures: Tensor, camera: PictureCamera | None = None, known: Tensor | None = None
    ) -> tuple[Code, Estimates]:
        """The pictures' code and what else they tell.

        camera: to be used where `known` (B,) holds, instead of the estimated one.
        """
        features = self.backbone(pictures)
        guess = self.camera_head(features.code)
        used = guess.camera()
        if camera is not None and known is not None:
            used = camera.chosen(known, used)
        used = PictureCamera(*(part.detach() for part in used))
        code = {
            "fine": features.fine,
            "volume": self.volume(features.code, features.coarse, used),
            "camera": used.numbers(),
        }
        mask, depth, normals = self.map_head(features.fine)
        confidence = self.confidence_head(features.code.detach()).squeeze(1)
        estimates = Estimates(
            guess, self.kind_head(features.code), mask, depth, normals, confidence
        )
        return code, estimates

    def encode_inputs(self, inputs: Tensor) -> Code:
        """The pictures' features: "fine" (B, C, S/2, S/2), "volume" (B, C, D, D, D), "camera"
        (B, 6), see `PictureCamera.numbers`, and "confidence" (B,), the expected IoU."""
        with in_one_thread(inputs):
            code, estimates = self.read(inputs)
        return {**code, "confidence": estimates.confidence.sigmoid()}

    def decode(self, points: Tensor, z: Tensor, code: Code) -> Tensor:
        """Logits (B, T) at points (B, T, 3) in the network frame; z is empty and ignored."""
        return self.decoder(points, code)

    def forward(self, points: Tensor, inputs: Tensor) -> Tensor:
        return self.decoder(points, self.encode_inputs(inputs))
