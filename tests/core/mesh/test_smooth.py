"""Smoothing against Taubin's steps written out, and what it must leave alone."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from onet_core.mesh.mesh import Mesh
from onet_core.mesh.smooth import AWAY, TOWARDS, smooth


def bumpy_ball(bumps: float = 0.004, subdivisions: int = 4) -> Mesh:
    ball = trimesh.creation.icosphere(subdivisions=subdivisions, radius=0.4)
    noise = np.random.default_rng(0).normal(0, bumps, (len(ball.vertices), 1))
    return Mesh(ball.vertices * (1 + noise / 0.4), np.asarray(ball.faces))


@pytest.mark.parametrize("steps", [1, 6])
def test_it_is_taubins_filter(steps: int) -> None:
    mesh = bumpy_ball(subdivisions=2)
    neighbours: list[set[int]] = [set() for _ in mesh.vertices]
    for face in mesh.faces.tolist():
        for corner in face:
            neighbours[corner] |= set(face) - {corner}
    expected = np.array(mesh.vertices)
    for part in steps * (TOWARDS, -AWAY):
        means = np.array([expected[sorted(around)].mean(axis=0) for around in neighbours])
        expected = expected + part * (means - expected)
    smoothed = smooth(mesh, steps)
    np.testing.assert_allclose(smoothed.vertices, expected, atol=1e-9)
    np.testing.assert_array_equal(smoothed.faces, mesh.faces)


def test_bumps_go_and_the_size_stays() -> None:
    mesh = bumpy_ball()
    smoothed = smooth(mesh, 6)
    before, after = (np.linalg.norm(each.vertices, axis=1) for each in (mesh, smoothed))
    assert after.std() < 0.5 * before.std()
    volume = trimesh.Trimesh(smoothed.vertices, smoothed.faces).volume
    assert volume == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.01)


def test_what_it_leaves_alone() -> None:
    """Its input, colours, meshes without faces, and all where it is off."""
    plain = bumpy_ball()
    vertices = np.array(plain.vertices)
    colours = np.arange(3 * len(vertices)).astype(np.uint8).reshape(-1, 3)
    mesh = Mesh(vertices.copy(), plain.faces, normals=np.zeros_like(vertices), colours=colours)
    smoothed = smooth(mesh, 3)
    np.testing.assert_array_equal(mesh.vertices, vertices)
    np.testing.assert_array_equal(smoothed.colours, colours)
    assert smoothed.normals is None  # They were those of the bumps.
    assert smooth(mesh, 0) is mesh
    empty = Mesh(np.empty((0, 3)), np.empty((0, 3), dtype=np.int32))
    assert smooth(empty, 3).is_empty
