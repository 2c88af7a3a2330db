"""Light, colours and textures of what pictures show."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from onet_core.models.pictures.camera import PictureCamera

# Shares of the pictures: lit as by the project's own renderer, the rest by LIGHTS of any colour and
# direction; in colours other than the shape's own; with a texture; with smooth normals.
_PLAIN_LIGHT, _PAINTED, _TEXTURED, _SMOOTH = 0.4, 0.4, 0.35, 0.4
_LIGHTS = 3
_PALETTE = 16


class Surface(NamedTuple):
    """What the pixels show.

    face: (B, S, S), the triangle, -1 for none.
    place: (B, 3, S, S), x, y and depth as `PictureCamera.project` gives them.
    points: (B, 3, S, S) in the network's frame.
    normals, ray: (B, 3, S, S) along the camera's axes, the normals towards the camera, the rays
        away from it.
    """

    face: Tensor
    place: Tensor
    points: Tensor
    normals: Tensor
    ray: Tensor


class Draw:
    """Random numbers of shape (B, ..., 1, 1), one or several for each picture."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device

    def uniform(self, low: float = 0.0, high: float = 1.0, channels: int = 1) -> Tensor:
        size = (self.count, channels, 1, 1)
        drawn = torch.rand(size, generator=self.generator, device=self.device)
        return low + (high - low) * drawn

    def normal(self, *size: int) -> Tensor:
        return torch.randn(self.count, *size, generator=self.generator, device=self.device)

    def often(self, share: float) -> Tensor:
        """True for that share of the pictures."""
        return self.uniform() < share


def box_mean(maps: Tensor, edge: int) -> Tensor:
    """The mean around each pixel of maps (B, C, H, W) over a square of odd edge, 0 beyond."""
    half = edge // 2
    rows = functional.avg_pool2d(maps, (1, edge), stride=1, padding=(0, half))
    return functional.avg_pool2d(rows, (edge, 1), stride=1, padding=(half, 0))


def shaded(
    surface: Surface,
    colours: Tensor,
    camera: PictureCamera,
    generator: torch.Generator,
    *,
    is_plain: bool = False,
) -> tuple[Tensor, Tensor]:
    """The colours (B, 3, S, S) of what is seen, and where the strongest light is, (B, 3), in the
    network's frame."""
    draw = Draw(len(surface.face), generator, colours.device)
    paint = colours[surface.face.clamp_min(0)].permute(0, 3, 1, 2)
    normals = surface.normals
    if not is_plain:
        paint = _textured(_repainted(paint, draw), surface.points, draw)
        normals = torch.where(draw.often(_SMOOTH), _smoothed(surface), normals)
    facing = -(normals * surface.ray).sum(1, keepdim=True)
    plain, direction = _plain_light(normals, facing, draw)
    lit = paint * plain
    if not is_plain:
        other, general = _general_light(paint, normals, facing, surface.ray, camera, draw)
        is_usual = draw.often(_PLAIN_LIGHT)
        lit = torch.where(is_usual, lit, other)
        lit = lit * (1 - draw.uniform(0, 0.7) * _hollows(surface))
        direction = torch.where(is_usual[:, :, 0, 0], direction, general)
    return lit.clamp(0, 1), (direction[:, None] @ camera.axes()).squeeze(1)


