"""What a picture shows of an object is drawn, from the camera that fits it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from onet_core.models.layers import sample_cube
from onet_core.models.pictures.camera import PictureCamera
from onet_core.models.pictures.outline import fitted_camera, lack_of
from onet_core.models.prepared.outlined import OutlinedField
from onet_core.models.prepared.prepared_field import PreparedField

HALF, SIZE, LEVEL = 0.55, 128, -0.4
CAMERA = PictureCamera.from_numbers(torch.tensor([[0.6, 0.3, 0.05, -0.1, 0.35, 0.45]]))


class Ball(PreparedField):
    """A ball of radius 0.2 around (0, 0.1, 0) and, of a lower logit, a leg below it along y."""

    def _logits(self, points: torch.Tensor) -> torch.Tensor:
        x, y, z = points.unbind(1)
        ball = 20 * (0.2 - (x * x + (y - 0.1) ** 2 + z * z).sqrt())
        # -2.4 in the middle of the leg, which the level does not reach.
        away = ((x - 0.05) ** 2 + (z + 0.08) ** 2).sqrt()
        leg = -2.4 - 20 * away - 20 * (y.abs() - 0.45).clamp_min(0)
        return torch.maximum(torch.maximum(ball, leg.where(y < 0, ball)), points.new_tensor(-9.0))


def nodes() -> torch.Tensor:
    axis = torch.linspace(-HALF, HALF, 33)
    return torch.cartesian_prod(axis, axis, axis)


def picture_of(*inside: torch.Tensor, camera: PictureCamera = CAMERA) -> torch.Tensor:
    """Where points (N, 3) are seen, with no gaps between them."""
    shown = torch.zeros(SIZE, SIZE)
    for points in inside:
        seen = camera.project(points[None])[0, :, :2]
        column, row = ((seen + 1) * (SIZE / 2)).long().clamp(0, SIZE - 1).unbind(1)
        shown[row, column] = 1
    return torch.from_numpy(ndimage.binary_closing(shown.numpy(), iterations=3)).float()


def ball() -> torch.Tensor:
    directions = torch.from_numpy(np.random.default_rng(0).standard_normal((40_000, 3))).float()
    return 0.2 * directions / directions.norm(dim=1, keepdim=True) + torch.tensor([0.0, 0.1, 0.0])


def leg() -> torch.Tensor:
    """Its surface: radius 0.02."""
    rng = np.random.default_rng(1)
    angle, height = rng.uniform(0, 2 * math.pi, 20_000), rng.uniform(-0.45, 0, 20_000)
    points = np.stack([0.05 + 0.02 * np.cos(angle), height, -0.08 + 0.02 * np.sin(angle)], axis=1)
    return torch.from_numpy(points).float()


@pytest.fixture(scope="module")
def outlined() -> OutlinedField:
    cube, shown = Ball()(nodes()).view(33, 33, 33), picture_of(ball(), leg())
    lack = lack_of(cube, HALF, CAMERA, shown, LEVEL, 0.5)
    return OutlinedField(Ball(), CAMERA, shown, lack, cube, HALF, 0.5)


def test_what_the_picture_shows_is_drawn_where_it_is_likeliest(outlined: OutlinedField) -> None:
    middle = torch.tensor([[0.05, y, -0.08] for y in (-0.3, -0.35, -0.4)])
    assert (Ball()(middle) < LEVEL).all()
    assert (outlined(middle) > LEVEL).all()
    # Nearer to the camera and farther from it on the same lines of sight nothing is drawn.
    forward = CAMERA.axes()[0, 2]
    for step in (-0.15, 0.15):
        assert (outlined(middle + step * forward) < LEVEL).all()


def test_nothing_is_drawn_that_the_picture_does_not_show(outlined: OutlinedField) -> None:
    points = nodes()
    is_new = (outlined(points) > LEVEL) & (Ball()(points) <= LEVEL)
    assert is_new.sum() > 0
    seen = CAMERA.project(points[is_new][None])[0, :, :2]
    column, row = ((seen + 1) * (SIZE / 2)).long().unbind(1)
    near = ndimage.binary_dilation(picture_of(ball(), leg()).numpy() > 0, iterations=2)
    assert near[row, column].all()


def test_an_outline_that_is_but_narrower_lacks_nothing() -> None:
    cube = Ball()(nodes()).view(33, 33, 33)
    wider = picture_of(ball())
    wider = torch.from_numpy(ndimage.binary_dilation(wider.numpy() > 0, iterations=2)).float()
    assert lack_of(cube, HALF, CAMERA, wider, LEVEL, 0.5).missing.max() == 0


def test_a_field_that_draws_nothing_lacks_all() -> None:
    cube = torch.full((33, 33, 33), -6.0)
    shown = picture_of(ball())
    lack = lack_of(cube, HALF, CAMERA, shown, LEVEL, 0.5)
    assert torch.allclose(lack.missing[shown > 0], torch.tensor(LEVEL + 0.5 + 6))
    assert lack.missing[shown == 0].max() == 0


@pytest.mark.parametrize(
    "change", [(0, 0, -0.08, 0.1, 0), (0, 0.1, 0, 0, 0.15), (0.1, 0, 0.05, 0, 0.1)]
)
def test_camera_is_found_again(change: tuple[float, ...]) -> None:
    axis = torch.linspace(-HALF, HALF, 33)
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    # An uneven box, which looks different from every side.
    inside = torch.stack([0.4 - x.abs(), 0.15 - y.abs(), 0.2 - (z + 0.1 * (x > 0)).abs()])
    cube = 30 * inside.amin(0)
    points = torch.rand(200_000, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    points = points[sample_cube(cube, points / HALF) > 0]
    shown = picture_of(points)
    begin = CAMERA.numbers()[0]
    moved = PictureCamera.from_numbers((begin + torch.tensor([*change, 0]))[None])
    found = fitted_camera(cube, HALF, moved, shown, 0.0)

    def off(camera: PictureCamera) -> float:
        seen, wanted = (one.project(points[None])[0, :, :2] for one in (camera, CAMERA))
        return float((seen - wanted).norm(dim=1).mean())

    assert off(found) < 0.35 * off(moved)


def test_gradient_of_what_is_added(outlined: OutlinedField) -> None:
    rng = np.random.default_rng(2)
    points = torch.from_numpy(rng.uniform(-0.4, 0.4, (200, 3))).float()
    points = torch.cat([points, leg()[:200] + 0.013])
    _, gradients = outlined.with_gradient(points)
    step = 1e-3
    moved = [
        (outlined(points + step * one) - outlined(points - step * one)) / (2 * step)
        for one in torch.eye(3)
    ]
    # Linear interpolation has no slope at the edges of pixels: most points are not near one.
    error = (torch.stack(moved, dim=1) - gradients).norm(dim=1) / (1 + gradients.norm(dim=1))
    assert error.quantile(0.8) < 0.05
