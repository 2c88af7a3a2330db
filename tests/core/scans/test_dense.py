"""Dense clouds: fields, signs and the whole way, on shapes whose surfaces are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from onet_core.mesh.gaps import spacing_of
from onet_core.mesh.parts import count_parts
from onet_core.models.catalogue import default_model, read_description
from onet_core.pipeline import dense
from onet_core.pipeline.dense import is_dense
from onet_core.pipeline.job import Job, run
from onet_core.scans.neighbours import Neighbours
from onet_core.scans.normals import plane_normals
from onet_core.scans.quadrics import fitted
from onet_core.scans.signs import signed
from onet_core.scans.spheres import sphere_distances, weights_of
from onet_core.scans.surface import Oriented, distinct, surface_of, thinned
from onet_core.settings import Settings
from onet_core.surface.from_points import follow

RADIUS = 0.4


def on_sphere(count: int, seed: int = 0) -> NDArray[np.float64]:
    """Unit vectors (count, 3)."""
    points = np.random.default_rng(seed).standard_normal((count, 3))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def test_spheres_are_fitted_exactly() -> None:
    normals = on_sphere(400)
    places = 0.1 * on_sphere(50, 1) * np.linspace(3, 5, 50)[:, None]
    away = RADIUS * normals[None] - places[:, None]
    squares = (away**2).sum(axis=2)
    radius = np.full(50, 0.5)
    weights = weights_of(squares, radius[:, None])
    found = sphere_distances(away, squares, np.repeat(normals[None], 50, axis=0), weights, radius)
    assert found == pytest.approx(np.linalg.norm(places, axis=1) - RADIUS, abs=1e-6)


def test_the_followed_surface_is_closed_and_in_its_place() -> None:
    def field(places: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(places, axis=1) - RADIUS)

    # One point is enough to begin with.
    vertices, faces = follow(field, RADIUS * np.array([[0.6, 0.0, 0.8]]) * 0.99, 0.02)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=3e-3)


def test_cells_wider_than_the_spheres_reach_leave_no_ripples() -> None:
    """A ball of 60,000 points, on cells of three spacings: vertices on it, faces as it turns."""
    normals = on_sphere(60_000)
    spacing = np.full(len(normals), np.sqrt(4 * np.pi * RADIUS**2 / len(normals)))
    cloud = Oriented(RADIUS * normals, normals, spacing, 2 * spacing)
    made = surface_of(cloud, 3 * spacing[0])
    mesh = trimesh.Trimesh(made.vertices, made.faces, process=False)
    away = np.linalg.norm(mesh.vertices, axis=1)
    assert np.abs(away - RADIUS).mean() < 0.01 * spacing[0]
    cosine = np.einsum("vi,vi->v", mesh.vertex_normals, mesh.vertices / away[:, None])
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 1.5


def test_quadrics_give_a_spheres_normals() -> None:
    normals = on_sphere(4_000)
    points = RADIUS * normals
    around = Neighbours(points)
    planes = plane_normals(points, around, 10)
    planes *= np.sign(np.einsum("ni,ni->n", planes, normals))[:, None]
    fits = fitted(points, planes, around, 2.2 * around.spacing(), 12)
    wrong = np.linalg.norm(fits.normals - normals, axis=1)
    before = np.linalg.norm(planes - normals, axis=1)
    assert np.degrees(wrong.mean()) < 0.3
    assert wrong.mean() < before.mean() / 3


def test_signs_agree_where_most_votes_are_right() -> None:
    normals = on_sphere(5_000)
    points = RADIUS * normals
    random = np.random.default_rng(3)
    axes = normals * random.choice([-1.0, 1.0], (5_000, 1))
    votes = normals.copy()
    votes[points[:, 0] > 0.2] *= -1  # a patch of a quarter
    found, doubtful, openness = signed(points, axes, votes, 0.02)
    assert (np.einsum("ni,ni->n", found, normals) > 0).all()
    assert doubtful == 0
    assert openness == 0


def test_strays_beside_a_surface_pull_up_no_bumps() -> None:
    normals = on_sphere(8_000)
    points = RADIUS * normals
    points[::200] += 0.03 * normals[::200]
    spacing = Neighbours(points).even_spacing()
    made = surface_of(Oriented(points, normals, spacing, 2 * spacing), 1 / 64)
    away = np.linalg.norm(made.vertices, axis=1) - RADIUS
    assert (np.abs(away) > 0.01).mean() < 0.02  # by each point's own spacing 0.045


def test_a_hole_is_closed() -> None:
    normals = on_sphere(20_000)
    kept = normals[:, 2] < 0.9
    points, normals = RADIUS * normals[kept], normals[kept]
    spacing = spacing_of(points, cKDTree(points))
    made = surface_of(Oriented(points, normals, spacing, 2 * spacing), 1 / 64)
    mesh = trimesh.Trimesh(made.vertices, made.faces, process=False)
    assert mesh.is_watertight
    assert mesh.body_count == 1
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.05)


def test_what_closes_a_gap_is_said() -> None:
    """A cap of 0.3 of a sphere's height, 15 % of its area, less a margin along its edge."""
    points = on_sphere(40_000)
    points = points[points[:, 2] < 0.7]
    result = run(Job(points=points, settings=Settings(resolution=64), device="cpu"))
    (gap,) = [note for note in result.findings.sentences() if "closes gaps" in note.template]
    assert 6 < gap.values["percent"] < 15


