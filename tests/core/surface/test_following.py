"""Following a surface: the same as a search through all cells, with fewer evaluations."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from analytic_fields import FIELDS, REFERENCE, as_trimesh, torus
from torch import Tensor

from onet_core.errors import ModelError, NoSurfaceError
from onet_core.field import logit
from onet_core.mesh.manifold import is_closed_manifold
from onet_core.surface.cube_cases import CORNERS
from onet_core.surface.extract import extract
from onet_core.surface.following import follow
from onet_core.surface.interactive import InteractiveSurface
from onet_core.surface.sparse_grid import MISSING, OUTSIDE, SparseGrid, indices_of, keys_of
from onet_core.surface.sparse_marching_cubes import crossed_edges, faces_of
from training.measure.marching_cubes import marching_cubes, polygonise

REFERENCE_RUNS = json.loads((REFERENCE / "mise.json").read_text())
LEVEL = logit(0.2)
RUNS = [name for name in REFERENCE_RUNS if "/32/" in name and name != "gyroid/32/3"]  # Large.


@pytest.mark.parametrize("run_name", RUNS)
def test_the_surface_is_the_originals(run_name: str) -> None:
    """Whose MISE evaluates every point that the two share, and up to 2.7 times as many."""
    expected = REFERENCE_RUNS[run_name]
    name, _, steps = run_name.split("/")
    result = extract(FIELDS[name], resolution=32 << int(steps), minimum_fraction=0)
    solid = as_trimesh(result.mesh)
    assert len(result.mesh.vertices) == expected["vertices"]
    assert len(result.mesh.faces) == expected["faces"]
    assert solid.area == pytest.approx(expected["area"], rel=1e-6)
    assert solid.volume == pytest.approx(expected["volume"], rel=1e-6)
    assert is_closed_manifold(result.mesh.faces)
    if steps == "1":
        # Where the surface enters cells from finer neighbours, a few points come in other rounds.
        rounds = expected["evaluations_per_round"]
        assert list(result.evaluations[:2]) == rounds[:2]
        assert sum(result.evaluations) == pytest.approx(sum(rounds), rel=2e-3)
    else:
        assert sum(result.evaluations) < 0.85 * expected["total"]


@pytest.mark.parametrize("name", FIELDS)
def test_it_equals_the_search_through_all_cells(name: str) -> None:
    followed = extract(FIELDS[name], resolution=96, dtype=torch.float64, followed_from=32)
    searched = extract(FIELDS[name], resolution=96, dtype=torch.float64, followed_from=4096)
    assert np.array_equal(followed.mesh.vertices, searched.mesh.vertices)
    assert np.array_equal(followed.mesh.faces, searched.mesh.faces)


def smooth_noise(points: Tensor) -> Tensor:
    waves = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)) * 4
    phases = torch.arange(6.0)
    return (points @ waves.T + phases).sin().sum(-1)


def test_a_surface_that_leaves_the_box_is_closed_there() -> None:
    followed = extract(smooth_noise, resolution=96, followed_from=32)
    searched = extract(smooth_noise, resolution=96, followed_from=4096)
    assert is_closed_manifold(followed.mesh.faces)
    assert np.allclose(followed.mesh.vertices, searched.mesh.vertices, atol=1e-6)
    assert np.array_equal(followed.mesh.faces, searched.mesh.faces)
    assert followed.mesh.vertices.max() == pytest.approx(0.55, abs=1e-5)


def dense_values(resolution: int) -> np.ndarray:
    values = np.random.default_rng(0).standard_normal((resolution + 1,) * 3)
    return np.pad(values, 1, constant_values=OUTSIDE)


def all_cells(padded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cells = np.argwhere(np.ones(np.array(padded.shape) - 1, dtype=bool))
    corners = cells[:, None, :] + CORNERS
    return cells - 1, padded[corners[..., 0], corners[..., 1], corners[..., 2]]


def test_the_faces_are_those_of_the_dense_grid() -> None:
    """On noise, where all cases of the cells occur."""
    padded = dense_values(9)
    values = torch.from_numpy(padded[1:-1, 1:-1, 1:-1])[None]
    grid = SparseGrid.of_coarse(values, torch.ones_like(values, dtype=torch.bool), 9, 0.3)
    edges = crossed_edges(grid)
    faces = faces_of(grid, edges)
    expected, expected_faces = marching_cubes(padded, 0.3)
    lower = grid.indices(edges.start).numpy()
    assert np.array_equal(lower, np.floor(expected).astype(int) - 1)
    assert np.array_equal(faces, expected_faces)
    vertices, _ = polygonise(*all_cells(padded), 0.3)
    assert len(vertices) == len(lower)


def test_keys_and_indices_are_each_others_inverse_and_ordered() -> None:
    indices = torch.cartesian_prod(*[torch.arange(-1, 7)] * 3)
    keys = keys_of(indices, 5)
    assert torch.equal(indices_of(keys, 5), indices)
    assert torch.equal(keys, keys.sort().values)
    assert len(keys.unique()) == len(keys)
    large = torch.tensor([[4097, 4097, 4097]])
    assert torch.equal(indices_of(keys_of(large, 4096), 4096), large)


def test_a_wrong_estimate_is_put_right_wherever_the_surface_is() -> None:
    """The estimate is a small ball in the middle of the torus' tube; the surface is far from it."""
    resolution, level = 40, 0.0

    def on_torus(indices: Tensor) -> Tensor:
        return torus(1.1 * (indices.double() / resolution - 0.5))

    dense = torch.cartesian_prod(*[torch.arange(-1, resolution + 2)] * 3)
    centre = torch.tensor([31, 20, 20])  # At x = 0.3, where the tube's axis is.
    ball = 2.2 - (dense - centre).double().norm(dim=1)
    keys = keys_of(dense, resolution)
    near = ball.abs() < 3
    estimate = SparseGrid(
        resolution, level, keys[near], ball[near], torch.zeros(int(near.sum())) > 0
    )
    asked: list[Tensor] = []

    def evaluate(keys: Tensor) -> Tensor:
        asked.append(keys)
        return on_torus(indices_of(keys, resolution))

    grid = follow(estimate, evaluate)
    whole = SparseGrid(
        resolution, level, keys, on_torus(dense), torch.ones(len(dense)) > 0
    ).with_border()
    faces, expected = (faces_of(g, crossed_edges(g)) for g in (grid, whole))
    assert np.array_equal(faces, expected)
    all_asked = torch.cat(asked)
    assert len(all_asked.unique()) == len(all_asked)
    edges = crossed_edges(grid)
    assert grid.is_known[edges.start].all()
    assert grid.is_known[edges.stop].all()


