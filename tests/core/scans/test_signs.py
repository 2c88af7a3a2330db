"""Signs of normals: winding numbers against formulas, and thin things with wrong votes."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.sparse import csr_array

from onet_core.scans.neighbours import Neighbours
from onet_core.scans.normals import plane_normals
from onet_core.scans.signs import agreed, may_be_sheet, signed
from onet_core.scans.solid import WindingNumbers

RADIUS = 0.5


def on_sphere(count: int) -> np.ndarray:
    """Even directions (N, 3)."""
    number = np.arange(count) + 0.5
    height, turn = 1 - 2 * number / count, np.pi * (1 + 5**0.5) * number
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1)


def test_winding_numbers_of_a_sphere() -> None:
    ways = on_sphere(20_000)
    areas = np.full(len(ways), 4 * np.pi * RADIUS**2 / len(ways))
    numbers = WindingNumbers(RADIUS * ways, ways, areas)
    # Less what lies nearer than an element is wide, which is blurred.
    width = np.sqrt(4 * np.pi * RADIUS**2 / len(numbers.asked))
    assert numbers(np.ones(len(ways))) == pytest.approx(0.5 - width / (4 * RADIUS), abs=0.01)
    # Flipped, a cap takes away twice its share: its area over 4 pi, twice the radius squared away.
    is_cap = ways[:, 2] > 0.96
    opposite = ways[numbers.asked][:, 2] < -0.99
    share = areas[is_cap].sum() / (4 * np.pi * (2 * RADIUS) ** 2)
    lost = numbers(np.ones(len(ways))) - numbers(np.where(is_cap, -1.0, 1.0))
    assert lost[opposite].mean() == pytest.approx(2 * share, rel=0.05)


def test_the_transposed_map_is_the_transposed_map() -> None:
    random, ways = np.random.default_rng(0), on_sphere(5_000)
    numbers = WindingNumbers(RADIUS * ways, ways, random.random(5_000))
    signs, others = random.standard_normal(5_000), random.standard_normal(len(numbers.asked))
    there, back = numbers(signs) @ others, signs @ numbers.transposed(others)
    assert there == pytest.approx(back, rel=1e-3)


@pytest.mark.parametrize("thickness", [0.02, 0.05])
def test_one_side_of_a_plate_is_known_by_the_other(thickness: float) -> None:
    """Votes that are wrong for half of one side don't turn it."""
    plate = trimesh.creation.box((1.0, 0.7, thickness))
    points, faces = trimesh.sample.sample_surface(plate, 20_000, seed=0)
    points, normals = np.asarray(points), np.asarray(plate.face_normals[faces])
    is_wrong = (normals[:, 2] > 0.5) & (points[:, 0] > 0)
    votes = normals * np.where(is_wrong, -1.0, 1.0)[:, None]
    spacing = float(np.sqrt(plate.area / len(points)))
    found = signed(points, normals, votes, spacing).normals
    assert (np.einsum("ni,ni->n", found, normals) > 0).mean() > 0.995


def sheet_of_waves() -> tuple[np.ndarray, np.ndarray]:
    """Points and their normals, which all rise."""
    random = np.random.default_rng(0)
    places = random.uniform(-0.5, 0.5, (20_000, 2))
    waves = 8 * places
    points = np.column_stack([places, 0.05 * np.sin(waves[:, 0]) * np.cos(waves[:, 1])])
    slopes = 0.4 * np.column_stack(
        [np.cos(waves[:, 0]) * np.cos(waves[:, 1]), -np.sin(waves[:, 0]) * np.sin(waves[:, 1])]
    )
    normals = np.column_stack([-slopes, np.ones(len(points))])
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def test_an_open_surface_has_one_side() -> None:
    """Of a sheet of waves, which is no solid, half of the votes say one thing, half the other."""
    random = np.random.default_rng(1)
    points, normals = sheet_of_waves()
    axes = normals * random.choice([-1.0, 1.0], (len(points), 1))
    votes = normals * np.where(points[:, :1] > 0.05, -1.0, 1.0)
    found = signed(points, axes, votes, 0.007)
    assert found.openness > 0.5
    assert (np.einsum("ni,ni->n", found.normals, normals) > 0).all()


