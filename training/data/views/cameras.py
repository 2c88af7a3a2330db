"""Cameras as people hold them, drawn for a batch of shapes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from onet_core.models.pictures.camera import PictureCamera

from .variation import bounds

# The renders of Choy et al. 2016, see `training.data.render.cameras`: half pictures per unit at
# distance 1, and the distance in diagonals of the shape's box.
_CHOY_SCALE, _CHOY_DISTANCE = 2 * 35 / 32, 1.75
# Shares of the pictures: from the height of the original's renders; with its lens and framing; with
# the object fitted into the frame as a user's picture is, the rest framed loosely.
_USUAL_HEIGHT, _CHOY, _FITTED = 0.4, 0.15, 0.55
# Distances in longest edges of the shape: 24 to 100 mm when the object fills the picture.
_NEAREST, _FARTHEST, _FAR, _FAR_SHARE = 1.15, 4.5, 20.0, 0.08


def draw_cameras(
    corners: Tensor, shape: Tensor, count: int, generator: torch.Generator
) -> PictureCamera:
    """A camera for each of `count` shapes: corners (F, 3, 3) of triangles, shape (F,) whose."""
    device = corners.device

    def uniform(low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator, device=device)

    points, owner = corners.reshape(-1, 3), shape.repeat_interleave(3)
    azimuth = uniform(-math.pi, math.pi)
    degrees = torch.where(uniform() < _USUAL_HEIGHT, uniform(25, 30), uniform(-10, 45))
    is_choy = uniform() < _CHOY
    distance = _NEAREST * (_FARTHEST / _NEAREST) ** uniform()
    distance = torch.where(uniform() < _FAR_SHARE, uniform(_FARTHEST, _FAR), distance)
    low, high = bounds(points, owner, count)
    diagonal = (high - low).norm(dim=1)
    distance = torch.where(is_choy, uniform(0.65, 1.0) * _CHOY_DISTANCE * diagonal, distance)
    none = torch.zeros(count, device=device)
    camera = PictureCamera(azimuth, degrees.deg2rad(), none, none, none, 1 / distance)

    seen = project_flat(camera, points, owner)[:, :2]
    low, high = bounds(seen, owner, count)
    half = ((high - low).amax(1) / 2).clamp_min(1e-3)
    middle = (low + high) / 2
    is_fitted = uniform() < _FITTED
    share = torch.where(is_fitted, uniform(0.72, 0.9), uniform(0.45, 1.08))
    scale = share / half
    play = torch.where(is_fitted, 0.05, (1 - share).clamp_min(0) + 0.1)
    x = -middle[:, 0] * scale + play * uniform(-1, 1)
    y = -middle[:, 1] * scale + play * uniform(-1, 1)
    scale = torch.where(is_choy, _CHOY_SCALE / distance, scale)
    return camera._replace(
        x=torch.where(is_choy, none, x), y=torch.where(is_choy, none, y), log_scale=scale.log()
    )


def project_flat(camera: PictureCamera, points: Tensor, view: Tensor) -> Tensor:
    """`PictureCamera.project` for points (N, 3), each of its own view (N,): -> (N, 3)."""
    seen = (camera.axes()[view] @ points[:, :, None]).squeeze(-1)
    depth = seen[:, 2]
    size = camera.log_scale.exp()[view] / (1 + camera.nearness[view] * depth).clamp_min(0.05)
    return torch.stack(
        [camera.x[view] + seen[:, 0] * size, camera.y[view] + seen[:, 1] * size, depth], dim=1
    )
