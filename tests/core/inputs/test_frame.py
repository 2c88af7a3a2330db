"""Frames: the axes, the unit cube and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from onet_core.errors import InputError
from onet_core.inputs.frame import UP_AXES, Frame, network_to_up

RNG = np.random.default_rng(0)


def test_blender_frame_is_the_documented_map():
    point = np.array([[0.1, 0.2, 0.3]])
    np.testing.assert_allclose(Frame.unit("z").to_source(point), [[-0.1, 0.3, 0.2]])
    np.testing.assert_allclose(Frame.unit("y").to_source(point), point)
    # The front, the network's -z, faces Blender's -y.
    np.testing.assert_allclose(Frame.unit("z").to_source([[0, 0, -1.0]]), [[0, -1, 0]], atol=1e-15)


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_every_up_axis_is_a_rotation_that_points_up(up_axis):
    rotation = network_to_up(up_axis)
    np.testing.assert_array_equal(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    expected = np.zeros(3)
    expected["xyz".index(up_axis[-1])] = -1 if up_axis.startswith("-") else 1
    np.testing.assert_array_equal(rotation @ [0, 1, 0], expected)
    assert Frame.unit(up_axis).up_axis == up_axis


@pytest.mark.parametrize("up_axis", UP_AXES)
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_points_fill_the_unit_cube_and_return(up_axis, unit):
    points = (RNG.normal(size=(200, 3)) * [1, 2, 3] + [5, -7, 100]) * unit
    frame = Frame.of_points(points, up_axis)
    network = frame.to_network(points)
    low, high = network.min(0), network.max(0)
    np.testing.assert_allclose(low + high, 0, atol=1e-12)
    assert (high - low).max() == pytest.approx(1)
    assert frame.scale == pytest.approx(np.ptp(points, axis=0).max())
    np.testing.assert_allclose(frame.to_source(network), points, atol=1e-12 * unit * 100)
    homogeneous = np.c_[points, np.ones(len(points))] @ frame.inverse.T
    np.testing.assert_allclose(homogeneous[:, :3], network, atol=1e-9)


def test_a_small_shape_far_away_keeps_its_digits():
    points = RNG.normal(size=(50, 3)) + np.array([4e6, 5e6, 100])
    frame = Frame.of_points(points)
    assert np.abs(frame.to_source(frame.to_network(points)) - points).max() < 1e-8


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 3)),
        np.ones((5, 3)),
        np.ones((5, 2)),
        np.full((4, 3), 1e6) + np.eye(4)[:, :3] * 1e-9,
        np.array([[-1.7e308, 0, 0], [1.7e308, 0, 0]]),
    ],
)
def test_points_without_a_size_are_refused(points):
    with pytest.raises(InputError):
        Frame.of_points(points)


def test_unknown_axis_and_broken_matrix_are_refused():
    with pytest.raises(InputError, match="up-axis"):
        Frame.unit("w")
    with pytest.raises(InputError):
        Frame(np.full((4, 4), np.nan))
