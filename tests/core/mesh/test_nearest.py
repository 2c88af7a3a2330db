"""Nearest places of surfaces, the fit and the colours that follow from them; stray points."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.optimize import minimize

from onet_core.errors import InputError
from onet_core.inputs.outliers import stray_points
from onet_core.mesh.nearest import (
    barycentric,
    colours_from_mesh,
    colours_from_points,
    nearest_on_mesh,
    share_near,
)


def sphere_distance(points: np.ndarray) -> np.ndarray:
    return np.abs(np.linalg.norm(points, axis=1) - 1)


def test_distances_to_a_fine_sphere_are_those_of_the_formula() -> None:
    sphere = trimesh.creation.icosphere(5)
    points = np.random.default_rng(0).uniform(-2, 2, (500, 3))
    found = nearest_on_mesh(points, sphere.vertices, sphere.faces)
    # The triangles lie under the sphere by less than this.
    np.testing.assert_allclose(found.distances, sphere_distance(points), atol=5e-4)
    np.testing.assert_allclose(
        np.linalg.norm(found.places - points, axis=1), found.distances, atol=1e-12
    )


def test_corners_count_as_the_formula_says() -> None:
    random = np.random.default_rng(0)
    corners = random.normal(size=(200, 3, 3)) * np.exp(random.uniform(-6, 1, (200, 1, 1)))
    shares = random.dirichlet([1, 1, 1], 200)
    places = np.einsum("nk,nkc->nc", shares, corners)
    np.testing.assert_allclose(barycentric(corners, places), shares, atol=1e-9)


def test_triangles_of_all_sizes_are_found() -> None:
    random = np.random.default_rng(1)
    corners = random.normal(size=(60, 1, 3)) + random.normal(size=(60, 3, 3)) * np.exp(
        random.uniform(-6, 1, (60, 1, 1))
    )
    points = random.normal(size=(40, 3))
    found = nearest_on_mesh(points, corners.reshape(-1, 3), np.arange(180).reshape(-1, 3))

    def distance(point: np.ndarray, triangle: np.ndarray) -> float:
        """By numerical minimisation over the triangle's own coordinates."""

        def squared(weights: np.ndarray) -> float:
            place = triangle[0] + weights @ (triangle[1:] - triangle[0])
            return float(np.sum((place - point) ** 2))

        return min(
            np.sqrt(
                minimize(
                    squared, start, method="SLSQP", bounds=[(0, 1), (0, 1)],
                    constraints={"type": "ineq", "fun": lambda w: 1 - w.sum()},
                    options={"ftol": 1e-14},
                ).fun
            )
            for start in ([0.3, 0.3],)
        )  # fmt: skip

    for index in range(0, 40, 8):
        expected = min(distance(points[index], triangle) for triangle in corners)
        assert found.distances[index] == pytest.approx(expected, abs=1e-5)


def test_what_is_out_of_reach_is_not_found() -> None:
    vertices = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5], [5, 5, 5], [6, 6, 6]]
    faces = [[0, 1, 2], [3, 4, 5]]  # the second has no area
    found = nearest_on_mesh([[0.2, 0.2, 0.1], [0.2, 0.2, 3], [5, 5, 5]], vertices, faces, 1.0)
    assert found.faces.tolist() == [0, -1, -1]
    np.testing.assert_allclose(found.distances, [0.1, np.inf, np.inf])
    assert share_near([[0.2, 0.2, 0.1], [0.2, 0.2, 3]], vertices, faces, 0.1) == 0.5


def test_share_of_points_near_a_sphere() -> None:
    sphere = trimesh.creation.icosphere(4)
    random = np.random.default_rng(2)
    directions = random.normal(size=(50_000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    # Uniform in radius between 0.9 and 1.1: half of it is within 0.05.
    points = directions * random.uniform(0.9, 1.1, (50_000, 1))
    share = share_near(points, sphere.vertices, sphere.faces, 0.05)
    assert share == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize("reach", [0.01, 0.1, 0.4, 3.0])
@pytest.mark.parametrize("solid", [trimesh.creation.icosphere(3), trimesh.creation.box()])
def test_a_share_is_that_of_the_exact_distances(solid: trimesh.Trimesh, reach: float) -> None:
    """Also where faces are long and no vertex is near."""
    # A vertex of no face is no part of the surface.
    vertices = np.concatenate([solid.vertices, [[0.3, 0.2, 0.1]]])
    points = np.random.default_rng(0).uniform(-1, 1, (400, 3))
    points[:50] = solid.vertices[np.arange(50) % len(solid.vertices)]
    points[50:60] = vertices[-1]
    exact = nearest_on_mesh(points, vertices, solid.faces).distances
    assert share_near(points, vertices, solid.faces, reach) == (exact <= reach).mean()


def test_colours_come_from_the_nearest_point() -> None:
    points = np.random.default_rng(3).uniform(size=(200, 3))
    colours = np.random.default_rng(4).integers(0, 256, (200, 3), dtype=np.uint8)
    order = np.random.default_rng(5).permutation(200)
    found = colours_from_points(points[order] + 1e-6, points, colours)
    np.testing.assert_array_equal(found, colours[order])
    with pytest.raises(InputError, match="one colour"):
        colours_from_points(points, points, colours[:3])


def test_colours_of_a_mesh_blend_over_its_triangles() -> None:
    vertices = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    faces = [[0, 1, 2], [0, 2, 3]]
    # Red grows with x, green with y.
    corner = np.rint(255 * np.array(vertices)).astype(np.uint8)
    places = np.random.default_rng(6).uniform(0, 1, (100, 3)) * [1, 1, 0.1]
    found = colours_from_mesh(places, vertices, faces, corner[np.array(faces)])
    np.testing.assert_allclose(found[:, :2], 255 * places[:, :2], atol=0.51)
    assert not found[:, 2].any()
    with pytest.raises(InputError, match="no triangle with an area"):
        colours_from_mesh(places, vertices, [[0, 0, 1]], np.zeros((1, 3, 3), dtype=np.uint8))


@pytest.mark.parametrize("stray", [1, 20])
def test_stray_points_are_found_and_the_object_is_whole(stray: int) -> None:
    random = np.random.default_rng(7)
    # A scan that is ten times as dense on one side as on the other.
    surface = random.normal(size=(6000, 3))
    surface /= np.linalg.norm(surface, axis=1)[:, None]
    surface = surface[random.uniform(size=6000) < 0.55 + 0.45 * surface[:, 2]]
    far = random.uniform(-1, 1, (stray, 3))
    far *= (random.uniform(3, 6, stray) / np.linalg.norm(far, axis=1))[:, None]
    found = stray_points(np.concatenate([surface, far]))
    assert found[len(surface) :].all()
    assert found[: len(surface)].mean() < 0.002


def test_even_and_tiny_clouds_lose_nothing() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(6.0)] * 3), axis=-1).reshape(-1, 3)
    assert not stray_points(grid).any()
    assert not stray_points(grid[:3]).any()
    assert not stray_points(np.ones((50, 3))).any()
