"""What counts as inside: closed, torn and flat meshes against shapes with known volumes."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from simple_solids import ball, box, points, rng, triangles

from onet_core.errors import InputError
from training.data.build.normalise import Triangles, make_triangles, normalise
from training.data.build.occupancy import (
    THICKENINGS,
    THICKNESS,
    FloodFill,
    Solid,
    make_solid,
    turned_outwards,
)
from training.data.build.sampling import SurfaceSamples, sample_surface


def plate(width: float, depth: float) -> Triangles:
    """A single horizontal sheet."""
    x, z = width / 2, depth / 2
    corners = [[-x, 0, -z], [-x, 0, z], [x, 0, z], [x, 0, -z]]
    return make_triangles(corners, [[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize("method", ["auto", "winding", "floodfill"])
def test_a_ball(method: str) -> None:
    solid = make_solid(ball(0.45), method, rng())
    assert solid.method == ("winding" if method == "auto" else method)
    queries = points()
    distance = np.linalg.norm(queries, axis=1) - 0.45
    labels = solid.inside(queries)
    # The polyhedron lies a little inside of the ball, flood-filled solids up to a cell outside.
    slack = (-0.003, 0.0) if method != "floodfill" else (-0.003, np.sqrt(3) / 128)
    assert labels[distance < slack[0]].all()
    assert not labels[distance > slack[1]].any()
    assert solid.thin == 0
    assert solid.buried == 0


def test_a_box_that_lies_in_the_sides_of_the_cube_is_not_fattened() -> None:
    flood = FloodFill(triangles(box(1, 1, 1)))
    assert flood.solid.sum() == 128**3
    assert flood.enclosed == pytest.approx((126 / 128) ** 3)


def test_flipped_and_mixed_faces_are_turned() -> None:
    queries = points()
    inside = (np.abs(queries) < [0.5, 0.3, 0.2]).all(axis=1)
    right = triangles(box(1, 0.6, 0.4).subdivide())
    assert make_solid(right.flipped(), "auto", rng()).orientation == "flipped"
    faces = right.faces.copy()
    faces[::3] = faces[::3, ::-1]
    mixed = Triangles(right.vertices, faces, right.colours)
    for shape, orientation in ((right.flipped(), "flipped"), (mixed, "reoriented")):
        solid = make_solid(shape, "auto", rng())
        assert (solid.method, solid.orientation) == ("winding", orientation)
        np.testing.assert_array_equal(solid.inside(queries), inside)
    turned = turned_outwards(mixed).vector_areas()
    np.testing.assert_allclose(turned, right.vector_areas(), atol=1e-12)


def test_a_torn_box_is_flooded() -> None:
    """Two missing faces leave a hole smaller than a cell, and half of the rest look inwards."""
    mesh = box(1, 0.8, 0.6)
    for _ in range(8):
        top = (mesh.triangles_center[:, 1] > 0.39) & (mesh.face_normals[:, 1] > 0.9)
        middle = np.linalg.norm(mesh.triangles_center[:, [0, 2]], axis=1)
        nearest = np.argsort(np.where(top, middle, np.inf))[:2]
        mesh = mesh.subdivide(nearest)
    missing = np.argsort(np.linalg.norm(mesh.triangles_center - [0, 0.4, 0], axis=1))[:2]
    assert mesh.area_faces[missing].sum() < (1 / 128) ** 2
    faces = np.delete(mesh.faces, missing, axis=0)
    inwards = np.random.default_rng(0).random(len(faces)) < 0.5
    faces = np.where(inwards[:, None], faces[:, ::-1], faces)
    # Every face with corners of its own: nothing tells which ones belong together.
    soup = make_triangles(mesh.vertices[faces], np.arange(3 * len(faces)))
    solid = make_solid(soup, "floodfill", rng())
    queries = points()
    depth = (np.array([0.5, 0.4, 0.3]) - np.abs(queries)).min(axis=1)
    labels = solid.inside(queries)
    assert labels[depth > 0].all()
    assert not labels[depth < -1.5 / 128].any()


def test_loose_walls_around_two_rooms_are_flooded() -> None:
    """No part of it is closed and which side of a wall is outside can't be told from the wall."""
    room = box(0.3, 0.3, 0.3)
    middle = room.triangles.mean(axis=1, keepdims=True)
    apart = middle + 0.99 * (room.triangles - middle)  # gaps are narrower than a cell
    aside = np.array([0.35, 0, 0])
    corners = np.concatenate([apart - aside, apart + aside])
    flip = np.random.default_rng(0).random(len(corners)) < 0.5
    corners[flip] = corners[flip, ::-1]
    solid = make_solid(make_triangles(corners, np.arange(3 * len(corners))), "auto", rng())
    assert solid.method == "floodfill"
    queries = points()
    beside = np.abs(np.abs(queries[:, 0]) - 0.35)
    depth = 0.15 - np.maximum(beside, np.abs(queries[:, 1:]).max(axis=1))
    labels = solid.inside(queries)
    assert labels[depth > 0].all()
    assert not labels[depth < -1.5 / 128].any()


