"""Several objects in one search, and the search on the fields' device, against single ones."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh
from analytic_fields import FIELDS, REFERENCE, gyroid, plate, sphere, torus
from torch import Tensor

from benchmarks.original.mise import Mise
from onet_core.errors import InputError, ModelError, NoSurfaceError
from onet_core.field import Field, grid_to_box, logit
from onet_core.surface.extract import Extraction, extract, extract_all, meshed, only
from onet_core.surface.mise import searched
from onet_core.surface.root import coarse_values
from onet_core.surface.rounds import Report, Rounds

REFERENCE_RUNS = json.loads((REFERENCE / "mise.json").read_text())


def half_space(points: Tensor) -> Tensor:
    return -40 * points[:, 0] - 1


def nothing(points: Tensor) -> Tensor:
    return -2 - points[:, 0]


def everything(points: Tensor) -> Tensor:
    return 2 - points[:, 0]


class Rough:
    """A field whose other way is off by up to `error`."""

    is_rough_faster = True

    def __init__(self, field: Field, error: float) -> None:
        self.field, self.error = field, error

    def __call__(self, points: Tensor) -> Tensor:
        return self.field(points)

    def rough(self, points: Tensor) -> Tensor:
        return self.field(points) + self.error * torch.sin(1e4 * points.sum(-1))

    def with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        raise AssertionError("nobody asks this field for gradients")


def assert_same(one: Extraction | NoSurfaceError, single: Extraction) -> None:
    assert isinstance(one, Extraction)
    assert np.array_equal(one.mesh.faces, single.mesh.faces)
    assert np.allclose(one.mesh.vertices, single.mesh.vertices, atol=1e-12)
    assert one.resolution == single.resolution


@pytest.mark.parametrize("resolution", [20, 64, 100])
def test_each_object_is_as_it_would_be_alone(resolution: int) -> None:
    fields = [torus, sphere, half_space, plate, gyroid]
    together = extract_all(fields, resolution=resolution)
    for one, field in zip(together, fields, strict=True):
        assert_same(one, extract(field, resolution=resolution))


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_the_precision_is_each_objects_own(tolerance: float) -> None:
    fields = [Rough(torus, 0.003), Rough(sphere, 0.3), Rough(torus, 0.06)]
    together = extract_all(fields, resolution=128, tolerance=tolerance)
    for one, field in zip(together, fields, strict=True):
        single = extract(field, resolution=128, tolerance=tolerance)
        assert isinstance(one, Extraction)
        if tolerance == 0:
            assert_same(one, single)
        off, alone = (
            float((field(torch.from_numpy(made.mesh.vertices)) - logit(0.2)).square().mean().sqrt())
            for made in (one, single)
        )
        assert off == pytest.approx(alone, rel=0.05, abs=1e-4)


def test_objects_without_a_surface_do_not_spoil_the_others() -> None:
    together = extract_all([nothing, torus, everything, sphere], resolution=64)
    for number, words in ((0, "whole box for outside"), (2, "whole box for inside")):
        error = together[number]
        assert isinstance(error, NoSurfaceError)
        assert words in str(error)
    assert_same(together[1], extract(torus, resolution=64))
    assert_same(together[3], extract(sphere, resolution=64))
    assert all(isinstance(one, NoSurfaceError) for one in extract_all([nothing] * 2, resolution=64))
    assert extract_all([], resolution=64) == []


def test_all_points_of_a_round_are_counted_for_their_object() -> None:
    together = extract_all([torus, gyroid], resolution=128)
    single = [only([one]).evaluations for one in together]
    assert [rounds[0] for rounds in single] == [33**3] * 2
    alone = [sum(extract(field, resolution=128).evaluations) for field in (torus, gyroid)]
    assert [sum(rounds) for rounds in single] == pytest.approx(alone, rel=0.01)


def test_bad_input_is_refused_and_progress_only_grows() -> None:
    with pytest.raises(InputError, match="threshold"):
        extract_all([torus], threshold=1.0)
    with pytest.raises(InputError, match="resolution"):
        extract_all([torus], resolution=1)
    with pytest.raises(ModelError, match="not finite"):
        extract_all([torus, lambda p: torus(p) * float("nan")], resolution=64)
    message: list[float] = []
    extract_all([torus, sphere], resolution=128, progress=lambda _, done: message.append(done))
    assert message == sorted(message)
    assert message[-1] == 1.0


def double_on_float32(name: str) -> Callable[[Tensor], Tensor]:
    """As the reference's fields: float64 functions of the original's float32 points."""

    def field(points: Tensor) -> Tensor:
        return FIELDS[name](points.float().double())

    return field


# Up to 128^3; the largest are the same code once more.
RUNS = [name for name in REFERENCE_RUNS if not name.endswith("/3")]


@pytest.mark.parametrize("run_name", RUNS)
def test_the_search_on_the_device_finds_the_originals_surface(run_name: str) -> None:
    """With every point that the original evaluates, and with those that it finds by spreading."""
    expected = REFERENCE_RUNS[run_name]
    name, resolution_0, steps = run_name.split("/")
    depth = int(steps)
    report = Report(None, int(resolution_0), depth)
    field = double_on_float32(name)
    rounds = Rounds([field], 0.1, "cpu", torch.float64, None, report, 0.0)
    coarse = coarse_values(rounds, int(resolution_0), logit(0.2), may_skip=False)
    grid, (error,) = searched(rounds, int(resolution_0), depth, logit(0.2), coarse)
    assert error is None
    mesh = only(meshed(grid, rounds, minimum_fraction=0.0)).mesh
    surface = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert len(mesh.vertices) == expected["vertices"]
    assert len(mesh.faces) == expected["faces"]
    assert surface.area == pytest.approx(expected["area"], rel=1e-6)
    assert surface.volume == pytest.approx(expected["volume"], rel=1e-6)
    assert sum(rounds.evaluations[0]) == pytest.approx(expected["total"], rel=0.01)


def test_the_search_on_the_device_evaluates_what_mise_does() -> None:
    """On noise, where the splitting spreads far."""

    def noise(points: Tensor) -> Tensor:
        return torus(points) + 30 * (900 * points).sin().prod(-1)

    mise = Mise(16, 2, 0.0)
    while len(indices := mise.query()):
        at = grid_to_box(indices, mise.resolution, 0.1, torch.float64)
        mise.update(noise(at).numpy())
    rounds = Rounds([noise], 0.1, "cpu", torch.float64, None, Report(None, 16, 2), 0.0)
    coarse = coarse_values(rounds, 16, 0.0, may_skip=False)
    grid, _ = searched(rounds, 16, 2, 0.0, coarse)
    cells, _ = mise.active_cells()
    corners, _ = grid.mixed_cells()
    found = grid.indices(corners[:, 0])
    assert {tuple(cell) for cell in cells.tolist()} <= {tuple(cell) for cell in found.tolist()}
    assert sum(rounds.evaluations[0]) == pytest.approx(sum(mise.evaluations), rel=0.05)