def ball_with_rod(points: Tensor) -> Tensor:
    """The rod, half as thick as a cell of the coarse grid, lies between that grid's points."""
    x, y, z = points.unbind(-1)
    middle = 1.1 / 64
    rod = torch.maximum(torch.hypot(y - middle, z - middle) - 0.009, (x - 0.2).abs() - 0.2)
    return -40 * torch.minimum(points.norm(dim=-1) - 0.15, rod)


def test_a_feature_thinner_than_a_coarse_cell_is_found_from_what_it_is_joined_to() -> None:
    followed = extract(ball_with_rod, resolution=128, threshold=0.5)
    searched = extract(ball_with_rod, resolution=128, threshold=0.5, followed_from=4096)
    assert followed.mesh.vertices[:, 0].max() == pytest.approx(0.4, abs=1.1 / 128)
    assert np.array_equal(followed.mesh.vertices, searched.mesh.vertices)
    assert np.array_equal(followed.mesh.faces, searched.mesh.faces)


def test_a_feature_between_the_coarse_points_that_nothing_joins_is_missed() -> None:
    centre = torch.full((3,), 1.1 / 64)
    with pytest.raises(NoSurfaceError, match="whole box for outside"):
        extract(lambda p: 40 * (0.025 - (p - centre).norm(dim=-1)), resolution=256, threshold=0.5)


def test_a_field_finer_than_the_grid_gives_a_closed_mesh() -> None:
    """Then every estimate is wrong, and the search ends all the same."""
    result = extract(lambda p: torus(p) + 30 * (900 * p).sin().prod(-1), resolution=64)
    assert is_closed_manifold(result.mesh.faces)
    result = extract(lambda p: torus(p) + 3 * (2000 * p).sin().prod(-1), resolution=128)
    assert is_closed_manifold(result.mesh.faces)
    assert np.isfinite(result.mesh.vertices).all()


def test_a_step_from_minus_to_plus_a_million_is_halved() -> None:
    """Values at which half precision and a sigmoid overflow, and no slope to interpolate in."""
    field = lambda p: 1e6 * torus(p).sign()  # noqa: E731
    step = extract(field, resolution=128, threshold=0.5)
    assert is_closed_manifold(step.mesh.faces)
    distance = torus(torch.from_numpy(step.mesh.vertices)).abs() / 40
    assert distance.max() < 1.1 / 128


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_found_on_the_fine_grid_too(bad: float) -> None:
    def field(points: Tensor) -> Tensor:
        # Only between the points of the coarse grid, which come in multiples of 1.1 / 32.
        is_coarse = ((points / (1.1 / 32) % 1 - 0.5).abs() > 0.49).all(dim=1)
        return torch.where(is_coarse, torus(points), bad)

    with pytest.raises(ModelError, match="not finite"):
        extract(field, resolution=128)
    with pytest.raises(ModelError, match="not finite"):
        InteractiveSurface(resolution=64, threshold=0.2).update(field)


def test_memory_that_runs_out_on_the_fine_grid_halves_the_chunk() -> None:
    def short(points: Tensor) -> Tensor:
        if len(points) > 500:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return torus(points)

    made, expected = (extract(field, resolution=96) for field in (short, torus))
    assert np.array_equal(made.mesh.vertices, expected.mesh.vertices)


@pytest.mark.parametrize("largest", [1 << 10, 1 << 23])
def test_places_are_those_of_a_dictionary(largest: int) -> None:
    """By a table and, for larger keys, by searching."""
    some = torch.randint(largest, (500,), generator=torch.Generator().manual_seed(0)).unique()
    keys = torch.cat([some, some.new_tensor([largest])])
    values = torch.zeros(len(keys))
    grid = SparseGrid(8, 0.0, keys, values, values > 0)
    there = {int(key): place for place, key in enumerate(keys)}
    for asked in (torch.arange(-5, 1100), keys, keys - 1, keys + 1, keys[-1:] + 9000):
        wanted = [there.get(int(key), MISSING) for key in asked]
        assert grid.place(asked).tolist() == wanted
