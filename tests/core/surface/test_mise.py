"""MISE against the original's rounds and surfaces, and against a plain loop over voxels."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh
from analytic_fields import FIELDS, REFERENCE, same_oriented_mesh

from benchmarks.original.mise import Mise
from onet_core.field import grid_to_box, logit
from onet_core.mesh.manifold import is_closed_manifold
from onet_core.surface.sparse_grid import OUTSIDE
from training.measure.marching_cubes import marching_cubes, polygonise

REFERENCE_RUNS = json.loads((REFERENCE / "mise.json").read_text())
LEVEL = logit(0.2)

ValuesAt = Callable[[np.ndarray], np.ndarray]


def run(mise: Mise, values_at: ValuesAt) -> Mise:
    while len(points := mise.query()):
        mise.update(values_at(points))
    return mise


def on_grid(name: str, resolution: int, points_as: torch.dtype, field_as: torch.dtype) -> ValuesAt:
    def values_at(points: np.ndarray) -> np.ndarray:
        positions = grid_to_box(points, resolution, 0.1, points_as)
        return FIELDS[name](positions.to(field_as)).double().numpy()

    return values_at


def padded(mise: Mise) -> np.ndarray:
    return np.pad(mise.to_dense(), 1, constant_values=OUTSIDE)


# The reference's fields are float64 functions of the original's float32 points.
PRECISIONS = {
    "as the reference": (torch.float32, torch.float64, 1e-11),
    "float32": (torch.float32, torch.float32, 1e-6),
    "float64": (torch.float64, torch.float64, 1e-6),
}


# The largest runs, at 256^3, once each.
RUNS = [
    (run_name, precision)
    for run_name in REFERENCE_RUNS
    for precision in PRECISIONS
    if precision == "as the reference" or not run_name.endswith("/3")
]


@pytest.mark.parametrize(("run_name", "precision"), RUNS)
def test_rounds_and_surface_are_the_originals(run_name: str, precision: str) -> None:
    expected = REFERENCE_RUNS[run_name]
    name, resolution_0, steps = run_name.split("/")
    points_as, field_as, tolerance = PRECISIONS[precision]
    mise = Mise(int(resolution_0), int(steps), LEVEL)
    run(mise, on_grid(name, mise.resolution, points_as, field_as))
    assert mise.evaluations == expected["evaluations_per_round"]

    vertices, faces = polygonise(*mise.active_cells(), LEVEL, minimum_fraction=0)
    mesh = trimesh.Trimesh(1.1 * (vertices / mise.resolution - 0.5), faces, process=False)
    assert len(vertices) == expected["vertices"]
    assert len(faces) == expected["faces"]
    assert mesh.area == pytest.approx(expected["area"], rel=tolerance)
    assert mesh.volume == pytest.approx(expected["volume"], rel=tolerance)
    assert is_closed_manifold(faces)


@pytest.mark.parametrize("steps", [1, 2])
def test_grid_and_mesh_of_the_originals_network_are_reproduced(steps: int) -> None:
    with np.load(REFERENCE / "toy_mesh.npz") as data:
        grid, rounds = data[f"grid_u{steps}"], data[f"rounds_u{steps}"]
        vertices, faces = data[f"verts_u{steps}"], data[f"faces_u{steps}"]
    mise = run(Mise(32, steps, LEVEL), lambda points: grid[tuple(points.T)])
    assert mise.evaluations == rounds.tolist()
    assert np.array_equal(mise.to_dense(), grid)
    ours, our_faces = polygonise(*mise.active_cells(), LEVEL, minimum_fraction=0)
    ours = 1.1 * (ours / mise.resolution - 0.5)
    assert same_oriented_mesh((ours, our_faces), (vertices, faces), digits=7)


def naive_rounds(
    resolution_0: int, depth: int, level: float, values_at: ValuesAt
) -> list[set[tuple[int, ...]]]:
    """The original's procedure with plain loops: which points each round asks for."""
    known: dict[tuple[int, ...], float] = {}
    size = 1 << depth
    leaves = {
        ((i * size, j * size, k * size), size)
        for i, j, k in itertools.product(range(resolution_0), repeat=3)
    }
    asked = {
        (i * size, j * size, k * size)
        for i, j, k in itertools.product(range(resolution_0 + 1), repeat=3)
    }
    rounds = []
    while asked:
        rounds.append(asked)
        order = sorted(asked)
        known.update(zip(order, values_at(np.array(order)).tolist(), strict=True))
        asked = set()
        for corner, edge in list(leaves):
            if edge == 1:
                continue
            inside_box = [
                value
                for point, value in known.items()
                if all(c <= p <= c + edge for c, p in zip(corner, point, strict=True))
            ]
            if not (max(inside_box) >= level >= min(inside_box)):
                continue
            leaves.remove((corner, edge))
            half = edge // 2
            for offset in itertools.product((0, 1, 2), repeat=3):
                point = tuple(c + half * o for c, o in zip(corner, offset, strict=True))
                if point not in known:
                    asked.add(point)
                if 2 not in offset:
                    leaves.add((point, half))
    return rounds


