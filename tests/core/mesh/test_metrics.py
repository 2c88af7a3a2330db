"""Metrics on shapes whose scores are known, and against trimesh."""

from __future__ import annotations

import math

import numpy as np
import pytest
import trimesh
from analytic_fields import REFERENCE, as_trimesh

from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import (
    evaluate_mesh,
    mesh_contains,
    sample_surface,
    surface_distance,
    volumetric_iou,
)

RNG_POINTS = np.random.default_rng(0).uniform(-0.55, 0.55, (100_000, 3))


def from_trimesh(solid: trimesh.Trimesh) -> Mesh:
    return Mesh(np.array(solid.vertices), np.array(solid.faces))


def ball(radius: float, subdivisions: int = 5) -> Mesh:
    return from_trimesh(trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius))


def box(extents: tuple[float, float, float]) -> Mesh:
    return from_trimesh(trimesh.creation.box(extents=extents))


def directions(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_spheres_of_two_radii() -> None:
    """Between concentric spheres every nearest point is at the difference of the radii."""
    inner, outer = 0.3, 0.4
    target = directions(20_000, 1)
    occupied = np.linalg.norm(RNG_POINTS, axis=1) <= outer
    scores = evaluate_mesh(
        ball(inner),
        RNG_POINTS,
        occupied,
        outer * target,
        target,
        samples=20_000,
        f_score_thresholds=(0.01, 0.11),
    )
    gap = outer - inner
    for name in ("accuracy", "completeness", "chamfer_l1"):
        assert scores[name] == pytest.approx(gap, rel=2e-3)
    for name in ("accuracy2", "completeness2", "chamfer_l2"):
        assert scores[name] == pytest.approx(gap**2, rel=4e-3)
    for name in ("normals_accuracy", "normals_completeness", "normal_consistency"):
        assert scores[name] == pytest.approx(1, abs=1e-3)
    assert scores["iou"] == pytest.approx((inner / outer) ** 3, abs=0.01)
    assert scores["f_score_0.01"] == 0
    assert scores["f_score_0.11"] == 1
    # The paper writes this Chamfer distance as 1.0: units of a tenth of the longest edge.
    assert 10 * scores["chamfer_l1"] == pytest.approx(1.0, rel=2e-3)


def test_boxes_of_two_heights() -> None:
    """Accuracy and completeness differ: the lower box's top is away, the higher one's sides too."""
    low, high = box((0.8, 0.8, 0.4)), box((0.8, 0.8, 0.8))
    surface, normals = sample_surface(high, 100_000, 3)
    occupied = (np.abs(RNG_POINTS) <= 0.4).all(axis=1)
    scores = evaluate_mesh(low, RNG_POINTS, occupied, surface, normals)
    assert scores["iou"] == pytest.approx(0.5, abs=0.01)
    noise = evaluate_mesh(high, RNG_POINTS, occupied, surface, normals)["chamfer_l1"]
    # Lower box: area 2 * 0.64 + 4 * 0.32; its top and bottom are off by 0.2 where the sides are
    # no nearer: mean of min(0.2, distance to the side) over a square of half side 0.4.
    side = np.linspace(-0.4, 0.4, 1601)
    to_side = 0.4 - np.maximum(np.abs(side[:, None]), np.abs(side))
    lid = np.minimum(0.2, to_side).mean()
    assert scores["accuracy"] == pytest.approx(lid * 1.28 / (1.28 + 1.28), rel=0.03, abs=noise)
    # Higher box: area 2 * 0.64 + 4 * 0.64. Lids are 0.2 away; sides beyond the lower box by their
    # height over it, 0.1 on average, over half their area.
    expected = (0.2 * 1.28 + 0.1 * 1.28) / (1.28 + 2.56)
    assert scores["completeness"] == pytest.approx(expected, rel=0.03, abs=noise)
    assert scores["completeness"] > 1.3 * scores["accuracy"]


def test_a_mesh_against_itself_is_perfect_but_for_the_sampling() -> None:
    mesh = box((0.5, 0.7, 0.9))
    surface, normals = sample_surface(mesh, 100_000, 11)
    occupied = as_trimesh(mesh).contains(RNG_POINTS)
    scores = evaluate_mesh(mesh, RNG_POINTS, occupied, surface, normals)
    assert scores["iou"] == 1
    # Two samples of 100,000 points on this area: half the mean spacing, 0.5 / sqrt(density).
    spacing = 0.5 * math.sqrt(as_trimesh(mesh).area / 100_000)
    assert scores["chamfer_l1"] == pytest.approx(spacing, rel=0.05)
    assert scores["normal_consistency"] > 0.99  # Near an edge the nearest may lie around it.
    assert scores["f_score_0.01"] > 0.999


def test_distances_equal_a_plain_loop() -> None:
    generator = np.random.default_rng(4)
    one, other = generator.normal(size=(70, 3)), generator.normal(size=(50, 3))
    one_normals, other_normals = generator.normal(size=(70, 3)), generator.normal(size=(50, 3))
    result = surface_distance(one, other, one_normals, other_normals)

    def plain(a: np.ndarray, b: np.ndarray, a_n: np.ndarray, b_n: np.ndarray) -> tuple[float, ...]:
        lengths, alignments = [], []
        for point, normal in zip(a, a_n, strict=True):
            away = np.linalg.norm(b - point, axis=1)
            nearest = away.argmin()
            lengths.append(away[nearest])
            cosine = normal @ b_n[nearest] / np.linalg.norm(normal) / np.linalg.norm(b_n[nearest])
            alignments.append(abs(cosine))
        squared = np.square(lengths).mean()
        return float(np.mean(lengths)), float(squared), float(np.mean(alignments))

    forth = plain(one, other, one_normals, other_normals)
    back = plain(other, one, other_normals, one_normals)
    assert (result.accuracy, result.accuracy_squared, result.normals_accuracy) == pytest.approx(
        forth
    )
    assert (
        result.completeness,
        result.completeness_squared,
        result.normals_completeness,
    ) == pytest.approx(back)
    assert result.chamfer_l1 == pytest.approx((forth[0] + back[0]) / 2)
    assert result.chamfer_l2 == pytest.approx((forth[1] + back[1]) / 2)
    assert result.normal_consistency == pytest.approx((forth[2] + back[2]) / 2)


def test_normals_count_without_their_sign_and_may_be_missing() -> None:
    points = directions(500, 0)
    assert surface_distance(
        points, points, points, -3 * points
    ).normal_consistency == pytest.approx(1)
    assert math.isnan(surface_distance(points, points).normal_consistency)
    with pytest.raises(ValueError, match="both sides"):
        surface_distance(points, np.zeros((0, 3)))


def test_f_score_is_the_harmonic_mean() -> None:
    target = np.array([[0.0, 0, 0], [1, 0, 0]])
    predicted = np.array([[0.0, 0.005, 0], [0, 0.2, 0], [0, 0.3, 0], [0, 0.4, 0]])
    result = surface_distance(predicted, target)
    assert result.f_score(0.01) == pytest.approx(2 * 0.25 * 0.5 / 0.75)
    assert result.f_score(0.005) == 0  # Closer than the threshold, not as close.
    assert result.f_score(2.0) == 1


@pytest.mark.parametrize("count", [1, 1000])
def test_samples_lie_on_the_mesh_with_its_normals(count: int) -> None:
    mesh = box((0.2, 0.4, 0.8))
    points, normals = sample_surface(mesh, count, seed=2)
    assert points.shape == normals.shape == (count, 3)
    half = np.array([0.1, 0.2, 0.4])
    on_side = np.isclose(np.abs(points), half)
    assert on_side.any(axis=1).all()
    assert (np.abs(points) <= half + 1e-12).all()
    axis = np.abs(normals).argmax(axis=1)
    rows = np.arange(count)
    assert np.allclose(points[rows, axis], half[axis] * np.sign(normals[rows, axis]))


def test_samples_are_spread_by_area() -> None:
    mesh = box((0.2, 0.4, 0.8))
    _, normals = sample_surface(mesh, 200_000, seed=2)
    share = (np.abs(normals) > 0.5).mean(axis=0)
    areas = np.array([0.32, 0.16, 0.08])
    assert share == pytest.approx(areas / areas.sum(), abs=0.005)
    # Within a face too: as much in each quarter of the largest side.
    points, normals = sample_surface(mesh, 200_000, seed=3)
    side = points[normals[:, 0] > 0.5]
    quarter = (side[:, 1] > 0) * 2 + (side[:, 2] > 0)
    assert np.bincount(quarter) / len(side) == pytest.approx([0.25] * 4, abs=0.01)


def test_faces_without_area_are_not_sampled() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0]])
    mesh = Mesh(vertices, np.array([[0, 1, 3], [0, 1, 2], [1, 0, 3]]))
    points, normals = sample_surface(mesh, 1000)
    assert np.allclose(normals, [0, 0, 1])
    assert (points.sum(axis=1) <= 1 + 1e-12).all()
    with pytest.raises(ValueError, match="no area"):
        sample_surface(Mesh(vertices, np.array([[0, 1, 3]])), 10)