def test_points_given_many_times_make_no_dense_scan() -> None:
    description, device = read_description(default_model("points").path), torch.device("cpu")
    points = on_sphere(26_000).astype(np.float32) * np.float32(RADIUS)
    assert is_dense(points, description, Settings(), device)
    assert not is_dense(np.repeat(points[::13], 13, axis=0), description, Settings(), device)


def test_points_given_many_times_count_once() -> None:
    points = on_sphere(500) * RADIUS
    assert np.array_equal(distinct(np.repeat(points, 5, axis=0)), points)


def test_points_finer_than_the_cells_are_averaged() -> None:
    points = np.random.default_rng(0).random((500, 3)) - 0.5
    cubes: dict[tuple[int, ...], list[NDArray[np.float64]]] = {}
    for point in points:
        cubes.setdefault(tuple(np.floor(point / 0.2).astype(int)), []).append(point)
    means = np.array([np.mean(found, axis=0) for found in cubes.values()])
    found = thinned(points, 0.2)
    assert found[np.lexsort(found.T)] == pytest.approx(means[np.lexsort(means.T)])


def test_a_cloud_far_denser_than_the_cells() -> None:
    points = on_sphere(250_000) * RADIUS
    result = run(Job(points=points, settings=Settings(resolution=64), device="cpu"))
    mesh = trimesh.Trimesh(result.made.mesh.vertices, result.made.mesh.faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.01)
    (note,) = result.findings.sentences()
    size = 2 * RADIUS
    spacing = np.sqrt(4 * np.pi * RADIUS**2 / len(points)) / size
    assert note.values["spacing"] == pytest.approx(100 * spacing, rel=0.2)


def test_a_dense_cloud_is_followed_closely() -> None:
    mesh = trimesh.creation.box((1.0, 0.6, 0.8))
    points, _ = trimesh.sample.sample_surface(mesh, dense.DENSE_FROM, seed=0)
    made = run(Job(points=np.asarray(points), settings=Settings(resolution=64), device="cpu")).made
    found = trimesh.Trimesh(made.mesh.vertices, made.mesh.faces, process=False)
    assert "dense" in made.seconds
    (note,) = made.notes
    spacing = np.sqrt(mesh.area / dense.DENSE_FROM)
    assert str(note).startswith("Every point of this scan was followed")
    assert note.values["spacing"] == pytest.approx(100 * spacing, rel=0.1)
    assert found.is_watertight
    assert found.body_count == 1
    assert found.volume == pytest.approx(mesh.volume, rel=0.01)
    over = np.abs(found.vertices) - [0.5, 0.3, 0.4]
    outside = np.linalg.norm(np.maximum(over, 0), axis=1)
    away = np.where(over.max(axis=1) > 0, outside, -over.max(axis=1))
    assert away.mean() < 0.001


