"""Averaging the noise of dense clouds away: against analytic surfaces."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from onet_core.inputs.denoise import denoise
from onet_core.inputs.readings import read_cloud, subsample
from onet_core.pipeline.noise import noise_beside

RADIUS = 0.4
DEVIATIONS = 2.2


def on_ball(count: int, noise: float, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 3))
    points *= RADIUS / np.linalg.norm(points, axis=1, keepdims=True)
    return (points + noise * rng.normal(size=points.shape)).astype(np.float32)


def plates(count: int, gap: float, noise: float) -> NDArray[np.float32]:
    """Two sheets of 0.8 by 0.8, at y = 0 and y = gap."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.4, 0.4, size=(count, 3))
    points[:, 1] = gap * (np.arange(count) % 2)
    return (points + noise * rng.normal(size=points.shape)).astype(np.float32)


@pytest.mark.parametrize(("noise", "count"), [(0.005, 200_000), (0.01, 100_000), (0.02, 20_000)])
def test_points_of_a_ball_come_nearer_to_it(noise: float, count: int) -> None:
    cloud = on_ball(count, noise)
    # As large as it is measured beside a network's field, see `pipeline.noise`.
    made = denoise(cloud[:3000], cloud, 1.3 * noise, DEVIATIONS)
    assert made is not None
    assert made.shape == (3000, 3)
    assert made.dtype == np.float32
    errors = np.linalg.norm(made, axis=1) - RADIUS
    # The mean of a patch of radius r lies inside of the ball by up to r^2 / (2 R) at its rim.
    assert abs(errors.mean()) < (1.3 * DEVIATIONS * noise) ** 2 / (2 * RADIUS) + 0.0002
    assert errors.std() < 0.6 * noise


def test_points_move_across_the_surface_only() -> None:
    cloud = plates(40_000, gap=0.3, noise=0.005)
    inner = np.abs(cloud[:, [0, 2]]).max(axis=1) < 0.35
    made = denoise(cloud[inner], cloud, 0.01, DEVIATIONS)
    assert made is not None
    moves = made - cloud[inner]
    assert np.abs(moves[:, 1]).mean() > 5 * np.abs(moves[:, [0, 2]]).mean()


def test_two_sheets_that_the_noise_does_not_join_stay_two() -> None:
    cloud = plates(40_000, gap=0.08, noise=0.005)
    inner = np.abs(cloud[:, [0, 2]]).max(axis=1) < 0.35
    made = denoise(cloud[inner], cloud, 0.01, DEVIATIONS)
    assert made is not None
    sheet = np.arange(len(cloud))[inner] % 2
    errors = np.abs(made[:, 1] - 0.08 * sheet)
    assert np.quantile(errors, 0.999) < 0.02
    assert errors.mean() < 0.0025  # it was 0.004


def test_thin_clouds_and_those_without_noise_are_left_alone() -> None:
    cloud = on_ball(3000, 0.005)
    assert denoise(cloud, cloud, 0.005, DEVIATIONS) is None  # one or two around each
    assert denoise(cloud, cloud, 0.0, DEVIATIONS) is None
    assert denoise(cloud[:0], cloud, 0.02, DEVIATIONS) is None


def test_what_is_alone_stays() -> None:
    cloud = np.concatenate([on_ball(50_000, 0.01), np.full((1, 3), 0.49, np.float32)])
    chosen = cloud[-1000:]
    made = denoise(chosen, cloud, 0.01, DEVIATIONS)
    assert made is not None
    np.testing.assert_array_equal(made[-1], chosen[-1])
    assert not np.array_equal(made[-2], chosen[-2])


def ball_field(points: Tensor) -> Tensor:
    """Logits that fall off unevenly: only at the ball do they tell the distance."""
    away = points.norm(dim=-1) - RADIUS
    return 0.7 - 30 * away * (1 + 3 * away)


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.01, 0.02])
def test_noise_is_what_was_put_in_whatever_strays(noise: float) -> None:
    strays = np.random.default_rng(1).uniform(-0.5, 0.5, size=(100, 3))
    points = np.concatenate([on_ball(5000, noise), strays])
    threshold = 1 / (1 + np.exp(-0.7))
    assert noise_beside(ball_field, points, threshold) == pytest.approx(noise, rel=0.1, abs=1e-4)


def test_a_field_that_is_the_same_everywhere_knows_of_no_noise() -> None:
    assert noise_beside(lambda points: 0 * points.sum(dim=-1), on_ball(100, 0.01), 0.5) == 0


def test_a_dense_cloud_is_read_twice_from_different_points() -> None:
    cloud = on_ball(2500, 0.0)
    rows = {tuple(point): number for number, point in enumerate(cloud)}
    for most in (1000, 2000):
        readings = read_cloud(cloud, most, seed=3)
        first, second = ([rows[tuple(point)] for point in one]
                         for one in (readings.first, readings.second))  # fmt: skip
        assert len(set(first)) == len(set(second)) == most
        assert len(set(first) | set(second)) == min(2 * most, len(cloud))
        assert first == sorted(first)
    again, other = read_cloud(cloud, 1000, seed=3), read_cloud(cloud, 1000, seed=4)
    assert np.array_equal(again.first, read_cloud(cloud, 1000, seed=3).first)
    assert not np.array_equal(again.first, other.first)
    whole = read_cloud(cloud, 2500)
    assert whole.first is whole.second is cloud


def test_a_subsample_is_drawn_without_replacement() -> None:
    cloud = on_ball(500, 0.0)
    drawn = subsample(cloud, 100, seed=1)
    assert len(np.unique(drawn, axis=0)) == 100
    assert {tuple(point) for point in drawn} <= {tuple(point) for point in cloud}
    assert subsample(cloud, 500, seed=1) is cloud
