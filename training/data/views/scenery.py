"""What is around an object: backgrounds, shadows on the ground, masks a little wrong."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from onet_core.models.pictures.camera import PictureCamera

from .cameras import project_flat
from .raster import rasterise
from .shading import Draw, box_mean
from .variation import bounds

# Shares of the pictures: on white, as where a mask or a transparent background is known; this
# share of them with a shadow on the ground; cut out with a mask that is a little wrong.
_WHITE, _SHADOWED, _WRONG = 0.6, 0.3, 0.25
_SHADOW_SIZE = 64


def with_scenery(
    painted: Tensor,
    coverage: Tensor,
    corners: Tensor,
    shape: Tensor,
    camera: PictureCamera,
    light: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """The object in its surroundings, (B, 3, S, S).

    painted: (B, 3, S, S), the object times coverage (B, 1, S, S), what each pixel shows of it;
    corners: (F, 3, 3) of triangles, shape: (F,) whose; light: (B, 3), where the light is.
    """
    count, size = len(painted), painted.shape[-1]
    draw = Draw(count, generator, painted.device)
    is_white = draw.often(_WHITE)
    behind = _backgrounds(size, draw)
    ground = torch.where(is_white, 1.0, behind)
    dark = _shadows(corners, shape, camera, light, draw, size)
    picture = painted + (1 - coverage) * ground * (1 - draw.uniform(0.2, 0.9) * dark)
    cut = _wrong_mask(coverage, draw)
    # What a wrong mask leaves of the background is not white.
    rest = painted + (1 - coverage) * behind
    is_wrong = is_white & draw.often(_WRONG)
    return torch.where(is_wrong, cut * rest + 1 - cut, picture)


def _backgrounds(size: int, draw: Draw) -> Tensor:
    """Plain colours, gradients and blotches, (B, 3, size, size)."""
    steps = torch.linspace(-1, 1, size, device=draw.device)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    one, other = draw.uniform(0, 1, 3), draw.uniform(0, 1, 3)
    pale = draw.uniform(0, 1)
    one, other = (
        colour + pale * (colour.mean(1, keepdim=True) - colour) for colour in (one, other)
    )
    slope = (draw.uniform(-1, 1) * x + draw.uniform(-1, 1) * y + draw.uniform(-0.5, 0.5)) * 0.7
    gradient = one + (other - one) * (slope + 0.5).clamp(0, 1)
    blotches = sum(
        functional.interpolate(
            torch.rand(draw.count, 3, cells, cells, generator=draw.generator, device=draw.device),
            (size, size),
            mode="bilinear",
        )
        * weight
        for cells, weight in ((3, 0.5), (8, 0.3), (24, 0.2))
    )
    assert isinstance(blotches, Tensor)
    grey = blotches.mean(1, keepdim=True)
    blotches = grey + draw.uniform(0, 0.7) * (blotches - grey)
    behind = torch.where(draw.often(0.4), gradient, one)
    return torch.where(draw.often(0.35), (blotches - 0.5) * 1.6 + 0.5, behind).clamp(0, 1)


def _shadows(
    corners: Tensor,
    shape: Tensor,
    camera: PictureCamera,
    light: Tensor,
    draw: Draw,
    size: int,
) -> Tensor:
    """How dark the ground is, (B, 1, size, size) in [0, 1]; 0 where there is no shadow.

    The shape flattened onto the ground beneath it, along the light, then blurred.
    """
    some = int(_SHADOWED * draw.count)
    dark = torch.zeros(draw.count, 1, size, size, device=draw.device)
    if some == 0:
        return dark
    mine = shape < some
    corners, shape = corners[mine], shape[mine]
    points, owner = corners.reshape(-1, 3), shape.repeat_interleave(3)
    lowest = bounds(points, owner, some)[0][:, 1]
    towards = light[:some].clone()
    towards[:, 1] = towards[:, 1].abs().clamp_min(0.5)
    towards[:, (0, 2)] *= torch.rand(some, 1, generator=draw.generator, device=draw.device)
    height = points[:, 1] - lowest[owner]
    fallen = points - (towards / towards[:, 1:2])[owner] * height[:, None]
    placed = project_flat(camera, fallen, owner)
    distance = (placed[:, 2:] + (1 / camera.nearness)[owner, None]).clamp_min(0.05)
    flat = torch.cat([placed[:, :2].clamp(-4, 4), distance], 1).view(-1, 3, 3)
    hit = (rasterise(flat, shape, some, _SHADOW_SIZE).face >= 0).float()[:, None]
    hit = hit * (camera.elevation[:some] > 0.05)[:, None, None, None]
    soft = box_mean(hit, 3)
    softer = box_mean(box_mean(soft, 7), 7)
    blend = torch.rand(some, 1, 1, 1, generator=draw.generator, device=draw.device)
    hit = soft + blend * (softer - soft)
    dark[:some] = functional.interpolate(hit, (size, size), mode="bilinear")
    return dark


def _wrong_mask(coverage: Tensor, draw: Draw) -> Tensor:
    """A mask that is somewhat too large or too small, and differently so from place to place."""
    size = coverage.shape[-1]
    blurred = box_mean(box_mean(coverage, 5), 5)
    cells = torch.rand(draw.count, 1, 8, 8, generator=draw.generator, device=draw.device)
    wave = functional.interpolate(cells, (size, size), mode="bicubic") - 0.5
    level = 0.45 + draw.uniform(-0.25, 0.25) + draw.uniform(0, 0.9) * wave
    return ((blurred - level) * 6 + 0.5).clamp(0, 1)
