"""Half precision in the values that a surface is made of: how far it may move the surface."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from analytic_fields import torus
from torch import Tensor

from onet_core.errors import ModelError
from onet_core.field import logit
from onet_core.mesh.manifold import is_closed_manifold
from onet_core.mesh.mesh import Mesh
from onet_core.surface.extract import extract
from onet_core.surface.interactive import InteractiveSurface

SLOPE = 40.0


class Rough:
    """A torus whose `rough` logits are off by up to `error`; counts what each way evaluates."""

    is_rough_faster = True

    def __init__(self, error: float) -> None:
        self.error = error
        self.exact_points, self.rough_points = 0, 0

    def __call__(self, points: Tensor) -> Tensor:
        self.exact_points += len(points)
        return torus(points)

    def rough(self, points: Tensor) -> Tensor:
        self.rough_points += len(points)
        return torus(points) + self.error * torch.sin(1e4 * points.sum(-1))

    def with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        raise AssertionError("nobody asks this field for gradients")


def offsets(mesh: Mesh, resolution: int) -> np.ndarray:
    """How far the vertices are from the torus at threshold 0.2, in cells."""
    logits = torus(torch.from_numpy(mesh.vertices)).numpy()
    return np.abs(logits - logit(0.2)) / SLOPE / (1.1 / resolution)


def root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.parametrize("resolution", [31, 64, 128])
def test_without_a_tolerance_half_precision_does_not_reach_the_vertices(resolution: int) -> None:
    rough = extract(Rough(0.1), resolution=resolution, batch_points=10**7, tolerance=0)
    exact = extract(torus, resolution=resolution, batch_points=10**7)
    assert np.array_equal(rough.mesh.vertices, exact.mesh.vertices)
    assert np.array_equal(rough.mesh.faces, exact.mesh.faces)


@pytest.mark.parametrize("tolerance", [0.02, 0.1])
@pytest.mark.parametrize("error", [0.003, 0.03, 0.1, 1.0])
@pytest.mark.parametrize("resolution", [40, 96])
def test_the_surface_moves_by_no_more_than_the_tolerance(
    resolution: int, error: float, tolerance: float
) -> None:
    result = extract(Rough(error), resolution=resolution, tolerance=tolerance)
    exact = extract(torus, resolution=resolution)
    assert is_closed_manifold(result.mesh.faces)
    moved, before = (root_mean_square(offsets(r.mesh, resolution)) for r in (result, exact))
    assert moved < before + tolerance


def test_float32_is_asked_only_where_it_is_needed() -> None:
    small, large = Rough(0.003), Rough(0.3)
    extract(small, resolution=128)
    assert small.exact_points < 0.1 * small.rough_points
    result = extract(large, resolution=128)
    assert offsets(result.mesh, 128).max() < 0.1  # All vertices are float32's here.
    assert large.exact_points < sum(extract(torus, resolution=128).evaluations)


class Kinked(Rough):
    """The logits rise a twentieth as fast at one end: there rough ones won't do."""

    def __call__(self, points: Tensor) -> Tensor:
        return torus(points) * torch.where(points[:, 0] > -0.3, 1.0, 0.05)

    def rough(self, points: Tensor) -> Tensor:
        return self(points) + self.error * torch.sin(1e4 * points.sum(-1))


def test_where_the_slope_is_low_the_values_are_exact() -> None:
    rough, exact = (extract(f, resolution=128, threshold=0.5).mesh for f in (Kinked(0.02), torus))
    is_flat = [mesh.vertices[:, 0] < -0.31 for mesh in (rough, exact)]
    at_level_0 = [torus(torch.from_numpy(m.vertices)).abs().numpy() for m in (rough, exact)]
    (flat, flat_exact), (steep, steep_exact) = (
        [values[flat == side] for values, flat in zip(at_level_0, is_flat, strict=True)]
        for side in (True, False)
    )
    assert flat.max() <= flat_exact.max() + 1e-5
    assert steep.mean() > 2 * steep_exact.mean()


def test_the_next_surface_of_a_morph_is_as_precise() -> None:
    surface = InteractiveSurface(resolution=64, threshold=0.2)
    surface.update(torus)
    update = surface.update(Rough(0.05))
    assert update.is_followed
    assert is_closed_manifold(update.mesh.faces)
    exact = extract(torus, resolution=64)
    moved, before = (root_mean_square(offsets(r.mesh, 64)) for r in (update, exact))
    assert moved < before + 0.1


class Overflowing(Rough):
    """Half precision that overflows here and there, on a field that is finite, or is not."""

    def __init__(self, is_finite: bool) -> None:
        super().__init__(0.01)
        self.is_finite = is_finite

    def __call__(self, points: Tensor) -> Tensor:
        on_coarse = ((points / (1.1 / 32) % 1 - 0.5).abs() > 0.49).all(dim=1)
        return torch.where(on_coarse | self.is_finite, torus(points), float("nan"))

    def rough(self, points: Tensor) -> Tensor:
        logits = super().rough(points)
        logits[::50] = float("inf")
        logits[1::50] = float("nan")
        return logits


def test_what_overflows_in_half_precision_is_evaluated_in_float32() -> None:
    result = extract(Overflowing(True), resolution=128)
    assert is_closed_manifold(result.mesh.faces)
    assert offsets(result.mesh, 128).max() < 0.2
    with pytest.raises(ModelError, match="not finite"):
        extract(Overflowing(False), resolution=128)
