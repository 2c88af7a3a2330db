"""Triangles that lie on a curved surface on average, against surfaces with a formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from analytic_fields import as_trimesh
from torch import Tensor

from onet_core.mesh.manifold import is_closed_manifold
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import sample_surface
from onet_core.surface.balance import balanced
from onet_core.surface.extract import extract

Distance = Callable[[Tensor], Tensor]
"""Points (n, 3) -> how far they are inside, (n,)."""


def ball(points: Tensor) -> Tensor:
    return 0.37 - (points - torch.tensor([0.03, -0.02, 0.01])).norm(dim=-1)


def ring(points: Tensor) -> Tensor:
    """A torus, which has saddle points on its inner side."""
    x, y, z = points.unbind(-1)
    return 0.12 - torch.hypot(torch.hypot(x, z) - 0.3, y)


def hollow(points: Tensor) -> Tensor:
    """The outside of a ball: it bulges to the other side."""
    return -ball(points)


def block(points: Tensor) -> Tensor:
    """Its edges are sharp: there is nothing to gain, and nothing may be lost."""
    beyond = points.abs() - torch.tensor([0.33, 0.21, 0.27])
    return -(beyond.clamp_min(0).norm(dim=-1) + beyond.amax(dim=-1).clamp_max(0))


def rounded(points: Tensor) -> Tensor:
    return block(points) + 0.1


def mean_distance(mesh: Mesh, distance: Distance) -> float:
    points, _ = sample_surface(mesh, 50_000)
    inside = (np.abs(points) < 0.549).all(axis=1)  # Not the cut at the box.
    return float(distance(torch.from_numpy(points[inside]).float()).abs().mean())


def made(distance: Distance, resolution: int, **more: object) -> Mesh:
    field = lambda p: 60 * distance(p)  # noqa: E731
    return extract(field, resolution=resolution, threshold=0.5, root_steps=1, **more).mesh


@pytest.mark.parametrize(
    ("distance", "most"), [(ball, 0.4), (ring, 0.55), (hollow, 0.4), (rounded, 0.95), (block, 1.15)]
)
@pytest.mark.parametrize("resolution", [32, 64])
def test_the_triangles_come_nearer(distance: Distance, most: float, resolution: int) -> None:
    before = made(distance, resolution, is_balanced=False)
    after = made(distance, resolution)
    assert np.array_equal(before.faces, after.faces)
    assert mean_distance(after, distance) < most * mean_distance(before, distance)
    cell = 1.1 / resolution
    assert np.linalg.norm(after.vertices - before.vertices, axis=1).max() < 0.3 * 0.15 * cell


@pytest.mark.parametrize("distance", [ball, ring, rounded, block])
def test_no_face_turns_over(distance: Distance) -> None:
    before, after = (as_trimesh(made(distance, 64, is_balanced=b)) for b in (False, True))
    assert (before.face_normals * after.face_normals).sum(axis=1).min() > 0
    assert after.area_faces.min() > 0
    assert is_closed_manifold(after.faces)


def test_a_ball_gets_its_volume() -> None:
    volumes = [as_trimesh(made(ball, 32, is_balanced=b)).volume for b in (False, True)]
    expected = 4 / 3 * np.pi * 0.37**3
    assert abs(volumes[1] / expected - 1) < 0.3 * abs(volumes[0] / expected - 1)


def test_what_is_cut_off_at_the_box_and_what_may_not_move_stays() -> None:
    half_space = made(lambda p: -p[:, 0] - 0.01, 32)
    assert np.abs(half_space.vertices).max() <= 0.55 + 1e-5
    vertices = made(ball, 32).vertices / (1.1 / 32)
    faces = made(ball, 32).faces
    assert np.array_equal(balanced(vertices, faces, np.zeros(len(vertices), dtype=bool)), vertices)
