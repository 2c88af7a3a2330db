"""Pieces of a surface, judged by trimesh, which splits meshes in its own way."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from onet_core.errors import InputError
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.parts import (
    count_parts,
    without_artefacts,
    without_flakes,
    without_islands,
    without_specks,
)
from onet_core.settings import Settings

RADII = (1.0, 0.5, 0.1)


def balls() -> Mesh:
    """Three balls, the small ones first; normals and colours tell each vertex's place."""
    whole = trimesh.util.concatenate([
        trimesh.creation.icosphere(2, radius).apply_translation([4 * radius, 0, 0])
        for radius in sorted(RADII)
    ])  # fmt: skip
    vertices = np.asarray(whole.vertices)
    colours = (np.arange(len(vertices))[:, None] % [251, 13, 7]).astype(np.uint8)
    return Mesh(vertices, np.asarray(whole.faces), np.asarray(whole.vertex_normals), colours)


def share(radius: float) -> float:
    return radius**2 / sum(other**2 for other in RADII)


@pytest.mark.parametrize(
    ("least", "left"),
    [(0.001, 3), (0.99 * share(0.1), 3), (1.01 * share(0.1), 2), (1.01 * share(0.5), 1), (1.0, 1)],
)
def test_islands_below_the_share_go(least: float, left: int) -> None:
    before = balls()
    made = without_islands(before, least)
    pieces = trimesh.Trimesh(made.vertices, made.faces, process=False).split()
    assert len(pieces) == left
    assert all(piece.is_watertight for piece in pieces)
    biggest = sorted(RADII)[-left:]
    wanted = sorted(trimesh.creation.icosphere(2, radius).area for radius in biggest)
    np.testing.assert_allclose(sorted(piece.area for piece in pieces), wanted)


def test_what_stays_keeps_its_order_normals_and_colours() -> None:
    before = balls()
    made = without_islands(before, 1.0)
    kept = slice(-len(made.vertices), None)  # the largest ball came last
    np.testing.assert_array_equal(made.vertices, before.vertices[kept])
    np.testing.assert_array_equal(made.normals, before.normals[kept])
    np.testing.assert_array_equal(made.colours, before.colours[kept])
    assert made.faces.dtype == before.faces.dtype


def test_one_piece_and_nothing_stay_as_they_are() -> None:
    ball = trimesh.creation.icosphere(2)
    whole = Mesh(np.asarray(ball.vertices), np.asarray(ball.faces))
    assert without_islands(whole, 1.0) is whole
    empty = Mesh(np.empty((0, 3)), np.empty((0, 3), np.int32))
    assert without_islands(empty, 0.5) is empty
    assert count_parts(empty) == 0


def test_the_setting_is_a_share_and_off_by_itself() -> None:
    assert Settings().remove_islands is None
    assert Settings(remove_islands=1).remove_islands == 1.0
    for bad in (0, -0.1, 1.5):
        with pytest.raises(InputError, match="Small Islands"):
            Settings(remove_islands=bad)


@pytest.mark.parametrize(("size", "left"), [(0.1, 3), (0.9, 2), (1.9, 1), (5.0, 3)])
def test_specks_below_the_size_go(size: float, left: int) -> None:
    """Balls 0.2, 1 and 2 wide; where all are too small, all stay."""
    made = without_specks(balls(), size)
    assert len(trimesh.Trimesh(made.vertices, made.faces, process=False).split()) == left


@pytest.mark.parametrize(("fewest", "left"), [(3, 3), (4, 2), (21, 1)])
def test_pieces_of_few_points_go(fewest: int, left: int) -> None:
    """Of balls through 3, 20 and 2 points, the largest stays, as small as it is in points."""
    counts = {0.1: 3, 0.5: 20, 1.0: 2}
    random = np.random.default_rng(0)
    points = []
    for radius, count in counts.items():
        ways = random.standard_normal((count, 3))
        ways *= radius / np.linalg.norm(ways, axis=1, keepdims=True)
        points.append(ways + np.array([4 * radius, 0, 0]))
    places = np.concatenate(points)
    whole, one = balls(), np.ones(len(places))
    for made in (
        without_flakes(whole, places, fewest),
        without_artefacts(whole, places, np.zeros_like(places), one, 0.0, fewest),
    ):
        assert len(trimesh.Trimesh(made.vertices, made.faces, process=False).split()) == left
        assert np.ptp(made.vertices, axis=0).max() >= 2


@pytest.mark.parametrize(("turned", "left"), [(False, 2), (True, 1)])
def test_a_hollow_stays_if_its_points_look_into_it(turned: bool, left: int) -> None:
    inner = trimesh.creation.icosphere(3, 0.5)
    inner.invert()
    outer = trimesh.creation.icosphere(3, 1.0)
    both = trimesh.util.concatenate([outer, inner])
    normals = np.asarray(both.vertex_normals).copy()
    if turned:
        normals[len(outer.vertices) :] *= -1
    spacing = np.full(len(normals), 0.2)
    whole = Mesh(np.asarray(both.vertices), np.asarray(both.faces))
    made = without_artefacts(whole, whole.vertices, normals, spacing, 0.0, 3)
    assert len(trimesh.Trimesh(made.vertices, made.faces, process=False).split()) == left


def test_specks_of_a_scan_below_the_size_go() -> None:
    """Of balls 0.2, 1 and 2 wide; where all are too small, all stay."""
    points = balls().vertices
    for size, left in ((0.9, 2), (1.9, 1), (5.0, 3)):
        made = without_artefacts(balls(), points, points, np.ones(len(points)), size, 3)
        assert len(trimesh.Trimesh(made.vertices, made.faces, process=False).split()) == left