def smooth_noise(seed: int, frequency: float) -> ValuesAt:
    generator = np.random.default_rng(seed)
    waves = generator.normal(size=(6, 3)) * frequency
    phases = generator.uniform(0, 2 * np.pi, 6)
    return lambda points: np.sin(points @ waves.T + phases).sum(axis=1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("resolution_0", "depth"), [(2, 3), (3, 2), (4, 1), (5, 0)])
def test_rounds_equal_a_plain_loop_over_voxels(seed: int, resolution_0: int, depth: int) -> None:
    smooth = smooth_noise(seed, 0.35 + 0.1 * seed)
    # Even seeds: rounded, so that many values lie exactly at the level and mark both sides.
    values_at: ValuesAt = (lambda p: np.round(smooth(p))) if seed % 2 == 0 else smooth
    mise = Mise(resolution_0, depth, 1.0)
    ours = []
    while len(points := mise.query()):
        ours.append({tuple(point) for point in points.tolist()})
        mise.update(values_at(points))
    expected = naive_rounds(resolution_0, depth, 1.0, values_at)
    assert ours == expected
    assert mise.evaluations == [len(points) for points in expected]


def test_the_plain_loop_meets_hanging_points() -> None:
    """The comparison above would be weaker if no case had the extra rounds they cause."""
    assert len(naive_rounds(2, 3, 1.0, smooth_noise(0, 0.45))) > 4


@pytest.mark.parametrize("seed", range(8))
def test_active_cells_give_the_surface_of_the_dense_grid(seed: int) -> None:
    """Noise leaves the box on all sides, so the closing cells are compared too."""
    mise = run(Mise(4, 2, 0.5), smooth_noise(seed, 0.15 + 0.05 * seed))
    vertices, faces = polygonise(*mise.active_cells(), 0.5, minimum_fraction=0)
    expected, expected_faces = marching_cubes(padded(mise), 0.5, minimum_fraction=0)
    # Both order the vertices by the grid edges that they lie on.
    assert np.allclose(vertices, expected - 1, atol=1e-4)
    assert {tuple(face) for face in faces.tolist()} == {
        tuple(face) for face in expected_faces.tolist()
    }
    assert is_closed_manifold(faces)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_half_space_is_closed_at_the_box(axis: int, sign: int) -> None:
    mise = Mise(4, 2, 0.0)
    run(mise, lambda points: sign * (points[:, axis] - 6.5))
    vertices, faces = polygonise(*mise.active_cells(), 0.0)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(16 * 16 * (9.5 if sign > 0 else 6.5), rel=1e-4)
    assert mesh.bounds[:, (axis + 1) % 3] == pytest.approx([0, 16], abs=2e-4)


def test_inside_everywhere_gives_the_box() -> None:
    mise = run(Mise(3, 2, 0.0), lambda points: np.ones(len(points)))
    assert mise.evaluations == [64]
    vertices, faces = polygonise(*mise.active_cells(), 0.0)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(12**3, rel=1e-3)
    assert mesh.area == pytest.approx(6 * 12**2, rel=1e-3)


def test_points_come_ordered_and_once() -> None:
    mise = Mise(8, 2, 0.5)
    values_at = smooth_noise(3, 0.2)
    seen: set[tuple[int, ...]] = set()
    while len(points := mise.query()):
        rows = [tuple(point) for point in points.tolist()]
        assert rows == sorted(set(rows))
        assert not seen & set(rows)
        assert points.min() >= 0
        assert points.max() <= mise.resolution
        seen |= set(rows)
        mise.update(values_at(points))
    assert sum(mise.evaluations) == len(seen)


def test_wrong_values_are_refused() -> None:
    mise = Mise(4, 1, 0.0)
    with pytest.raises(ValueError, match="125 values"):
        mise.update(np.zeros(3))
    with pytest.raises(ValueError, match="finite"):
        mise.update(np.full(125, np.nan))
    with pytest.raises(ValueError, match="resolution_0"):
        Mise(0, 1, 0.0)
