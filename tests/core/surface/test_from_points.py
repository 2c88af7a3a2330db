"""Surfaces that are followed from points, against balls in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from onet_core.surface.from_points import follow

RADIUS = 0.37


def saturating(places: np.ndarray) -> np.ndarray:
    """A ball's distance that soon ends at 1 outside and sooner at -1/2 inside."""
    distances = np.linalg.norm(places, axis=1) - RADIUS
    return np.where(distances > 0, np.tanh(60 * distances), -0.5 * np.tanh(200 * -distances))


def straight(places: np.ndarray) -> np.ndarray:
    """The same with no more than its values at the corners: 0 at all places between them."""
    is_corner = (np.abs(places / 0.05 - np.round(places / 0.05)) < 1e-6).all(axis=1)
    return np.where(is_corner, saturating(places), 0.0)


def test_vertices_lie_where_the_field_is_0_however_it_rises() -> None:
    start = np.array([[RADIUS, 0.01, 0.01]])
    vertices, faces = follow(saturating, start, 0.05)
    errors = np.abs(np.linalg.norm(vertices, axis=1) - RADIUS)
    by_lines, same = follow(straight, start, 0.05, is_straight=True)
    before = np.abs(np.linalg.norm(by_lines, axis=1) - RADIUS)
    assert np.array_equal(faces, same)
    assert before.mean() > 0.003
    assert errors.mean() < before.mean() / 4


def test_a_straight_field_needs_no_second_look() -> None:
    normal = np.array([0.6, 0.64, 0.48])
    vertices, _ = follow(
        lambda places: np.maximum(places @ normal, np.abs(places).max(axis=1) - 0.4),
        np.full((1, 3), -0.01),
        0.1,
    )
    is_inner = np.abs(vertices).max(axis=1) < 0.25
    assert is_inner.sum() > 20
    assert vertices[is_inner] @ normal == pytest.approx(0, abs=2e-5)
