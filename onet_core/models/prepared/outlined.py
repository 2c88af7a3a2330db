"""A field that has something wherever a picture shows something."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..pictures.camera import PictureCamera
from ..pictures.outline import Lack, sample_cube
from .prepared_field import PreparedField, differentiated

# Pixels by which an outline may be wrong.
_FUZZY = 2


class OutlinedField(PreparedField):
    """Logits field(p) + what the picture's line of sight through p lacks.

    The more so the nearer p is to the highest logit on its line: what is missing is raised there,
    not all along the line.

    camera, shown, lack, cube, half: see `pictures.outline`; depth: how far below the highest logit
    1 / e of what is missing is added.
    """

    def __init__(
        self,
        field: PreparedField,
        camera: PictureCamera,
        shown: Tensor,
        lack: Lack,
        cube: Tensor,
        half: float,
        depth: float,
    ) -> None:
        super().__init__()
        self.evaluations = field.evaluations  # What the lack was found with went through it too.
        self._field, self._camera, self._depth = field, camera, depth
        self._cube, self._half = cube, half
        self._shown = functional.max_pool2d(shown[None, None], 2 * _FUZZY + 1, 1, _FUZZY)
        self._maps = torch.stack(lack)[None].contiguous()

    @property
    def is_rough_faster(self) -> bool:
        return self._field.is_rough_faster

    def _logits(self, points: Tensor) -> Tensor:
        return self._field(points) + self.added(points)

    def _rough(self, points: Tensor) -> Tensor:
        return self._field.rough(points) + self.added(points)

    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        logits, gradients = self._field.with_gradient(points)
        added, slopes = differentiated(self.added, points)
        return logits + added, gradients + slopes

    def added(self, points: Tensor) -> Tensor:
        """What is added at points (n, 3), (n,), 0 or more."""
        places = points.to(self._cube.dtype)
        seen = self._camera.project(places[None])[:, :, None, :2]
        missing, highest = functional.grid_sample(self._maps, seen, align_corners=False)[0, :, :, 0]
        below = (highest - sample_cube(self._cube, places / self._half)).clamp_min(0)
        return (missing * (-below / self._depth).exp()).to(points.dtype)

    def is_possible(self, points: Tensor) -> Tensor:
        """Whether the picture shows the object where points (n, 3) are seen, (n,): 1 or 0, between
        them at its outline."""
        seen = self._camera.project(points[None].to(self._cube.dtype))[:, :, None, :2]
        return functional.grid_sample(self._shown, seen, align_corners=False).flatten()
