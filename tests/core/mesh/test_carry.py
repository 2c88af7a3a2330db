"""Meshes carried over to other surfaces keep their faces, lie on them, and have no folds."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from onet_core.mesh.carry import carried
from onet_core.mesh.nearest import nearest_on_mesh


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
    places = carried(source.vertices, source.faces, target.vertices, target.faces)
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
    places = carried(source.vertices, source.faces, target.vertices, target.faces)
    assert most_turned(places, source.faces) < 120


def test_a_mesh_on_the_surface_stays() -> None:
    source = ball(3)
    places = carried(source.vertices, source.faces, source.vertices, source.faces)
    np.testing.assert_allclose(places, source.vertices, atol=1e-9)
