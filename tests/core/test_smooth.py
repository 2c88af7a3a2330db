"""Smoothing against trimesh's filter, and what it must leave alone."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from onet_core.extraction.smooth import AWAY, TOWARDS, smooth
from onet_core.mesh import Mesh


def bumpy_ball(bumps: float = 0.004) -> Mesh:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.4)
    noise = np.random.default_rng(0).normal(0, bumps, (len(ball.vertices), 1))
    return Mesh(ball.vertices * (1 + noise / 0.4), np.asarray(ball.faces))


@pytest.mark.parametrize("steps", [1, 6])
def test_it_is_taubins_filter(steps: int) -> None:
    mesh = bumpy_ball()
    expected = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    # There each of the two halves of a step counts.
    means = trimesh.smoothing.laplacian_calculation(expected, equal_weight=True)
    trimesh.smoothing.filter_taubin(expected, TOWARDS, AWAY, 2 * steps, means)
    smoothed = smooth(mesh, steps)
    np.testing.assert_allclose(smoothed.vertices, expected.vertices, atol=1e-9)
    np.testing.assert_array_equal(smoothed.faces, mesh.faces)


def test_bumps_go_and_the_size_stays() -> None:
    mesh = bumpy_ball()
    smoothed = smooth(mesh, 6)
    before, after = (np.linalg.norm(each.vertices, axis=1) for each in (mesh, smoothed))
    assert after.std() < 0.5 * before.std()
    volume = trimesh.Trimesh(smoothed.vertices, smoothed.faces).volume
    assert volume == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.01)


def test_what_it_leaves_alone() -> None:
    """Its input, colours, vertices without faces, meshes without any, and all where it is off."""
    mesh = bumpy_ball()
    vertices = np.vstack([mesh.vertices, [[9.0, 9.0, 9.0]]])
    colours = np.arange(3 * len(vertices), dtype=np.uint8).reshape(-1, 3)
    lonely = Mesh(vertices.copy(), mesh.faces, normals=np.zeros_like(vertices), colours=colours)
    smoothed = smooth(lonely, 3)
    np.testing.assert_array_equal(lonely.vertices, vertices)
    np.testing.assert_array_equal(smoothed.vertices[-1], [9, 9, 9])
    np.testing.assert_array_equal(smoothed.colours, colours)
    assert smoothed.normals is None  # They were those of the bumps.
    assert smooth(lonely, 0) is lonely
    empty = Mesh(np.empty((0, 3)), np.empty((0, 3), dtype=np.int32))
    assert smooth(empty, 3).is_empty
