"""Simplification keeps the target, the shape and the manifold."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from analytic_fields import FIELDS, REFERENCE, as_trimesh
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from onet_core.errors import InputError
from onet_core.mesh.manifold import is_closed_manifold, separate_sheets
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import sample_surface, surface_distance
from onet_core.mesh.normals import face_based_normals
from onet_core.mesh.simplify import simplify
from onet_core.surface.extract import extract_surface
from training.measure.marching_cubes import marching_cubes


def toy_mesh() -> Mesh:
    with np.load(REFERENCE / "toy_mesh.npz") as data:
        return Mesh(data["verts_u2"], data["faces_u2"].astype(np.int64))


def noisy_mesh(seed: int) -> Mesh:
    """Hundreds of thin handles, sheets and crumbs: what edge collapse glues together."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((40, 40, 40)), 1.3)
    volume = np.pad(noise / noise.std(), 1, constant_values=-5)
    return Mesh(*marching_cubes(volume, 0.3))


def assert_closed_manifold(mesh: Mesh) -> None:
    solid = as_trimesh(mesh)
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert (np.bincount(solid.edges_unique_inverse) == 2).all()
    assert is_closed_manifold(mesh.faces)
    # Still so for a program that merges vertices at the same place.
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=True).is_watertight


@pytest.mark.parametrize("target", [20000, 5000, 1000, 300])
def test_target_is_met_and_the_shape_kept(target: int) -> None:
    mesh = toy_mesh()
    result = simplify(mesh, target)
    assert len(result.faces) == pytest.approx(target, rel=0.01)
    assert_closed_manifold(result)
    assert as_trimesh(result).volume == pytest.approx(as_trimesh(mesh).volume, rel=0.03)
    assert as_trimesh(result).area_faces.min() > 0


def test_closer_to_the_shape_than_the_originals_simplification() -> None:
    mesh = toy_mesh()
    with np.load(REFERENCE / "toy_mesh.npz") as data:
        theirs = Mesh(data["simp_verts"], data["simp_faces"])
    old_vertices = cKDTree(mesh.vertices)

    def error(simplified: Mesh) -> float:
        """Distance of points on the faces to the plane of the nearest old vertex's fan."""
        points, _ = sample_surface(simplified, 20000)
        _, nearest = old_vertices.query(points)
        normals = face_based_normals(mesh.vertices, mesh.faces)[nearest]
        return float(np.abs(((points - mesh.vertices[nearest]) * normals).sum(axis=1)).mean())

    assert error(simplify(mesh, 5000)) < 0.9 * error(theirs)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_the_size_and_place_of_the_mesh_do_not_matter(size: float) -> None:
    mesh = toy_mesh()
    expected = simplify(mesh, 2000)
    offset = size * np.array([3.0, -2.0, 1.0])
    result = simplify(Mesh(mesh.vertices * size + offset, mesh.faces), 2000)
    assert len(result.faces) == len(expected.faces)
    assert as_trimesh(result).volume == pytest.approx(
        as_trimesh(expected).volume * size**3, rel=1e-3
    )


@pytest.mark.parametrize("name", ["plate", "gyroid"])
@pytest.mark.parametrize("target", [20000, 5000])
def test_thin_walls_stay_manifold(name: str, target: int) -> None:
    result = simplify(extract_surface(FIELDS[name], resolution=64), target)
    assert len(result.faces) <= target * 1.01
    assert len(result.faces) >= min(target * 0.99, 8000)
    assert_closed_manifold(result)


@pytest.mark.parametrize("seed", range(3))
def test_noise_stays_manifold_and_meets_the_target(seed: int) -> None:
    mesh = noisy_mesh(seed)
    result = simplify(mesh, 20000)
    assert len(result.faces) == pytest.approx(20000, rel=0.01)
    assert_closed_manifold(result)


def test_what_cannot_become_smaller_stays_above_the_target() -> None:
    mesh = noisy_mesh(0)
    result = simplify(mesh, 100)
    assert 100 < len(result.faces) < 6000
    assert_closed_manifold(result)
    assert as_trimesh(result).volume == pytest.approx(as_trimesh(mesh).volume, rel=0.15)


def test_small_meshes_are_returned_as_they_are() -> None:
    mesh = toy_mesh()
    assert simplify(mesh, len(mesh.faces)) is mesh
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    assert simplify(empty, 100) is empty


@pytest.mark.parametrize("target", [3, 0, -5])
def test_impossible_targets_are_refused(target: int) -> None:
    with pytest.raises(InputError, match="at least 4"):
        simplify(toy_mesh(), target)


