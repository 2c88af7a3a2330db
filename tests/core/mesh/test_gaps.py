"""Surfaces of scans that are open, against caps of balls in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from onet_core.inputs.point_clouds import prepare_points
from onet_core.inputs.symmetry.completion import completed
from onet_core.mesh.gaps import faces_in_gaps, with_gaps, without_folds
from onet_core.mesh.mesh import Mesh
from onet_core.pipeline.job import Job, run
from onet_core.pipeline.reconstructor import COMPLETED
from onet_core.settings import Settings


def _ball() -> Mesh:
    made = trimesh.creation.icosphere(5, radius=0.5)
    return Mesh(made.vertices.astype(np.float32), made.faces.astype(np.int32))


def _cap(count: int, lowest: float) -> np.ndarray:
    """Points on the part of the same ball above a height, evenly."""
    rng = np.random.default_rng(0)
    height, angle = rng.uniform(lowest, 0.5, count), rng.uniform(0, 2 * np.pi, count)
    ring = np.sqrt(0.25 - height**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1)


def test_what_lies_in_a_gap_is_left_out() -> None:
    ball, points = _ball(), _cap(20_000, 0.1)
    opened = with_gaps(ball, points, 4)
    # Archimedes: a zone's area goes with its height. Four spacings below the rim stay.
    spacing = np.sqrt(np.pi * 0.4 / len(points))
    lowest = 0.5 * np.sin(np.arcsin(0.1 / 0.5) - 4 * spacing / 0.5)
    area = trimesh.Trimesh(opened.vertices, opened.faces).area
    assert area == pytest.approx(np.pi * (0.5 - lowest), rel=0.03)
    # A point's spacing, by eight neighbours, is up to twice the mean at a rim.
    assert opened.vertices[:, 2].min() > 0.1 - 2 * 4 * spacing - 0.02
    assert len(np.unique(opened.faces)) == len(opened.vertices)


def test_nothing_is_left_out_of_what_is_full() -> None:
    ball = _ball()
    assert not faces_in_gaps(ball, _cap(20_000, -0.5), 4).any()
    assert np.array_equal(with_gaps(ball, _cap(20_000, -0.5), 4).faces, ball.faces)


def test_nothing_is_left_far_from_all_points() -> None:
    assert with_gaps(_ball(), _cap(2_000, 0.49) + 5, 2).is_empty


@pytest.mark.parametrize("count", [2_000, 26_000])
def test_an_open_scan_stays_open(count: int) -> None:
    """Half a ball, as a sparse and as a dense scan: a rim of one loop, where the points end."""
    points = _cap(count, 0.0)
    settings = Settings(resolution=48, open_gaps=4, normals=False)
    made = run(Job(points=points, settings=settings)).made.mesh
    mesh = trimesh.Trimesh(made.vertices, made.faces, process=False)
    assert not mesh.is_watertight
    spacing = np.sqrt(np.pi * 0.5 / count)
    # A point's spacing is up to twice the mean at a rim; a face is a cell of 1.1 / 48 wide.
    assert cKDTree(points).query(mesh.triangles_center)[0].max() < 2 * 4 * spacing + 0.023
    closed = run(Job(points=points, settings=Settings(resolution=48, normals=False))).made.mesh
    assert trimesh.Trimesh(closed.vertices, closed.faces, process=False).is_watertight


def _valley(count: int, with_a_hole: bool) -> np.ndarray:
    """Ground, z up, that is like its mirror image, but for what one side may lack."""
    places = np.random.default_rng(0).uniform(-0.5, 0.5, (count, 2))
    if with_a_hole:
        places = places[np.linalg.norm(places - [0.25, 0.1], axis=1) > 0.08]
    heights = 0.1 * np.cos(8 * places[:, 0]) + 0.03 * np.sin(9 * places[:, 1])
    return np.column_stack([places, heights])


@pytest.mark.parametrize("count", [3_000, 26_000])
def test_ground_stays_open_unless_that_is_not_wanted(count: int) -> None:
    points = _valley(count, with_a_hole=False)
    found = run(Job(points=points, settings=Settings(resolution=48, normals=False))).made
    made = trimesh.Trimesh(found.mesh.vertices, found.mesh.faces, process=False)
    assert not made.is_watertight
    spacing = np.sqrt(1.3 / len(points))
    assert cKDTree(points).query(made.vertices)[0].max() < 2 * 4 * spacing
    # It was seen from above.
    assert (made.face_normals[:, 2] > 0).mean() > 0.99
    assert any("The scan is open" in str(note) for note in found.notes)
    settings = Settings(resolution=48, normals=False, open_gaps=10_000)
    mesh = run(Job(points=points, settings=settings)).made.mesh
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).is_watertight


@pytest.mark.parametrize("places", [lambda x: x, lambda x: 0 * x])
def test_ground_is_not_filled_from_its_mirror_image(places) -> None:  # type: ignore[no-untyped-def]
    points = _valley(30_000, with_a_hole=True)
    points[:, 2] = places(points[:, 2])
    assert completed(prepare_points(points, "z"), lambda places: np.ones(len(places))) is not None
    made = run(Job(points=points, settings=Settings(resolution=48, normals=False))).made
    assert COMPLETED not in made.notes
    mesh = trimesh.Trimesh(made.mesh.vertices, made.mesh.faces, process=False)
    rim = np.linalg.norm(points[:, :2] - [0.25, 0.1], axis=1) < 0.09
    middle = [0.25, 0.1, points[rim, 2].mean()]
    assert np.linalg.norm(mesh.vertices - middle, axis=1).min() > 0.03


def test_what_folds_back_behind_the_points_is_left_out() -> None:
    """Of a slab whose upper side was scanned that side stays, and goes on in its plane."""
    slab = trimesh.creation.box((1.4, 1.4, 0.2)).subdivide_loop(0)
    for _ in range(5):
        slab = slab.subdivide()
    places = np.random.default_rng(0).uniform(-0.5, 0.5, (4_000, 2))
    points = np.column_stack([places, np.full(4_000, 0.1)])
    spacing = np.full(4_000, 0.016)
    mesh = Mesh(slab.vertices.astype(np.float32), slab.faces.astype(np.int32))
    found = without_folds(mesh, points, np.tile([0.0, 0.0, 1.0], (4_000, 1)), spacing)
    made = trimesh.Trimesh(found.vertices, found.faces, process=False)
    # A ring of sides is left where the slope is less than 30 degrees: none.
    assert made.vertices[:, 2].min() > 0.1 - 0.05
    assert made.area == pytest.approx(1.4**2, rel=0.03)
