"""Drawing a mesh to points: against known surfaces and the formula written out."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from onet_core.mesh.mesh import Mesh
from onet_core.mesh.snap import Pull, snap

WITHIN = 0.02
PULL = Pull(WITHIN, neighbours=24, radius=0.05, staying=0.5, noise_left=0.0018)


def mesh_of(shape: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(shape.vertices), np.asarray(shape.faces))


def ball(radius: float = 0.4) -> Mesh:
    return mesh_of(trimesh.creation.icosphere(subdivisions=5, radius=radius))


def on_sphere(count: int, radius: float = 0.4, noise: float = 0.0) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(count, 3))
    points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
    return points + noise * rng.normal(size=points.shape)


def plate(thickness: float, edge: float = 0.6, cells: int = 40) -> trimesh.Trimesh:
    """A flat box with many small triangles, its height along z."""
    shape = trimesh.creation.box((edge, edge, thickness))
    return shape.subdivide_to_size(edge / cells)


def radii(mesh: Mesh) -> NDArray[np.float64]:
    return np.linalg.norm(mesh.vertices, axis=1)


@pytest.mark.parametrize(("count", "left"), [(300, 0.005), (3000, 0.0025), (30_000, 0.0025)])
@pytest.mark.parametrize("radius", [0.392, 0.408])
def test_a_ball_of_the_wrong_size_gets_the_points_size(
    count: int, left: float, radius: float
) -> None:
    """Few points have less to say: between them the surface stays as it was."""
    snapped = snap(ball(radius), on_sphere(count, noise=0.005), PULL)
    errors = radii(snapped) - 0.4
    assert abs(errors.mean()) < left  # it was 0.008
    assert errors.std() < 0.003  # the noise is averaged away


def test_a_surface_that_all_points_lie_on_stays() -> None:
    """Also at edges and on thin rods, which the mean of the points themselves would round off."""
    rod = trimesh.creation.cylinder(0.015, 0.8, sections=24).subdivide_to_size(0.02)
    cube = trimesh.creation.box((0.5, 0.5, 0.5)).subdivide_to_size(0.03)
    for shape in (rod, cube):
        points, _ = trimesh.sample.sample_surface(shape, 3000, seed=0)
        np.testing.assert_allclose(snap(mesh_of(shape), points, PULL).vertices, shape.vertices,
                                   atol=1e-6)  # fmt: skip


def test_both_sides_of_a_thin_plate_follow_their_own_points() -> None:
    points, _ = trimesh.sample.sample_surface(plate(0.03), 4000, seed=0)
    snapped = snap(mesh_of(plate(0.02)), points, PULL)
    x, y, z = snapped.vertices.T
    flat = (abs(x) < 0.2) & (abs(y) < 0.2)
    np.testing.assert_allclose(abs(z[flat]), 0.015, atol=0.0007)
    assert trimesh.Trimesh(snapped.vertices, snapped.faces).is_watertight


def test_what_has_no_points_near_by_stays() -> None:
    points = on_sphere(3000)
    mesh = ball(0.392)
    snapped = snap(mesh, points[points[:, 2] > 0], PULL)
    low, high = mesh.vertices[:, 2] < -0.2, mesh.vertices[:, 2] > 0.1
    np.testing.assert_allclose(snapped.vertices[low], mesh.vertices[low], atol=1e-7)
    assert abs(radii(snapped)[high] - 0.4).max() < 0.003


def test_strays_hardly_count() -> None:
    points = on_sphere(3000)
    strays = np.random.default_rng(1).uniform(-0.55, 0.55, (300, 3))
    with_strays = snap(ball(0.392), np.concatenate([points, strays]), PULL)
    without = snap(ball(0.392), points, PULL)
    assert abs(radii(with_strays) - radii(without)).mean() < 0.0005


def test_one_point_over_a_plate_moves_it_by_the_formula() -> None:
    shape = plate(0.3)
    height = 0.01
    mesh, point = mesh_of(shape), np.array([[0.0, 0.0, 0.15 + height]])
    moves = snap(mesh, point, PULL).vertices - mesh.vertices
    away = np.linalg.norm(mesh.vertices - [0, 0, 0.15], axis=1)
    weight = (1 + (height / WITHIN) ** 2) ** -2 * np.exp(-((away / PULL.radius) ** 2))
    top = (mesh.vertices[:, 2] > 0.149) & (abs(mesh.vertices[:, :2]) < 0.28).all(axis=1)
    expected = weight * height / (weight + PULL.staying)
    np.testing.assert_allclose(moves[top, 2], expected[top], atol=1e-9)
    assert abs(moves[mesh.vertices[:, 2] < 0]).max() < 1e-9
    assert PULL.neighbours > 1  # fewer points than that are no obstacle


def test_of_noisy_points_more_are_averaged() -> None:
    points = on_sphere(100_000, noise=0.02)
    plain, known = (radii(snap(ball(), points, PULL, noise)) - 0.4 for noise in (0.0, 0.02))
    assert known.std() < 0.6 * plain.std()
    mesh, few = ball(0.392), on_sphere(3000, noise=0.005)
    usual, same = (snap(mesh, few, PULL, noise) for noise in (0.0, 0.005))
    np.testing.assert_array_equal(usual.vertices, same.vertices)


def test_no_face_flips() -> None:
    rough = np.random.default_rng(0).uniform(-1, 1, (20_000, 3)) * 0.03
    mesh = mesh_of(trimesh.creation.icosphere(subdivisions=5, radius=0.4))
    points = on_sphere(20_000) + rough
    snapped = snap(mesh, points, PULL._replace(within=0.05))
    before, after = (trimesh.Trimesh(each.vertices, each.faces, process=False)
                     for each in (mesh, snapped))  # fmt: skip
    moved = np.linalg.norm(snapped.vertices - mesh.vertices, axis=1)
    assert moved.max() > 0.003
    assert (np.einsum("fk,fk->f", before.face_normals, after.face_normals) > 0.2).all()


def test_what_it_leaves_alone() -> None:
    """Its input, faces and colours, and all where no point is near."""
    plain = ball(0.392)
    colours = np.arange(3 * len(plain.vertices)).astype(np.uint8).reshape(-1, 3)
    normals = np.zeros_like(plain.vertices)
    mesh = Mesh(plain.vertices.copy(), plain.faces, normals=normals, colours=colours)
    snapped = snap(mesh, on_sphere(300), PULL)
    np.testing.assert_array_equal(mesh.vertices, plain.vertices)
    np.testing.assert_array_equal(snapped.faces, mesh.faces)
    np.testing.assert_array_equal(snapped.colours, colours)
    assert snapped.normals is None
    assert snap(mesh, np.array([[0.0, 0.0, 0.0]]), PULL) is mesh