def comb(plate: float, slit: float, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3), as far apart as `spacing`, and outward normals of five upright plates on a
    base."""
    width = 5 * plate + 4 * slit
    boxes = [([0.0, -0.1, 0.0], [width, 0.0, 0.4])] + [
        ([k * (plate + slit), -0.01, 0.0], [k * (plate + slit) + plate, 0.3, 0.4]) for k in range(5)
    ]
    points, normals = [], []
    for number, (low, high) in enumerate(boxes):
        box = trimesh.creation.box(bounds=[low, high])
        found, faces = trimesh.sample.sample_surface(box, int(box.area / spacing**2), seed=number)
        is_outer = np.ones(len(found), dtype=bool)
        for other, (least, most) in enumerate(boxes):
            if other != number:
                is_outer &= ~((found >= least) & (found <= most)).all(axis=1)
        points.append(np.asarray(found)[is_outer])
        normals.append(np.asarray(box.face_normals[faces])[is_outer])
    joined = np.concatenate(points)
    return joined - (joined.min(axis=0) + joined.max(axis=0)) / 2, np.concatenate(normals)


def test_slits_of_few_spacings_do_not_turn_signs() -> None:
    """Plates three spacings thick, half of that apart, where planes of neighbours lean between two
    sheets: 20 % of the signs were wrong when leaning neighbours counted in full."""
    points, normals = comb(0.03, 0.015, 0.01)
    axes = plane_normals(points, Neighbours(points), 10)
    random = np.random.default_rng(1)
    votes = normals * random.choice([1.0, 1.0, 1.0, -0.7], (len(points), 1))
    found = signed(points, axes, votes, 0.01).normals
    assert (np.einsum("ni,ni->n", found, normals) < 0).mean() < 0.16


def test_ground_was_seen_from_above() -> None:
    """Whatever the votes say; without a vertical they alone count."""
    points, normals = sheet_of_waves()
    for up, rises in ((np.array([0.0, 0.0, 1.0]), True), (None, False)):
        found = signed(points, normals, -normals, 0.007, up=up)
        assert found.openness > 0.5
        assert ((found.normals[:, 2] > 0) == rises).all()


def test_a_window_looks_where_its_wall_does() -> None:
    """A wall, and behind a hole in it a pane that hangs on nothing and whose votes are wrong."""
    random = np.random.default_rng(0)
    across, along = random.uniform(-0.5, 0.5, (2, 30_000))
    is_pane = (np.abs(across) < 0.15) & (np.abs(along) < 0.2)
    points = np.column_stack([across, along, np.where(is_pane, -0.05, 0.0)])
    normals = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    votes = normals * np.where(is_pane, -0.5, 1.0)[:, None]
    found = signed(points, normals, votes, 0.0058, up=np.array([0.0, 1.0, 0.0]))
    assert found.openness > 0.5
    assert (found.normals[:, 2] > 0).all()


def test_a_wall_was_seen_from_where_things_stand_before_it() -> None:
    """Half a ball before a wall with its shadow; votes are right for the ball only."""
    random = np.random.default_rng(0)
    wall = np.column_stack([*random.uniform(-0.5, 0.5, (2, 30_000)), np.full(30_000, -0.25)])
    wall = wall[np.linalg.norm(wall[:, :2], axis=1) > 0.22]
    ball = random.standard_normal((6_000, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    ball = ball[ball[:, 2] > 0]
    points = np.concatenate([wall, 0.15 * ball])
    normals = np.concatenate([np.tile([0.0, 0.0, 1.0], (len(wall), 1)), ball])
    votes = np.concatenate([-0.6 * normals[: len(wall)], ball])
    found = signed(points, normals, votes, 0.006, up=np.array([0.0, 1.0, 0.0]))
    assert found.openness > 0.5
    assert (np.einsum("ni,ni->n", found.normals, normals) > 0).mean() > 0.99


@pytest.mark.parametrize("count", [1_500, 20_000])
def test_a_sheet_is_told_from_solids_by_few_points(count: int) -> None:
    """The normals of a closed surface add up to nothing (Gauss), those of a sheet to its area."""
    random = np.random.default_rng(0)
    points, _ = sheet_of_waves()
    assert may_be_sheet(points[random.permutation(len(points))[:count]])
    for solid in (
        trimesh.creation.icosphere(4, radius=0.5),
        trimesh.creation.box((1.0, 0.5, 0.2)),
        trimesh.creation.torus(0.35, 0.1),
    ):
        assert not may_be_sheet(np.asarray(trimesh.sample.sample_surface(solid, count, seed=0)[0]))


def test_signs_that_have_settled_are_those_of_the_solution() -> None:
    """Along a ring of points, of which some vote against the rest: it takes passes until the votes
    have met, so that an end that comes too early leaves some wrong."""
    count, random = 3_000, np.random.default_rng(2)
    weights = np.zeros((count, count))
    rows = np.arange(count)
    for step in (1, 2, 3):
        weights[rows, (rows + step) % count] = random.uniform(0.2, 1, count)
    weights += weights.T
    own = np.where(np.abs(rows - 1_500) < 400, -1.0, 1.0) * random.random(count)
    matrix = np.diag(np.abs(weights).sum(axis=1) + 0.0005 * np.abs(own) + 1e-6) - weights
    wanted = np.linalg.solve(matrix, 0.0005 * own)
    assert 500 < (wanted < 0).sum() < 1_000
    found = agreed(csr_array(weights), own)
    assert ((found < 0) != (wanted < 0)).mean() < 0.002
