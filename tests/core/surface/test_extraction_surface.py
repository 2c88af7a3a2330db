"""From a field to a mesh: precision, errors, progress, chunks."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from analytic_fields import FIELDS, as_trimesh, is_monotone, sphere, torus
from torch import Tensor

from onet_core.errors import Cancelled, DeviceError, InputError, ModelError, NoSurfaceError
from onet_core.field import CPU_BATCH, evaluate, evaluate_with_gradient, grid_to_box, logit
from onet_core.surface.extract import extract, extract_surface, split_resolution


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", FIELDS)
def test_meshes_are_closed_face_outwards_and_lie_on_the_surface(
    name: str, dtype: torch.dtype
) -> None:
    mesh = extract_surface(FIELDS[name], resolution=64, dtype=dtype)
    solid = as_trimesh(mesh)
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert solid.volume > 0
    assert solid.area_faces.min() > 0
    logits = FIELDS[name](torch.from_numpy(mesh.vertices))
    if name in ("sphere", "torus"):  # The others bend sharply: linear interpolation is coarse.
        assert (logits - logit(0.2)).abs().max() < 0.15  # 0.004 of the box; a cell is 0.017.


def test_a_sphere_has_its_radius_at_every_threshold() -> None:
    for threshold in (0.05, 0.2, 0.5, 0.9):
        mesh = extract_surface(sphere, resolution=96, threshold=threshold, dtype=torch.float64)
        radius = np.linalg.norm(mesh.vertices - [0.03, -0.02, 0.01], axis=1)
        expected = 0.37 - np.log(threshold / (1 - threshold)) / 40
        assert np.abs(radius - expected).max() < 1e-4


def test_padding_sets_the_box() -> None:
    for padding in (0.0, 0.1, 0.5):
        mesh = extract_surface(
            lambda p: 10 - p.abs().sum(-1) * 0.1 - 40 * p[:, 0].clamp_min(0),
            resolution=32,
            padding=padding,
        )
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        half = (1 + padding) / 2
        assert low == pytest.approx([-half] * 3, abs=1e-5)
        assert high[1:] == pytest.approx([half] * 2, abs=1e-5)
        assert as_trimesh(mesh).is_watertight


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        (2, (2, 0)),
        (31, (31, 0)),
        (32, (32, 0)),
        (48, (48, 0)),
        (64, (32, 1)),
        (100, (50, 1)),
        (127, (32, 2)),
        (128, (32, 2)),
        (256, (32, 3)),
        (512, (32, 4)),
        (1000, (63, 4)),
        (1024, (32, 5)),
    ],
)
def test_resolutions_are_split(resolution: int, expected: tuple[int, int]) -> None:
    assert split_resolution(resolution) == expected


def test_any_resolution_is_met_or_passed_by_little() -> None:
    for resolution in range(2, 4097):
        coarse, steps = split_resolution(resolution)
        assert resolution <= coarse << steps <= 1.032 * resolution
        assert coarse < 64
        assert coarse >= min(resolution, 32)


@pytest.mark.parametrize("resolution", [5, 50, 100])
def test_other_resolutions_give_closed_surfaces(resolution: int) -> None:
    result = extract(torus, resolution=resolution)
    assert result.resolution == resolution
    assert as_trimesh(result.mesh).is_watertight


@pytest.mark.parametrize("resolution", [-1, 0, 1, 5000])
def test_impossible_resolutions_are_refused(resolution: int) -> None:
    with pytest.raises(InputError, match="resolution"):
        extract_surface(sphere, resolution=resolution)


@pytest.mark.parametrize("threshold", [-0.5, 0.0, 1.0, 2.0, float("nan")])
def test_impossible_thresholds_are_refused(threshold: float) -> None:
    with pytest.raises(InputError, match="threshold"):
        extract_surface(sphere, resolution=32, threshold=threshold)


def test_the_level_is_the_logit_in_single_precision() -> None:
    assert logit(0.2) == pytest.approx(-1.386294361)
    assert logit(0.2) == float(np.float32(logit(0.2)))
    assert logit(0.5) == 0


OUTSIDE_LOW = (lambda p: -3 - p[:, 0].abs() * 4, "outside", 0.2)
INSIDE_HIGH = (lambda p: 4 + p[:, 0], "inside", 0.2)
INSIDE_EXTREME = (lambda p: 9 + p[:, 0], "inside", 0.9)


@pytest.mark.parametrize(
    ("field", "where", "threshold"), [OUTSIDE_LOW, INSIDE_HIGH, INSIDE_EXTREME]
)
def test_no_surface_names_the_range_and_a_threshold_that_works(
    field: torch.nn.Module, where: str, threshold: float
) -> None:
    with pytest.raises(NoSurfaceError) as caught:
        extract_surface(field, resolution=64, threshold=threshold)
    message = str(caught.value)
    assert f"whole box for {where}" in message
    numbers = re.search(
        r"from ([\d.e-]+) to ([\d.e-]+)\. Try a threshold such as ([\d.e-]+),", message
    )
    assert numbers is not None
    low, high, suggestion = map(float, numbers.groups())
    assert low < suggestion < high
    assert not extract_surface(field, resolution=64, threshold=suggestion).is_empty


@pytest.mark.parametrize("value", [-2.0, 0.3, 500.0, -500.0])
def test_a_constant_field_has_no_threshold_to_try(value: float) -> None:
    with pytest.raises(NoSurfaceError, match="no threshold helps"):
        extract_surface(lambda p: torch.full((len(p),), value), resolution=32)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_output_that_is_not_finite_is_an_error(bad: float) -> None:
    def field(points: Tensor) -> Tensor:
        logits = sphere(points)
        logits[len(logits) // 2] = bad
        return logits

    with pytest.raises(ModelError, match="not finite"):
        extract_surface(field, resolution=32)
    with pytest.raises(ModelError, match="at 1 of 7 points"):
        evaluate_with_gradient(lambda p: field(p) + 0 * p.sum(-1), torch.rand(7, 3))


def test_a_field_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(10,\) logits, not \(10, 1\)"):
        evaluate(lambda p: p[:, :1], torch.rand(10, 3))


def test_points_are_evaluated_in_chunks_with_the_same_result() -> None:
    sizes: list[int] = []

    def field(points: Tensor) -> Tensor:
        sizes.append(len(points))
        assert points.dtype == torch.float32
        return sphere(points)

    default = extract(field, resolution=64)
    assert max(sizes) == CPU_BATCH
    assert sum(sizes) == sum(default.evaluations)
    sizes.clear()
    small = extract(field, resolution=64, batch_points=1000)
    assert max(sizes) == 1000
    assert np.array_equal(default.mesh.vertices, small.mesh.vertices)
    assert np.array_equal(default.mesh.faces, small.mesh.faces)


def test_chunks_are_halved_while_memory_runs_out() -> None:
    def field(points: Tensor) -> Tensor:
        if len(points) > 300:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return sphere(points)

    points = torch.rand(5000, 3)
    assert torch.equal(evaluate(field, points), sphere(points))

    def hopeless(points: Tensor) -> Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")

    with pytest.raises(DeviceError, match="memory of cpu"):
        evaluate(hopeless, points)

    def broken(points: Tensor) -> Tensor:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        evaluate(broken, points)


def test_progress_grows_to_one_and_names_the_stage() -> None:
    heard: list[tuple[str, float]] = []
    extract_surface(torus, resolution=128, progress=lambda *report: heard.append(report))
    fractions = [fraction for _, fraction in heard]
    assert is_monotone(fractions)
    assert fractions[-1] == 1
    assert len(set(fractions)) > 20
    assert {stage for stage, _ in heard} == {"network", "marching cubes"}
    assert 0.01 < fractions[8] < 0.6  # The coarse grid is not taken for the whole work.


def test_progress_may_cancel() -> None:
    calls = 0

    def field(points: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return sphere(points)

    def cancel(stage: str, fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        extract_surface(field, resolution=128, progress=cancel)
    assert calls == 1


def test_gradients_do_not_reach_the_weights() -> None:
    network = torch.nn.Linear(3, 1)
    points = torch.rand(100, 3)
    logits, gradients = evaluate_with_gradient(
        lambda p: network(p).squeeze(-1), points, batch_points=33
    )
    assert torch.allclose(logits, network(points).squeeze(-1))
    assert torch.allclose(gradients, network.weight.expand(100, 3))
    assert network.weight.grad is None
    assert not logits.requires_grad
    assert not gradients.requires_grad


def test_grid_points_are_computed_as_in_the_original() -> None:
    indices = np.array([[0, 64, 128], [1, 2, 127]])
    expected = np.float32(1.1) * (indices.astype(np.float32) / np.float32(128) - np.float32(0.5))
    assert np.array_equal(grid_to_box(indices, 128, 0.1, torch.float32).numpy(), expected)


def test_seconds_and_evaluations_are_reported() -> None:
    result = extract(torus, resolution=64)
    assert result.evaluations == (35937, 18376)
    assert set(result.seconds) == {"network", "mise", "marching cubes"}
    assert all(seconds > 0 for seconds in result.seconds.values())
