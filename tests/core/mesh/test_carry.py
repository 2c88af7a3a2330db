"""Meshes carried over to other surfaces keep their faces, lie on them, and have no folds."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from onet_core.mesh.carry import Carrier
from onet_core.mesh.nearest import nearest_on_mesh
from onet_core.mesh.unfold import Unfolding


def ball(subdivisions: int = 4) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=subdivisions, radius=0.4)


def most_turned(vertices: np.ndarray, faces: np.ndarray) -> float:
    """The largest angle between the normals of neighbouring faces, in degrees."""
    made = trimesh.Trimesh(vertices, faces, process=False)
    return float(np.degrees(made.face_adjacency_angles.max()))


def other(name: str) -> trimesh.Trimesh:
    """Surfaces that a ball folds on when each vertex goes to the nearest place."""
    made = ball()
    places = made.vertices.copy()
    if name == "flat":
        places *= [1, 1, 0.1]
    elif name == "waist":
        places[:, :2] *= (0.25 + 2 * np.abs(places[:, 2]))[:, None]
    elif name == "stairs":
        outline = np.array([(-4, -3), (4, -3), (4, 4), (1, 4), (1, -1), (-4, -1)]) / 10
        triangles = [(0, 4, 5), (0, 1, 4), (1, 2, 4), (2, 3, 4)]
        solid = trimesh.creation.extrude_triangulation(outline, triangles, height=0.5)
        solid.apply_translation((0, 0, -0.25))
        return solid
    return trimesh.Trimesh(places, made.faces, process=False)


@pytest.mark.parametrize("name", ["flat", "waist"])
def test_no_folds_and_on_the_surface(name: str) -> None:
    source, target = ball(), other(name)
    places = Carrier(source.vertices, source.faces).onto(target.vertices, target.faces)
    assert places.shape == source.vertices.shape
    assert most_turned(places, source.faces) < 120
    distances = nearest_on_mesh(places, target.vertices, target.faces).distances
    assert distances.mean() < 0.001
    assert distances.max() < 0.02
    # The whole of it is covered: distances the other way round.
    back = nearest_on_mesh(target.vertices, places, source.faces).distances
    assert back.mean() < 0.005


def test_nearest_places_alone_would_fold() -> None:
    """What is prevented: the same way without evening out."""
    source, target = ball(), other("stairs")
    places = nearest_on_mesh(source.vertices, target.vertices, target.faces).places
    assert most_turned(places, source.faces) > 120
    places = Carrier(source.vertices, source.faces).onto(target.vertices, target.faces)
    assert most_turned(places, source.faces) < 120


def test_a_mesh_on_the_surface_stays() -> None:
    source = ball(3)
    places = Carrier(source.vertices, source.faces).onto(source.vertices, source.faces)
    np.testing.assert_allclose(places, source.vertices, atol=1e-9)


def pinched() -> tuple[trimesh.Trimesh, trimesh.Trimesh]:
    """A ball with a long thin horn, and the ball: the horn has nowhere to go."""
    made = ball()
    places = made.vertices.copy()
    near = places[:, 2] > 0.3
    places[near] *= 1 + 4 * ((places[near, 2] - 0.3) / 0.1)[:, None] ** 2
    return trimesh.Trimesh(places, made.faces, process=False), made


def test_a_part_that_vanishes_leaves_no_folds() -> None:
    source, target = pinched()
    places = Carrier(source.vertices, source.faces).onto(target.vertices, target.faces)
    assert most_turned(np.float32(places), source.faces) < 120
    distances = nearest_on_mesh(places, target.vertices, target.faces).distances
    assert distances.mean() < 0.005


def test_faces_that_lie_on_their_neighbours_are_turned_back() -> None:
    """A sheet of which one vertex was moved over the triangles beside it."""
    count = 9
    row, column = np.mgrid[0:count, 0:count].astype(np.float64)
    flat = np.stack([column, row, np.zeros_like(row)], axis=-1).reshape(-1, 3)
    corner = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    lower = np.stack([corner, corner + 1, corner + count], axis=1)
    upper = np.stack([corner + 1, corner + count + 1, corner + count], axis=1)
    faces = np.concatenate([lower, upper])
    places = flat.copy()
    places[4 * count + 4] += [1.7, 0.2, 0.01]
    assert most_turned(places, faces) > 170
    made = Unfolding(len(flat), faces).unfolded(places)
    assert most_turned(np.float32(made), faces) < 120
    # What is far from it stays.
    far = np.abs(flat[:, :2] - 4).max(axis=1) >= 4
    np.testing.assert_array_equal(made[far], places[far])
