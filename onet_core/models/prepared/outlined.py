"""A field that has something wherever a picture shows something."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..layers import sample_cube
from ..pictures.camera import PictureCamera
from ..pictures.outline import Lack
from .lifted import Raised
from .prepared_field import PreparedField

# Pixels by which an outline may be wrong.
_FUZZY = 2


class OutlinedField(Raised):
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
        super().__init__(field)
        self._camera, self._depth = camera, depth
        self._cube, self._half = cube, half
        self._shown = functional.max_pool2d(shown[None, None], 2 * _FUZZY + 1, 1, _FUZZY)
        self._maps = torch.stack(lack)[None].contiguous()

    def added(self, points: Tensor) -> Tensor:
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
