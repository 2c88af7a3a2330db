"""Mirror planes of clouds whose planes are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from onet_core.inputs.symmetry.planes import FEWEST_POINTS, MirrorPlane, find_mirror_plane
from onet_core.inputs.symmetry.simplex import minimum

LARGEST_RATIO = 1.1


def wedge(count: int, seed: int = 0) -> np.ndarray:
    """Points on the skin of a wedge that is symmetric to x = 0 and to no other upright plane.

    As wide (x) as its height falls from front to back; y up.
    """
    rng = np.random.default_rng(seed)
    x, z = rng.uniform(-0.2, 0.2, count), rng.uniform(-0.5, 0.5, count)
    top = np.where(rng.random(count) < 0.5, -0.3, 0.25 + 0.4 * z)
    sides = rng.random(count) < 0.3
    height = -0.3 + rng.random(count) * (0.55 + 0.4 * z)
    x = np.where(sides, np.sign(x) * 0.2, x)
    return np.stack([x, np.where(sides, height, top), z], axis=1)


def helix(count: int) -> np.ndarray:
    """A winding staircase: turning it is a symmetry of it, mirroring is not."""
    rng = np.random.default_rng(0)
    turn, radius = rng.uniform(0, 3 * np.pi, count), rng.uniform(0.2, 0.5, count)
    return np.stack([radius * np.cos(turn), turn / 10 - 0.5, radius * np.sin(turn)], axis=1)


def upright_turn(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


@pytest.mark.parametrize("count", [300, 3000])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.3, 2.6])
def test_the_plane_of_a_turned_and_moved_cloud_is_found(count, angle):
    turn, shift = upright_turn(angle), np.array([0.04, 0.1, -0.03])
    noise = np.random.default_rng(1).normal(0, 0.005, (count, 3))
    cloud = (wedge(count) + noise) @ turn.T + shift
    plane = find_mirror_plane(cloud)
    assert plane is not None
    truth = turn @ [1.0, 0.0, 0.0]
    assert abs(plane.normal @ truth) > np.cos(np.radians(3))
    assert plane.normal[1] == 0
    # The plane goes through the wedge's middle, wherever that was moved.
    assert plane.normal @ shift == pytest.approx(plane.offset, abs=0.01)
    assert 0.7 < plane.ratio < 1.1


def test_an_aligned_cloud_gets_its_axis_exactly():
    plane = find_mirror_plane(wedge(500))
    assert plane is not None
    np.testing.assert_array_equal(np.abs(plane.normal), [1, 0, 0])
    assert plane.offset == 0


def test_a_winding_staircase_has_none():
    plane = find_mirror_plane(helix(1000))
    assert plane is not None
    assert plane.ratio > LARGEST_RATIO


def test_a_cloud_with_one_arm_has_none():
    rng = np.random.default_rng(2)
    arm = rng.uniform([0.2, -0.05, 0.15], [0.9, 0.05, 0.25], (150, 3))
    plane = find_mirror_plane(np.concatenate([wedge(1000), arm]))
    assert plane is not None
    assert plane.ratio > LARGEST_RATIO
    # What the arm's image lacks is left out of account.
    assert abs(plane.normal[0]) > np.cos(np.radians(2))
    assert plane.likeness < LARGEST_RATIO
    assert plane.matched == pytest.approx(1000 / 1150, abs=0.04)


def test_thin_or_heaped_clouds_are_left_alone():
    assert find_mirror_plane(wedge(FEWEST_POINTS - 1)) is None
    assert find_mirror_plane(np.ones((200, 3))) is None


def test_mirroring_twice_gives_the_points_and_leaves_those_of_the_plane():
    normal = np.array([0.6, 0.0, 0.8])
    plane = MirrorPlane(normal, 0.1, 1.0)
    points = np.random.default_rng(3).normal(size=(20, 3))
    np.testing.assert_allclose(plane.mirrored(plane.mirrored(points)), points, atol=1e-12)
    np.testing.assert_allclose(
        plane.mirrored(points) @ normal - 0.1, -(points @ normal - 0.1), atol=1e-12
    )
    on_it = points - np.outer(points @ normal - 0.1, normal)
    np.testing.assert_allclose(plane.mirrored(on_it), on_it, atol=1e-12)


def bowl(place: NDArray[np.float64]) -> float:
    return float((place[0] - 1.3) ** 2 + 3 * (place[1] + 0.4) ** 2 + place[0] * place[1])


def valley(place: NDArray[np.float64]) -> float:
    """Rosenbrock's, which makes it contract and shrink."""
    return float(100 * (place[1] - place[0] ** 2) ** 2 + (1 - place[0]) ** 2)


def steps(place: NDArray[np.float64]) -> float:
    """Values that are often equal."""
    return float(np.round(np.abs(place - 0.7).sum() * 4) / 4 + np.sin(5 * place[0]).round())


@pytest.mark.parametrize("function", [bowl, valley, steps])
@pytest.mark.parametrize("most", [5, 6, 7, 11, 12, 13, 14, 40, 41, 42, 43, 200])
def test_the_search_for_a_least_value_ends_where_scipys_does(
    function: Callable[[NDArray[np.float64]], float], most: int
) -> None:
    corners = [[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]
    asked = []

    def counted(place: NDArray[np.float64]) -> float:
        asked.append(place.copy())
        return float(function(place))

    found = minimum(counted, corners, most)
    options = {"maxfev": most, "initial_simplex": corners}
    theirs = minimize(function, np.zeros(2), method="Nelder-Mead", options=options)
    np.testing.assert_allclose(found, theirs.x, atol=1e-9)
    assert len(asked) <= most


def test_a_bowls_lowest_place_is_found() -> None:
    """Where its slope, 2 (x - 1.3) + y and 6 (y + 0.4) + x, is 0."""
    lowest = np.linalg.solve([[2.0, 1.0], [1.0, 6.0]], [2.6, -2.4])
    found = minimum(bowl, [[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]], 200)
    np.testing.assert_allclose(found, lowest, atol=1e-3)
