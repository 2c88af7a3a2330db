"""Where a picture was taken from, in six numbers, and where it shows the points of a shape.

The camera looks at the origin of the network's frame and stands upright; the principal point may
lie anywhere, as it does in a picture that was cropped around its object.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .view import PictureView

NUMBERS = 6


class PictureCamera(NamedTuple):
    """Cameras of a batch, each field (B,) float32.

    azimuth: radians about the vertical, 0 where the camera stands at +z, pi at the front (-z).
    elevation: radians above the horizon.
    x, y: where the origin is seen, -1 to 1 from left to right and from top to bottom.
    log_scale: logarithm of the length of a unit at the origin's distance, in half pictures.
    nearness: 1 / distance from the origin; 0 is a camera without perspective.
    """

    azimuth: Tensor
    elevation: Tensor
    x: Tensor
    y: Tensor
    log_scale: Tensor
    nearness: Tensor

    @classmethod
    def from_numbers(cls, numbers: Tensor) -> PictureCamera:
        """From (B, 6), the fields in their order."""
        return cls(*numbers.float().unbind(-1))

    @classmethod
    def of_view(cls, view: PictureView) -> PictureCamera:
        """The camera of one picture, fields (1,)."""
        numbers = [
            math.radians(view.azimuth),
            math.radians(view.elevation),
            2 * view.x - 1,
            2 * view.y - 1,
            math.log(2 * view.focal / view.distance),
            1 / view.distance,
        ]
        return cls.from_numbers(torch.tensor([numbers]))

    def numbers(self) -> Tensor:
        """(B, 6), the fields in their order."""
        return torch.stack(tuple(self), dim=-1)

    def chosen(self, first: Tensor, other: PictureCamera) -> PictureCamera:
        """This camera where `first` (B,) holds, the other's where not."""
        pairs = zip(self, other, strict=True)
        return PictureCamera(*(torch.where(first, mine, theirs) for mine, theirs in pairs))

    def mirrored(self) -> PictureCamera:
        """The camera that sees the mirror image (x -> -x) in the mirrored picture."""
        return self._replace(azimuth=-self.azimuth, x=-self.x)

    def axes(self) -> Tensor:
        """(B, 3, 3): the directions right, down and forward in the network's frame, as rows."""
        sin_a, cos_a = self.azimuth.sin(), self.azimuth.cos()
        sin_e, cos_e = self.elevation.sin(), self.elevation.cos()
        none = torch.zeros_like(sin_a)
        right = torch.stack([cos_a, none, -sin_a], dim=-1)
        down = torch.stack([sin_e * sin_a, -cos_e, sin_e * cos_a], dim=-1)
        forward = torch.stack([-cos_e * sin_a, -sin_e, -cos_e * cos_a], dim=-1)
        return torch.stack([right, down, forward], dim=1)

    def eye(self) -> Tensor:
        """(B, 3): where the camera is; far away for one without perspective."""
        return -self.axes()[:, 2] / self.nearness.clamp_min(1e-3)[:, None]

    def project(self, points: Tensor) -> Tensor:
        """Where points (B, N, 3) are seen: (B, N, 3) of x and y, -1 to 1, and depth.

        Depth is the distance behind the origin along the camera's view, in units of the frame.
        """
        seen = points @ self.axes().transpose(1, 2)
        depth = seen[..., 2]
        size = self.log_scale.exp()[:, None] / (1 + self.nearness[:, None] * depth).clamp_min(0.05)
        x = self.x[:, None] + seen[..., 0] * size
        y = self.y[:, None] + seen[..., 1] * size
        return torch.stack([x, y, depth], dim=-1)

    def locate(self, seen: Tensor) -> Tensor:
        """The inverse of `project`: x, y and depth (B, N, 3) -> points (B, N, 3)."""
        depth = seen[..., 2]
        size = (1 + self.nearness[:, None] * depth) / self.log_scale.exp()[:, None]
        right = (seen[..., 0] - self.x[:, None]) * size
        down = (seen[..., 1] - self.y[:, None]) * size
        return torch.stack([right, down, depth], dim=-1) @ self.axes()