def test_a_box_without_its_lid() -> None:
    mesh = box(1, 0.8, 0.6)
    lid = mesh.face_normals[:, 1] > 0.9
    tray = make_triangles(mesh.vertices, mesh.faces[~lid])
    with pytest.raises(InputError, match="Neither"):
        make_solid(tray, "auto", rng())
    # By winding numbers the deep part of the tray is still inside, as a lid would be guessed.
    solid = make_solid(tray, "winding", rng())
    queries = points()
    labels = solid.inside(queries)
    inner = (np.abs(queries) < [0.45, 0.35, 0.25]).all(axis=1)
    assert labels[inner & (queries[:, 1] < -0.2)].all()
    assert not labels[queries[:, 1] > 0.4 + THICKNESS].any()


@pytest.mark.parametrize("method", ["winding", "floodfill"])
def test_a_sheet_gets_thickness(method: str) -> None:
    solid = make_solid(plate(1.0, 0.8), method, rng())
    near = np.array([0.45, 0.03, 0.35])
    queries = np.random.default_rng(2).uniform(-near, near, (40_000, 3))
    labels = solid.inside(queries)
    if method == "winding":
        assert solid.thin > 0.99
        # No holes between the samples, and exactly as thick as the original's.
        np.testing.assert_array_equal(labels, np.abs(queries[:, 1]) < THICKNESS)
    else:
        assert labels[np.abs(queries[:, 1]) < THICKNESS].all()
        assert not labels[np.abs(queries[:, 1]) > 2 / 128].any()


@pytest.mark.parametrize("method", ["winding", "floodfill"])
def test_thickness_rules(method: str) -> None:
    """A ball with a sheet beside it: fusion thickens both, thin the sheet only, none neither."""
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=0.2)
    sheet = plate(0.3, 0.3)
    aside = np.array([0.3, 0, 0])
    vertices = np.concatenate([sphere.vertices + aside, sheet.vertices - aside])
    shape = make_triangles(vertices, np.concatenate([sphere.faces, sheet.faces + 2562]))
    queries = np.random.default_rng(3).uniform(-0.55, 0.55, (200_000, 3))
    base = make_solid(shape, method, rng(), "none").inside(queries)
    distance = np.linalg.norm(queries - aside, axis=1) - 0.2
    around_ball = (distance > 0.002) & (distance < THICKNESS - 0.002)
    away = np.abs(queries + aside) - [0.15, 0, 0.15]
    around_sheet = (away[:, [0, 2]] < 0).all(axis=1) & (away[:, 1] < THICKNESS)
    labels = {rule: make_solid(shape, method, rng(), rule).inside(queries) for rule in THICKENINGS}
    assert labels["fusion"][around_ball].all()
    np.testing.assert_array_equal(labels["thin"][distance < 0.05], base[distance < 0.05])
    assert labels["thin"][around_sheet].all()
    assert labels["fusion"][around_sheet].all()
    np.testing.assert_array_equal(labels["none"], base)
    # Nothing is added further away than the thickness.
    added = labels["fusion"] & ~base
    assert not added[(distance > THICKNESS) & (queries[:, 0] > 0)].any()
    with pytest.raises(InputError, match="fusion"):
        make_solid(shape, method, rng(), "fat")


def test_thick_parts_stay_as_they_are_beside_sheets() -> None:
    block = box(0.4, 0.4, 0.4)
    sheet = plate(1.0, 0.3)
    aside = np.array([0.3, 0, 0])
    vertices = np.concatenate([block.vertices + aside, sheet.vertices - aside])
    faces = np.concatenate([block.faces, sheet.faces + len(block.vertices)])
    both = make_triangles(vertices, faces)
    solid = make_solid(both, "winding", rng())
    # Not rounded: no point lies exactly on a side of the block.
    queries = np.random.default_rng(5).uniform(-0.55, 0.55, (100_000, 3))
    labels = solid.inside(queries)
    in_block = (np.abs(queries - aside) < 0.2).all(axis=1)
    away = queries[:, 0] > 0.3  # right of the sheet's end
    np.testing.assert_array_equal(labels[away], in_block[away])
    assert labels[in_block].all()
    # The end of the sheet inside the block is buried: it is no part of the visible surface.
    assert solid.buried == pytest.approx(0.1 * 0.3 / (6 * 0.16 + 1.0 * 0.3), rel=0.1)
    surface = solid.surface(20_000, rng())
    assert len(surface) == 20_000
    assert not (np.abs(surface.points - aside) < 0.199).all(axis=1).any()
    # Both sides of the sheet count, and those of the block where the sheet does not end.
    on_block = (np.abs(surface.points - aside) < 0.2 + 1e-9).all(axis=1)
    assert on_block.mean() == pytest.approx(6 * 0.16 / (6 * 0.16 + 2 * 0.9 * 0.3), rel=0.05)


