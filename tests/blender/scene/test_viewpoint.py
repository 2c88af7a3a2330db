"""How a network sees an object that was turned: upright, straight, and the same wherever it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mathutils import Euler, Matrix

from onet_blender.scene.viewpoint import heading, straight_turn


def box(seed: int = 0) -> np.ndarray:
    """Points of a box of edges 4, 2 and 1, upright and straight; one corner is missing."""
    points = np.random.default_rng(seed).uniform(-1, 1, (500, 3)) * [2, 1, 0.5]
    return points[points.min(1) > -0.9]


def turned(points: np.ndarray, matrix: Matrix) -> np.ndarray:
    return points @ np.array(matrix.to_3x3()).T


def angle_of(turn: np.ndarray) -> float:
    assert np.allclose(turn @ turn.T, np.eye(4))
    assert np.allclose(turn[2], [0, 0, 1, 0])
    assert np.allclose(turn[:, 2], [0, 0, 1, 0])
    return math.atan2(turn[1, 0], turn[0, 0])


@pytest.mark.parametrize("angle", [0, 0.4, -2, 3])
@pytest.mark.parametrize("size", [(1, 1, 1), (2, 0.5, 3)])
def test_what_stands_turned_is_seen_straight(angle: float, size: tuple[float, ...]) -> None:
    matrix = Matrix.LocRotScale((5, 6, 7), Euler((0, 0, angle)), size)
    turn = straight_turn(matrix, turned(box(), matrix))
    assert angle_of(turn) == pytest.approx(angle, abs=1e-6)


def test_mirrored_objects_are_seen_straight() -> None:
    matrix = Matrix.LocRotScale((0, 0, 0), Euler((0, 0, 0.4)), (-1, 1, 1))
    turn = straight_turn(matrix, turned(box(), matrix))
    assert angle_of(turn) == pytest.approx(0.4 - math.pi, abs=1e-6)


def test_imported_objects_whose_own_vertical_is_y_stay_upright() -> None:
    """As Blender imports OBJ and glTF: turned upright, then round the vertical by the user."""
    own = box()[:, [0, 2, 1]]  # y up
    matrix = Matrix.Rotation(0.3, 4, "Z") @ Matrix.Rotation(math.pi / 2, 4, "X")
    turn = straight_turn(matrix, turned(own, matrix))
    assert angle_of(turn) == pytest.approx(0.3, abs=1e-6)
    # Also with x pointing up.
    matrix = Matrix.Rotation(0.3, 4, "Z") @ Matrix.Rotation(-math.pi / 2, 4, "Y")
    assert heading(matrix) == pytest.approx(0.3, abs=1e-6)


def test_a_scan_that_was_straightened_is_seen_as_it_stands() -> None:
    """Its own axes are the scanner's, and say nothing."""
    scanner = Euler((0.5, -0.3, 0.8)).to_matrix().to_4x4()
    own = turned(box(), scanner)
    straightened = scanner.inverted()
    points = turned(own, straightened)
    np.testing.assert_allclose(points, box(), atol=1e-5)
    assert angle_of(straight_turn(straightened, points)) == 0


def test_round_things_keep_their_own_axes() -> None:
    circle = np.linspace(0, 2 * np.pi, 361)
    points = np.stack([np.cos(circle), np.sin(circle), 0 * circle], axis=1)
    assert angle_of(straight_turn(Matrix.Rotation(0.4, 4, "Z"), points)) == pytest.approx(0.4)