@pytest.mark.parametrize("name", ["verts_u2", "simp_verts"])
def test_inside_equals_trimesh_on_the_toy_mesh(name: str) -> None:
    with np.load(REFERENCE / "toy_mesh.npz") as data:
        mesh = Mesh(data[name], data[name.replace("verts", "faces")].astype(np.int64))
    solid = as_trimesh(mesh)
    points = RNG_POINTS[:20_000]
    assert np.array_equal(mesh_contains(mesh, points), solid.contains(points))


@pytest.mark.parametrize("seed", range(3))
def test_inside_equals_a_plain_loop(seed: int) -> None:
    """Random triangles, no closed surface at all: the rule is followed to the letter."""
    generator = np.random.default_rng(seed)
    mesh = Mesh(generator.uniform(-1, 1, (60, 3)), generator.integers(0, 60, (120, 3)))
    points = generator.uniform(-1.1, 1.1, (400, 3))
    expected = []
    corner = mesh.vertices[mesh.faces]
    low, high = corner.min(axis=(0, 1)), corner.max(axis=(0, 1))
    for point in points:
        crossings = [0, 0]
        for a, b, c in corner:
            area = np.linalg.det([b[:2] - a[:2], c[:2] - a[:2]])
            if area == 0:
                continue
            u = np.linalg.det([point[:2] - a[:2], c[:2] - a[:2]]) / area
            v = np.linalg.det([b[:2] - a[:2], point[:2] - a[:2]]) / area
            if u > 0 and v > 0 and u + v < 1:
                height = a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2])
                crossings[int(height >= point[2])] += 1
        within = ((point >= low) & (point <= high)).all()
        expected.append(within and crossings[0] % 2 == 1 and crossings[1] % 2 == 1)
    assert any(expected)
    assert mesh_contains(mesh, points).tolist() == expected