def test_colours_and_normals_are_carried_over() -> None:
    """They change linearly in space here: in between the old vertices they blend."""
    mesh = toy_mesh()
    blue = 255 * (mesh.vertices[:, 2:] - mesh.vertices[:, 2].min()) / np.ptp(mesh.vertices[:, 2])
    red = np.where(mesh.vertices[:, :1] > 0, 255, 0)
    colours = np.rint(np.concatenate([red, red * 0, blue], axis=1)).astype(np.uint8)
    tilted = np.add(face_based_normals(mesh.vertices, mesh.faces), [0.0, 0.0, 0.5])
    tilted /= np.linalg.norm(tilted, axis=1, keepdims=True)
    result = simplify(Mesh(mesh.vertices, mesh.faces, tilted, colours), 3000)
    assert result.colours is not None
    assert result.normals is not None
    assert result.colours.dtype == np.uint8
    clear = np.abs(result.vertices[:, 0]) > 0.02
    assert np.array_equal(result.colours[clear, 0] == 255, result.vertices[clear, 0] > 0)
    height = (result.vertices[:, 2] - mesh.vertices[:, 2].min()) / np.ptp(mesh.vertices[:, 2])
    assert np.abs(result.colours[:, 2] / 255 - height.clip(0, 1)).max() < 0.02
    # The normals are the old surface's, tilted as they were, and not those of the new faces.
    assert np.allclose(np.linalg.norm(result.normals, axis=1), 1)
    _, nearest = cKDTree(mesh.vertices).query(result.vertices)
    assert ((result.normals * tilted[nearest]).sum(axis=1) > 0.98).mean() > 0.99


def test_opposite_normals_give_way_to_those_of_the_faces() -> None:
    mesh = toy_mesh()
    normals = np.where(np.arange(len(mesh.vertices))[:, None] % 2, [[0.0, 0, 1]], [[0.0, 0, -1]])
    result = simplify(Mesh(mesh.vertices, mesh.faces, normals), 3000)
    assert result.normals is not None
    assert np.allclose(np.linalg.norm(result.normals, axis=1), 1)


def test_an_open_mesh_stays_open() -> None:
    mesh = toy_mesh()
    half = mesh.faces[(mesh.vertices[mesh.faces][..., 1] > 0).all(axis=1)]
    result = simplify(Mesh(mesh.vertices, half), 3000)
    assert len(result.faces) == pytest.approx(3000, rel=0.01)
    assert not as_trimesh(result).is_watertight
    assert as_trimesh(result).is_winding_consistent


def cube(corner: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    box = trimesh.creation.box(bounds=[corner, np.add(corner, 1)])
    return np.array(box.vertices), np.array(box.faces)


def welded(*parts: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Several meshes with vertices at the same place made one."""
    vertices = np.concatenate([v for v, _ in parts])
    offsets = np.cumsum([0] + [len(v) for v, _ in parts[:-1]])
    faces = np.concatenate([f + o for (_, f), o in zip(parts, offsets, strict=True)])
    unique, inverse = np.unique(vertices, axis=0, return_inverse=True)
    return unique, inverse.ravel()[faces]


@pytest.mark.parametrize(
    ("second", "shared_vertices"),
    [((1.0, 1.0, 0.0), 2), ((1.0, 1.0, 1.0), 1)],
    ids=["edge", "vertex"],
)
def test_cubes_that_touch_come_apart(
    second: tuple[float, float, float], shared_vertices: int
) -> None:
    vertices, faces = welded(cube((0, 0, 0)), cube(second))
    assert len(vertices) == 16 - shared_vertices
    new_vertices, new_faces = separate_sheets(vertices, faces)
    mesh = trimesh.Trimesh(new_vertices, new_faces, process=False)
    assert len(new_vertices) == 16
    assert mesh.is_watertight
    assert mesh.body_count == 2
    assert mesh.volume == pytest.approx(2, rel=0.01)
    # Each piece is one of the cubes: the material was kept together.
    for piece in mesh.split():
        assert piece.volume == pytest.approx(1, rel=0.01)
    # And no vertex is at another's place.
    assert len(np.unique(np.round(new_vertices, 6), axis=0)) == 16


def test_faces_back_to_back_are_removed() -> None:
    vertices, faces = cube((0, 0, 0))
    mirrored = (vertices * [-1, 1, 1] + [2, 0, 0], faces[:, ::-1])
    vertices, faces = welded((vertices, faces), mirrored)  # The wall between them is there twice.
    new_vertices, new_faces = separate_sheets(vertices, faces)
    mesh = trimesh.Trimesh(new_vertices, new_faces, process=False)
    assert len(new_faces) == 20
    assert mesh.is_watertight
    assert mesh.body_count == 1
    assert mesh.volume == pytest.approx(2)


def test_a_sound_mesh_is_left_alone_and_nothing_stays_nothing() -> None:
    mesh = toy_mesh()
    vertices, faces = separate_sheets(mesh.vertices, mesh.faces)
    assert np.array_equal(vertices[faces], mesh.vertices[mesh.faces])
    assert len(vertices) == len(mesh.vertices)
    vertices, faces = separate_sheets(np.zeros((3, 3)), np.array([[0, 1, 2], [0, 2, 1]]))
    assert vertices.shape == faces.shape == (0, 3)


def test_distance_between_full_and_simplified_is_small() -> None:
    mesh = toy_mesh()
    full, _ = sample_surface(mesh, 50_000, 1)
    few, _ = sample_surface(simplify(mesh, 5000), 50_000, 2)
    again, _ = sample_surface(mesh, 50_000, 2)
    floor = surface_distance(again, full).chamfer_l1
    assert surface_distance(few, full).chamfer_l1 < 1.02 * floor
