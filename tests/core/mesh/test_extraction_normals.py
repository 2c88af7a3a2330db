"""Normals from the field and from the faces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from analytic_fields import as_trimesh, sphere, torus

from onet_core.errors import ModelError
from onet_core.mesh.normals import face_based_normals, vertex_normals
from onet_core.surface.extract import extract_surface


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_spheres_normals_are_radial(dtype: torch.dtype) -> None:
    mesh = extract_surface(sphere, resolution=32, dtype=dtype)
    normals = vertex_normals(mesh.vertices, sphere, dtype=dtype, batch_points=500)
    radial = mesh.vertices - [0.03, -0.02, 0.01]
    radial /= np.linalg.norm(radial, axis=1, keepdims=True)
    assert np.allclose(normals, radial, atol=1e-5)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)


def test_normals_of_field_and_faces_agree_with_each_other_and_with_trimesh() -> None:
    mesh = extract_surface(torus, resolution=128)
    from_field = vertex_normals(mesh.vertices, torus)
    from_faces = face_based_normals(mesh.vertices, mesh.faces)
    alignment = (from_field * from_faces).sum(axis=1)
    assert alignment.min() > 0.95
    assert alignment.mean() > 0.999
    theirs = trimesh.geometry.mean_vertex_normals(
        len(mesh.vertices),
        mesh.faces,
        as_trimesh(mesh).face_normals * as_trimesh(mesh).area_faces[:, None],
    )
    assert np.allclose(from_faces, theirs, atol=1e-6)


def test_where_the_gradient_vanishes_the_faces_help() -> None:
    mesh = extract_surface(sphere, resolution=16)

    def field(points: torch.Tensor) -> torch.Tensor:
        return torch.where(points[:, 0] > 0.1, sphere(points), sphere(points).detach())

    flat = mesh.vertices[:, 0] <= 0.1
    alone = vertex_normals(mesh.vertices, field)
    assert (alone[flat] == 0).all()
    assert np.allclose(np.linalg.norm(alone[~flat], axis=1), 1)
    helped = vertex_normals(mesh.vertices, field, faces=mesh.faces)
    assert np.allclose(helped[flat], face_based_normals(mesh.vertices, mesh.faces)[flat])
    assert np.array_equal(helped[~flat], alone[~flat])


def test_a_field_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(ModelError, match="not finite"):
        vertex_normals(np.zeros((4, 3)), lambda p: p.sum(-1) * float("nan"))


def test_no_vertices_have_no_normals() -> None:
    assert vertex_normals(np.zeros((0, 3)), sphere).shape == (0, 3)
    assert np.array_equal(
        face_based_normals(np.ones((2, 3)), np.zeros((0, 3), int)), np.zeros((2, 3))
    )
