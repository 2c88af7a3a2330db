"""Pictures of shapes with all that is known of them, drawn on any device in batches."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from onet_core.models.pictures.camera import PictureCamera

from .cameras import draw_cameras, project_flat
from .degrading import degraded
from .raster import Seen, rasterise
from .scenery import with_scenery
from .shading import Surface, shaded

OVERSAMPLING = 2
# Pixels of a picture to one of the maps of what is seen.
COARSER = 2


class Views(NamedTuple):
    """A batch of pictures.

    pictures: (B, 3, S, S) in [0, 1].
    camera: see `PictureCamera`.
    mask: (B, S/2, S/2), the share of the object in each.
    depth: (B, S/2, S/2), how far behind the origin.
    normals: (B, 3, S/2, S/2) along the camera's axes, towards it.
    known: (B, S/2, S/2), where depth and normals are known.
    """

    pictures: Tensor
    camera: PictureCamera
    mask: Tensor
    depth: Tensor
    normals: Tensor
    known: Tensor


def draw_views(
    corners: Tensor,
    colours: Tensor,
    shape: Tensor,
    count: int,
    generator: torch.Generator,
    *,
    size: int = 128,
    camera: PictureCamera | None = None,
    is_plain: bool = False,
) -> Views:
    """A picture of each of `count` shapes.

    corners: (F, 3, 3), triangles in the network's frame; colours: (F, 3) in [0, 1]; shape: (F,),
    whose each is; camera: drawn at random where none is given; is_plain: on white, undamaged and in
    the shapes' own colours, as the project's own renderer draws.
    """
    with torch.no_grad():
        if camera is None:
            camera = draw_cameras(corners, shape, count, generator)
        seen = _rasterised(corners, shape, camera, count, size * OVERSAMPLING)
        surface = _surface(corners, shape, seen, camera)
        painted, light = shaded(surface, colours, camera, generator, is_plain=is_plain)
        coverage = (seen.face >= 0).float()[:, None]
        painted, coverage = (
            functional.avg_pool2d(whole, OVERSAMPLING) for whole in (painted * coverage, coverage)
        )
        if is_plain:
            pictures = painted + 1 - coverage
        else:
            pictures = with_scenery(painted, coverage, corners, shape, camera, light, generator)
            pictures = degraded(pictures, generator)
        step = OVERSAMPLING * COARSER
        chosen = slice(step // 2, None, step)
        return Views(
            # One degenerate triangle must not spoil the statistics of a batch.
            pictures.nan_to_num(1.0).clamp(0, 1),
            camera,
            functional.avg_pool2d(coverage, COARSER)[:, 0],
            surface.place[:, 2, chosen, chosen].nan_to_num(0.0),
            surface.normals[:, :, chosen, chosen].nan_to_num(0.0),
            seen.face[:, chosen, chosen] >= 0,
        )


def _rasterised(
    corners: Tensor, shape: Tensor, camera: PictureCamera, count: int, size: int
) -> Seen:
    """What each pixel shows, with the distance from the camera as depth."""
    placed = project_flat(camera, corners.reshape(-1, 3), shape.repeat_interleave(3))
    depth = placed[:, 2:] + (1 / camera.nearness)[shape].repeat_interleave(3)[:, None]
    return rasterise(torch.cat([placed[:, :2], depth], 1).view(-1, 3, 3), shape, count, size)


def _surface(corners: Tensor, shape: Tensor, seen: Seen, camera: PictureCamera) -> Surface:
    """Places and normals of what is seen."""
    count, size = seen.face.shape[:2]
    steps = (torch.arange(size, device=corners.device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    depth = seen.depth - (1 / camera.nearness)[:, None, None]
    depth = torch.where(seen.face >= 0, depth, 0.0)
    place = torch.stack([x.expand_as(depth), y.expand_as(depth), depth], dim=1)
    points = camera.locate(place.flatten(2).transpose(1, 2))
    edges = corners[:, 1:] - corners[:, :1]
    normals = functional.normalize(torch.linalg.cross(edges[:, 0], edges[:, 1]), dim=1)
    normals = (camera.axes()[shape] @ normals[:, :, None]).squeeze(-1)
    normals = normals[seen.face.clamp_min(0)].permute(0, 3, 1, 2)
    # Along the camera's axes a ray goes through (x - x0, y - y0, scale).
    ray = torch.stack(
        [
            x - camera.x[:, None, None],
            y - camera.y[:, None, None],
            # A unit at the origin's distance is exp(log_scale) half pictures.
            (camera.log_scale.exp() / camera.nearness)[:, None, None].expand_as(depth),
        ],
        dim=1,
    )
    ray = functional.normalize(ray, dim=1)
    normals = normals * -(normals * ray).sum(1, keepdim=True).sign()
    return Surface(
        seen.face, place, points.transpose(1, 2).reshape(count, 3, size, size), normals, ray
    )