def test_inside_of_many_points_goes_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = ball(0.4, 3)
    whole = mesh_contains(mesh, RNG_POINTS)
    monkeypatch.setattr("onet_core.mesh.metrics._PAIRS_AT_ONCE", 1000)
    assert np.array_equal(mesh_contains(mesh, RNG_POINTS[:5000]), whole[:5000])
    radius = np.linalg.norm(RNG_POINTS, axis=1)
    sure = np.abs(radius - 0.4) > 0.005
    assert np.array_equal(whole[sure], radius[sure] < 0.4)


def test_nothing_is_inside_nothing() -> None:
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    assert not mesh_contains(empty, RNG_POINTS[:10]).any()
    assert mesh_contains(ball(0.3, 1), np.zeros((0, 3))).shape == (0,)
    assert not mesh_contains(ball(0.3, 1), RNG_POINTS[:100] + 5).any()


def test_iou_of_sets() -> None:
    one = np.array([1, 1, 1, 0, 0], dtype=bool)
    other = np.array([0.9, 0.5, 0.49, 0.7, 0.0])
    assert volumetric_iou(one, other) == pytest.approx(2 / 4)
    batch = volumetric_iou(np.stack([one, one]), np.stack([other, one.astype(float)]))
    assert batch == pytest.approx([0.5, 1.0])
    assert math.isnan(volumetric_iou(np.zeros(4), np.zeros(4)))  # As in the original.
    with pytest.raises(ValueError, match="one shape"):
        volumetric_iou(np.zeros(4), np.zeros(5))


def test_an_empty_mesh_scores_as_in_the_original() -> None:
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    target = directions(100, 0)
    scores = evaluate_mesh(empty, RNG_POINTS[:50], np.ones(50), target, target)
    assert scores["iou"] == 0
    assert scores["accuracy"] == scores["completeness"] == scores["chamfer_l1"] == math.sqrt(3)
    assert scores["accuracy2"] == scores["completeness2"] == scores["chamfer_l2"] == 3
    assert scores["normals_accuracy"] == scores["normals_completeness"] == -1
    assert scores["normal_consistency"] == -1
    assert scores["f_score_0.01"] == 0
    full = evaluate_mesh(ball(0.3, 2), RNG_POINTS[:50], np.ones(50), target, target, samples=100)
    assert full.keys() == scores.keys()


def test_seeds_make_scores_repeatable() -> None:
    target = directions(1000, 0)
    first, again, other = (
        evaluate_mesh(ball(0.4, 2), RNG_POINTS[:500], np.ones(500), target, None, seed, samples=500)
        for seed in (0, 0, 1)
    )
    assert first["chamfer_l1"] == again["chamfer_l1"] != other["chamfer_l1"]
    assert math.isnan(first["normal_consistency"])
