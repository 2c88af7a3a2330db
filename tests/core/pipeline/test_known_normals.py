"""Samples of a mesh, whose normals are known: followed as they are, unless they make no sense."""

from __future__ import annotations

import numpy as np

from onet_core.inputs.observation import Normals
from onet_core.inputs.point_clouds import prepare_points
from onet_core.scans.surface import known_cloud, surface_of


def cube(count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Points on a cube of edge 1 around 0, and its normals."""
    rng = np.random.default_rng(0)
    face, points = rng.integers(0, 6, count), rng.uniform(-0.5, 0.5, (count, 3))
    normals = np.zeros((count, 3))
    normals[np.arange(count), face // 2] = np.where(face % 2, 1, -1)
    points[np.arange(count), face // 2] = np.where(face % 2, 0.5, -0.5)
    return points, normals


def test_a_cube_is_followed_up_to_its_edges() -> None:
    points, normals = cube()
    known = known_cloud(points, normals)
    assert known is not None
    mesh = surface_of(known, 1.1 / 48, 0.55)
    off = np.abs(np.abs(mesh.vertices).max(axis=1) - 0.5)
    assert off.mean() < 5e-4
    assert off.max() < 1.1 / 48


def test_normals_that_describe_no_solid_are_not_taken() -> None:
    points, normals = cube(8_000)
    assert known_cloud(points, -normals) is None
    sheet = points * [1, 1, 0]
    assert known_cloud(sheet, np.tile([0.0, 0, 1], (len(sheet), 1))) is None


def test_normals_are_turned_like_their_points() -> None:
    points, normals = cube(1_000)
    points += [0, 0, 3]
    for up_axis in ("x", "y", "z", "-x", "-y", "-z"):
        seen = prepare_points(points, up_axis, normals=Normals(normals, is_exact=True))
        assert seen.normals is not None
        # On a cube around the origin, a point and its normal point the same way.
        along = (seen.data * seen.normals.directions).sum(axis=1)
        np.testing.assert_allclose(along, 0.5, atol=1e-3)


def test_points_that_are_left_out_take_their_normals_along() -> None:
    points, normals = cube(100)
    points[3] = np.nan
    seen = prepare_points(points, normals=Normals(normals, is_exact=True))
    assert seen.normals is not None
    assert len(seen.normals.directions) == len(seen.data) == 99