def _plain_light(normals: Tensor, facing: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """As `training.data.render` does: one light from near the camera. And its direction (B, 3)."""
    one = torch.ones_like(draw.uniform())
    light = torch.cat([draw.uniform(-1, 1), -draw.uniform(0.6, 1.2), -0.6 * one], dim=1)
    light = functional.normalize(light, dim=1)
    ambient = draw.uniform(0.35, 0.55)
    shade = ambient + (1 - ambient) * 0.75 * (normals * light).sum(1, keepdim=True).clamp_min(0)
    shade = shade + 0.2 * facing.clamp_min(0)
    return shade * draw.uniform(0.85, 1.25), light[:, :, 0, 0]


def _general_light(
    paint: Tensor, normals: Tensor, facing: Tensor, ray: Tensor, camera: PictureCamera, draw: Draw
) -> tuple[Tensor, Tensor]:
    """A sky, a ground and several lights, hard and soft, coloured a little, with highlights."""
    axes = camera.axes()
    up = axes[:, :, 1, None, None]
    upwards = 0.5 + 0.5 * (normals * up).sum(1, keepdim=True)
    sky, ground = draw.uniform(0.8, 1.1, 3), draw.uniform(0.3, 1.0, 3)
    total = draw.uniform(0.15, 0.7) * (upwards * sky + (1 - upwards) * ground)
    total = total + draw.uniform(0, 0.3) * facing.clamp_min(0)
    shine = torch.zeros_like(total[:, :1])
    sharpness = 2 ** draw.uniform(2, 6)
    first = torch.zeros(draw.count, 3, device=paint.device)
    for number in range(_LIGHTS):
        # From above the horizon, one in three from anywhere.
        towards = draw.normal(3)
        towards[:, 1] = towards[:, 1].abs() + 0.2
        towards = functional.normalize(torch.einsum("bij,bj->bi", axes, towards), dim=1)
        first = towards if number == 0 else first
        light = towards[:, :, None, None]
        soft = draw.uniform(0, 0.6)
        share = ((normals * light).sum(1, keepdim=True) + soft).clamp_min(0) / (1 + soft)
        strength = draw.uniform(0.2, 0.9) * (1 if number == 0 else draw.often(0.4))
        total = total + strength * draw.uniform(0.85, 1.1, 3) * share
        half = functional.normalize(light - ray, dim=1)
        shine = shine + strength * (normals * half).sum(1, keepdim=True).clamp_min(0) ** sharpness
    gloss = draw.uniform(0, 0.5) * draw.often(0.4)
    lit = (paint * total + gloss * shine).clamp_min(1e-4)
    return lit.clamp_max(1.5) ** draw.uniform(0.75, 1.3), first


def _repainted(paint: Tensor, draw: Draw) -> Tensor:
    """Random colours for some pictures: what had one colour has another, the same everywhere."""
    levels = (paint * 31).round().long()
    mixed = levels[:, 0] * 73856093 ^ levels[:, 1] * 19349663 ^ levels[:, 2] * 83492791
    mixed = (mixed ^ (mixed >> 7)) % _PALETTE
    palette = torch.rand(draw.count, _PALETTE, 3, generator=draw.generator, device=paint.device)
    # Greys and woods are more frequent than pure colours.
    grey = palette.mean(2, keepdim=True)
    palette = grey + draw.uniform()[:, :, :, 0] * (palette - grey)
    flat = mixed.flatten(1)[..., None].expand(-1, -1, 3)
    other = palette.gather(1, flat).transpose(1, 2).reshape_as(paint)
    paint = torch.where(draw.often(_PAINTED), other, paint)
    return (paint * draw.uniform(0.9, 1.1, 3) * draw.uniform(0.8, 1.15)).clamp(0, 1)


def _textured(paint: Tensor, points: Tensor, draw: Draw) -> Tensor:
    """Stripes, grain and spots in space for some pictures."""
    waves = []
    for _ in range(3):
        direction = functional.normalize(draw.normal(3), dim=1)[:, :, None, None]
        pitch = 2 * math.pi * 2 ** draw.uniform(0.5, 5)
        waves.append((points * direction).sum(1, keepdim=True) * pitch + draw.uniform(0, 6.3))
    # A wave bent by another is grain, two multiplied are spots.
    grain = (waves[0] + draw.uniform(0, 3) * waves[1].sin()).sin()
    pattern = torch.where(draw.often(0.5), grain, waves[0].sin() * waves[2].sin())
    pattern = torch.where(draw.often(0.3), pattern.sign(), pattern)
    strength = draw.uniform(0, 0.35) * draw.often(_TEXTURED)
    tint = draw.uniform(0.5, 1, 3)
    return (paint * (1 + strength * pattern * tint)).clamp(0, 1)


def _smoothed(surface: Surface) -> Tensor:
    """Normals that change smoothly from face to face where these meet at blunt angles."""
    hit = (surface.face >= 0)[:, None]
    summed = box_mean(surface.normals * hit, 9)
    mean = functional.normalize(summed, dim=1)
    alike = (mean * surface.normals).sum(1, keepdim=True)
    # Below 40 degrees the mean, from 60 on the face's own.
    share = ((alike - 0.5) / 0.27).clamp(0, 1)
    return functional.normalize(surface.normals + share * (mean - surface.normals), dim=1)


def _hollows(surface: Surface) -> Tensor:
    """0 to 1: how much nearer the surroundings are than the place itself, as in corners."""
    hit = (surface.face >= 0)[:, None].float()
    depth = surface.place[:, 2:]
    around = box_mean(depth * hit, 15)
    weight = box_mean(hit, 15).clamp_min(1e-3)
    return ((depth - around / weight) * 8).clamp(0, 1) * hit