def is_on_surface(solid: Solid, samples: SurfaceSamples, step: float) -> np.ndarray:
    """Where a step outwards is outside and a step inwards inside, by the labels alone."""
    outside = ~solid.inside(samples.points + step * samples.normals)
    return outside & solid.inside(samples.points - step * samples.normals)


@pytest.mark.parametrize("rule", ["thin", "fusion"])
def test_the_surface_is_that_of_the_labels(rule: str) -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.4)
    shape = triangles(ball)
    solid = make_solid(shape, "winding", rng(), rule)
    surface = solid.surface(20_000, rng())
    radius = np.linalg.norm(surface.points, axis=1)
    expected = 0.4 + (THICKNESS if rule == "fusion" else 0)
    np.testing.assert_allclose(radius, expected, atol=0.002)  # an icosphere's faces lie within
    assert is_on_surface(solid, surface, 4e-4).mean() > 0.99
    outwards = (surface.points * surface.normals).sum(1) / radius
    assert outwards.min() > 0.98


def test_a_sheet_has_two_sides_its_thickness_apart() -> None:
    solid = make_solid(plate(1.0, 0.8), "winding", rng())
    surface = solid.surface(20_000, rng())
    height, up = surface.points[:, 1], surface.normals[:, 1]
    np.testing.assert_allclose(height, np.sign(up) * THICKNESS, atol=2e-4)
    assert (height > 0).mean() == pytest.approx(0.5, abs=0.02)
    # More than the first samples of the faces give, and as evenly spread.
    more = solid.surface(300_000, rng())
    assert len(more) == 300_000
    assert np.abs(more.points[:, 0]).mean() == pytest.approx(0.25, rel=0.02)


def test_a_flood_s_surface_is_that_of_its_cells() -> None:
    """A hollow box with thin walls: filled, up to a cell fat, and nothing of it is within."""
    walls = trimesh.util.concatenate([box(0.8, 0.6, 0.4), box(0.76, 0.56, 0.36)])
    solid = make_solid(triangles(walls), "floodfill", rng())
    surface = solid.surface(20_000, rng())
    assert is_on_surface(solid, surface, 4e-4).mean() > 0.95
    beyond = (np.abs(surface.points) - [0.4, 0.3, 0.2]).max(axis=1)
    assert beyond.min() > -1e-9
    assert beyond.max() < 1 / 128


def test_surface_samples_are_even() -> None:
    shape = triangles(box(1, 0.5, 0.25))
    samples = sample_surface(shape, 40_000, rng())
    on = np.isclose(np.abs(samples.points), [0.5, 0.25, 0.125], atol=1e-12)
    assert on.any(axis=1).all()
    outward = (samples.points * samples.normals).sum(axis=1)
    assert (outward > 0.12).all()
    share = (np.abs(samples.normals[:, 1]) > 0.5).mean()
    areas = np.array([0.5 * 0.25, 1 * 0.25, 1 * 0.5])
    assert share == pytest.approx(areas[1] / areas.sum(), abs=0.01)
    np.testing.assert_allclose(samples.points.mean(axis=0), 0, atol=0.01)


@pytest.mark.parametrize("up_axis", ["y", "z"])
def test_normalise(up_axis: str) -> None:
    mesh = box(2, 5, 3)
    mesh.apply_translation([10, -20, 30])
    vertices = np.concatenate([mesh.vertices, [[900, 900, 900]]])  # no face uses the last one
    shape, loc, scale = normalise(make_triangles(vertices, mesh.faces), up_axis)
    size = np.ptp(shape.corners.reshape(-1, 3), axis=0)
    assert scale == pytest.approx(5)
    if up_axis == "y":
        np.testing.assert_allclose(size, [0.4, 1, 0.6])
        np.testing.assert_allclose(loc + scale * shape.vertices, vertices)
    else:
        np.testing.assert_allclose(size, [0.4, 0.6, 1])
        np.testing.assert_allclose(loc, [-10, 30, -20])
    assert (shape.vector_areas() * shape.corners.mean(axis=1)).sum(axis=1).min() > 0


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        ([[0, 0, 0]], [], "no faces"),
        ([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], "area"),
        ([[0, 0, 0], [1, 0, 0], [0, np.nan, 0]], [[0, 1, 2]], "finite"),
        ([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 3]], "vertices"),
    ],
)
def test_unusable_meshes(vertices: list, faces: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_triangles(vertices, faces)
