"""Meshes carried over to other surfaces keep their faces, lie on them, and have no folds."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from onet_core.mesh.carry import Carrier
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
    elif name == "horn":
        return horned(0.35)
    return trimesh.Trimesh(places, made.faces, process=False)


def horned(length: float) -> trimesh.Trimesh:
    """A ball with a blunt horn of this length."""
    made = ball()
    places = made.vertices.copy()
    near = np.linalg.norm(places[:, :2], axis=1) / 0.15
    places[:, 2] += np.where(places[:, 2] > 0, length * np.exp(-(near**4)), 0)
    return trimesh.Trimesh(places, made.faces, process=False)


@pytest.mark.parametrize("name", ["flat", "waist", "horn"])
def test_no_folds_and_on_the_surface(name: str) -> None:
    source, target = ball(), other(name)
    places = Carrier(source.vertices, source.faces).onto(target.vertices, target.faces)
    assert places.shape == source.vertices.shape
    for part in (0.25, 0.5, 0.75, 1):
        between = source.vertices + part * (places - source.vertices)
        assert most_turned(between, source.faces) < 120
    distances = nearest_on_mesh(places, target.vertices, target.faces).distances
    assert distances.mean() < 0.001
    assert distances.max() < 0.02
    # The whole of it is covered: distances the other way round.
    back = nearest_on_mesh(target.vertices, places, source.faces).distances
    assert back.mean() < 0.005
    assert back.max() < 0.05


def test_nearest_places_alone_would_fold() -> None:
    """What is prevented, where a ball is far from what it goes to."""
    source, target = ball(), other("stairs")
    places = nearest_on_mesh(source.vertices, target.vertices, target.faces).places
    assert most_turned(places, source.faces) > 120
    places = Carrier(source.vertices, source.faces).onto(target.vertices, target.faces)
    assert most_turned(places, source.faces) < 120


def test_parts_vanish_without_a_trace() -> None:
    source, target = horned(0.35), ball()
    carrier = Carrier(source.vertices, source.faces)
    before = carrier.places
    places = carrier.onto(target.vertices, target.faces)
    assert most_turned(places, source.faces) < 120
    assert most_turned((places + before) / 2, source.faces) < 120
    assert nearest_on_mesh(places, target.vertices, target.faces).distances.max() < 0.02


@pytest.mark.parametrize("size", [0.4, 1])
def test_a_hole_that_closes_leaves_no_folds(size: float) -> None:
    """A ring can't lie on a ball without parts that nothing draws, and goes on from there."""
    source = trimesh.creation.torus(0.3, 0.08, major_sections=64, minor_sections=24)
    carrier = Carrier(source.vertices, source.faces)
    before = carrier.places
    for target in (ball(3).apply_scale(size), ball(3)):
        places = carrier.onto(target.vertices, target.faces)
        assert most_turned(places, source.faces) < 120
        assert most_turned((places + before) / 2, source.faces) < 120
        before = places


def test_folds_are_opened_before_the_way_begins() -> None:
    """Two neighbours of a flat sheet that changed places."""
    sheet = trimesh.creation.box(extents=(0.8, 0.8, 0.1)).subdivide_to_size(0.06)
    places, faces = np.array(sheet.vertices), np.asarray(sheet.faces)
    middle = np.argmin(np.linalg.norm(places - [0, 0, 0.05], axis=1))
    places[middle] += [0.07, 0, 0]
    assert most_turned(places, faces) > 120
    opened = Carrier(places, faces).places
    assert most_turned(opened, faces) < 120
    moved = np.linalg.norm(opened - places, axis=1)
    assert np.count_nonzero(moved > 1e-6) < 80
    assert moved.max() < 0.12


def test_a_mesh_on_the_surface_stays() -> None:
    source = ball(3)
    places = Carrier(source.vertices, source.faces).onto(source.vertices, source.faces)
    np.testing.assert_allclose(places, source.vertices, atol=1e-9)
