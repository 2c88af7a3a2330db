"""Scans of which it is known where their scanners stood: of a room, and of convex things."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from onet_core.inputs.observation import Normals
from onet_core.inputs.point_clouds import prepare_points
from onet_core.pipeline.job import Job, Result, run
from onet_core.scans.sight import are_from_there
from onet_core.settings import Settings

FloatArray = NDArray[np.float64]
Seen = tuple[FloatArray, FloatArray]

STAND = np.array([2.0, 1.5, 1.6])


def _empty_room(count: int) -> Seen:
    """What a scanner sees that stands in an empty room, z up, of 5 by 4 by 2.5 metres, but for
    what is below its tripod; and from each point the way there."""
    room = trimesh.creation.box(bounds=[(0, 0, 0), (5, 4, 2.5)])
    points = np.asarray(trimesh.sample.sample_surface(room, 2 * count, seed=0)[0])
    sights = STAND - points
    is_seen = sights[:, 2] < 0.9 * np.linalg.norm(sights, axis=1)
    return points[is_seen][:count], sights[is_seen][:count]


def _around(mesh: trimesh.Trimesh, count: int) -> Seen:
    """What four scanners around a convex thing see of it, one after the other: what faces them."""
    found = []
    for number, stand in enumerate([(2, 0.3, 0.5), (-0.4, 1.9, 0.5), (-2, 0.1, 0.7), (0.2, -2, 1)]):
        points, faces = trimesh.sample.sample_surface(mesh, count, seed=number)
        sights = np.array(stand) - points
        is_seen = np.einsum("ni,ni->n", sights, mesh.face_normals[faces]) > 0
        found.append((points[is_seen], sights[is_seen]))
    points, sights = (np.concatenate(some) for some in zip(*found, strict=True))
    return points, sights


def _made(points: FloatArray, normals: Normals | None = None) -> Result:
    settings = Settings(resolution=64, normals=False)
    return run(Job(kind="points", points=points, normals=normals, settings=settings, device="cpu"))


def test_scanners_see_what_they_scanned() -> None:
    points, sights = _around(trimesh.creation.box((0.9, 0.8, 0.6)), 8_000)
    assert are_from_there(points, sights)
    # One of them saw it all: three quarters of that are hidden from there.
    assert not are_from_there(points, points[0] + sights[0] - points)


def test_a_few_points_say_nothing() -> None:
    points, sights = _empty_room(250)
    assert not are_from_there(points / 5, sights / 5)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_places_that_are_no_numbers_are_not_believed(value: float) -> None:
    points, sights = _empty_room(500)
    assert are_from_there(points / 5, sights / 5)
    sights[:, 0] = value
    assert not are_from_there(points / 5, sights / 5)


@pytest.mark.parametrize("up_axis", ["z", "y", "-x"])
def test_sights_follow_their_points_into_the_networks_frame(up_axis: str) -> None:
    points, sights = _empty_room(500)
    stand = points[0] + sights[0]
    found = prepare_points(points, up_axis, normals=Normals(sights, are_sights=True))
    assert found.normals is not None
    wanted = np.tile(found.frame.to_network(stand[None]), (len(points), 1))
    np.testing.assert_allclose(found.data + found.normals.directions, wanted, atol=1e-6)


def test_an_empty_room_faces_its_scanner() -> None:
    """Without knowing where that stood it is a box, seen from outside."""
    points, sights = _empty_room(30_000)
    result = _made(points, Normals(sights, are_sights=True))
    mesh = trimesh.Trimesh(result.made.mesh.vertices, result.made.mesh.faces, process=False)
    toward = STAND - mesh.triangles_center
    assert (np.einsum("fi,fi->f", mesh.face_normals, toward) > 0).mean() > 0.99
    # It ends below the tripod.
    below = np.linalg.norm((mesh.triangles_center - [2, 1.5, 0])[:, :2], axis=1) < 0.4
    assert not (below & (mesh.triangles_center[:, 2] < 0.2)).any()
    notes = [note.template for note in result.findings.notes]
    assert "The file says where the scanner stood: what it saw faces it" in notes
    alone = _made(points).made.mesh
    assert trimesh.Trimesh(alone.vertices, alone.faces, process=False).volume > 45


def test_a_thing_seen_from_all_around_is_a_solid() -> None:
    ball = trimesh.creation.icosphere(5, 0.45)
    points, sights = _around(ball, 20_000)
    made = _made(points, Normals(sights, are_sights=True)).made
    mesh = trimesh.Trimesh(made.mesh.vertices, made.mesh.faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(ball.volume, rel=0.02)


def test_places_from_where_the_points_cannot_be_seen_are_not_believed() -> None:
    points, _ = _around(trimesh.creation.box((0.9, 0.8, 0.6)), 20_000)
    wrong = Normals(np.array([3.0, 0, 0]) - points, are_sights=True)
    found, plain = _made(points, wrong), _made(points)
    assert any("can't have been seen" in note.template for note in found.findings.notes)
    np.testing.assert_array_equal(found.made.mesh.vertices, plain.made.mesh.vertices)