def test_a_cloud_that_is_too_noisy_is_averaged_instead() -> None:
    """Followed, it would come out in shreds."""
    noise = 0.02 * np.random.default_rng(1).standard_normal((dense.DENSE_FROM, 3))
    points = on_sphere(dense.DENSE_FROM) * 0.5 + noise
    made = run(Job(points=points, settings=Settings(resolution=48), device="cpu")).made
    found = trimesh.Trimesh(made.mesh.vertices, made.mesh.faces, process=False)
    assert "dense" not in made.seconds
    (note,) = made.notes
    assert note.values["noise"] == pytest.approx(2, rel=0.3)
    assert count_parts(made.mesh) == 1
    assert found.volume == pytest.approx(np.pi / 6, rel=0.05)


def _ball(random: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(random.standard_normal((26_000, 3)))


def _repeated(random: np.random.Generator) -> NDArray[np.float64]:
    return np.repeat(on_sphere(400), 100, axis=0)


def _double(random: np.random.Generator) -> NDArray[np.float64]:
    points = on_sphere(30_000)
    points[::2] *= 1.01
    return points


def _uneven(random: np.random.Generator) -> NDArray[np.float64]:
    points = on_sphere(400_000)
    return np.asarray(points[random.random(len(points)) < np.exp(-4 * (points[:, 0] + 1))])


@pytest.mark.parametrize("make", [_ball, _repeated, _double, _uneven])
def test_bad_clouds_give_a_closed_mesh_in_their_box(make) -> None:  # type: ignore[no-untyped-def]
    points = make(np.random.default_rng(0))
    made = run(Job(points=points, settings=Settings(resolution=48), device="cpu")).made
    found = trimesh.Trimesh(made.mesh.vertices, made.mesh.faces, process=False)
    assert found.is_watertight
    size = np.ptp(points, axis=0).max()
    assert np.abs(found.vertices - (points.min(0) + points.max(0)) / 2).max() < 0.6 * size


def _ball_with(points: NDArray[np.float64], normals: NDArray[np.float64]) -> trimesh.Trimesh:
    """The surface of 20,000 points of a ball, a spacing of 0.01, and some more inside it."""
    ways = on_sphere(20_000)
    places = np.concatenate([RADIUS * ways, points])
    spacing = np.full(len(places), np.sqrt(4 * np.pi * RADIUS**2 / len(ways)))
    cloud = Oriented(places, np.concatenate([ways, normals]), spacing, 2 * spacing)
    made = surface_of(cloud, 1 / 160)
    return trimesh.Trimesh(made.vertices, made.faces, process=False)


@pytest.mark.parametrize("radius", [0.03, 0.1])
def test_a_hollow_that_was_scanned_stays(radius: float) -> None:
    ways = on_sphere(int(20_000 * (radius / RADIUS) ** 2), 1)
    mesh = _ball_with(radius * ways, -ways)
    assert mesh.body_count == 2
    volume = 4 / 3 * np.pi * (RADIUS**3 - radius**3)
    assert mesh.volume == pytest.approx(volume, rel=0.01)


def test_a_hollow_of_few_turned_points_goes() -> None:
    """Some points in a ball, a tenth of what would cover a hollow of their size, say that outside
    is between them."""
    ways = on_sphere(16, 1)
    mesh = _ball_with(0.03 * ways, -ways)
    assert mesh.body_count == 1
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.01)
