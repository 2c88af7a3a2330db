"""The coarse grid of a network, evaluated in part, against the whole grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from analytic_fields import FIELDS, ReluNetwork, sphere
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from onet_core.field import Field, grid_to_box, logit
from onet_core.models.prepared.prepared_field import PlainField
from onet_core.surface.extract import extract
from onet_core.surface.root import coarse_values
from onet_core.surface.rounds import Report, Rounds

LEVEL = logit(0.2)


class Counting:
    """A field that counts as a prepared network, and what it is asked for."""

    is_rough_faster = False

    def __init__(self, field: Field) -> None:
        self.field, self.asked = field, 0

    def __call__(self, points: Tensor) -> Tensor:
        self.asked += len(points)
        return self.field(points)

    def rough(self, points: Tensor) -> Tensor:
        raise AssertionError("it is not faster")

    def with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        raise AssertionError("nobody asks this field for gradients")


def ball(centre: tuple[float, float, float], radius: float) -> Field:
    return lambda points: 40 * (radius - (points - points.new_tensor(centre)).norm(dim=-1))


def rounds_of(*fields: Field) -> Rounds:
    return Rounds(fields, 0.1, "cpu", torch.float32, None, Report(None, 32, 0), 0.0)


def whole_grid(field: Field, resolution: int) -> Tensor:
    axis = torch.arange(resolution + 1)
    points = grid_to_box(torch.cartesian_prod(axis, axis, axis), resolution, 0.1, torch.float32)
    return field(points).view(len(axis), len(axis), len(axis))


def crossed_corners(inside: Tensor) -> Tensor:
    """Which points are corners of cells that have both sides, cell by cell."""
    corners = torch.zeros_like(inside)
    cells = sliding_window_view(inside.numpy(), (2, 2, 2)).reshape(*(np.array(inside.shape) - 1), 8)
    for x, y, z in np.argwhere(cells.any(-1) & ~cells.all(-1)):
        corners[x : x + 2, y : y + 2, z : z + 2] = True
    return corners


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("resolution", [32, 48])
def test_skipped_points_are_on_the_side_that_they_are_taken_to_be_on(
    name: str, resolution: int
) -> None:
    field = Counting(FIELDS[name])
    values, is_known = coarse_values(rounds_of(field), resolution, LEVEL, may_skip=True)
    expected = whole_grid(FIELDS[name], resolution)
    assert torch.equal(values[0][is_known[0]], expected[is_known[0]])
    assert torch.equal(values[0] > LEVEL, expected > LEVEL)
    assert is_known[0][crossed_corners(expected > LEVEL)].all()
    assert field.asked == is_known.sum()


def test_far_from_the_surface_most_points_are_skipped() -> None:
    _, is_known = coarse_values(rounds_of(Counting(sphere)), 32, LEVEL, may_skip=True)
    assert is_known.float().mean() < 0.5


def test_every_point_is_evaluated_where_nothing_may_be_skipped() -> None:
    for resolution, may_skip in ((32, False), (33, True)):
        field = Counting(sphere)
        values, is_known = coarse_values(rounds_of(field), resolution, LEVEL, may_skip=may_skip)
        assert is_known.all()
        assert field.asked == (resolution + 1) ** 3
        assert torch.equal(values[0], whole_grid(sphere, resolution))


def test_what_lies_around_a_single_skipped_point_is_still_seen_when_nothing_else_is() -> None:
    """A ball around the point (15, 16, 16) that reaches no other point of the grid."""
    spacing = 1.1 / 32
    flat = ball((15 * spacing - 0.55, 0.0, 0.0), 0.4 * spacing)

    def saturated(points: Tensor) -> Tensor:
        return torch.where(flat(points) > 0, 8.0, -8.0)

    values, is_known = coarse_values(rounds_of(Counting(saturated)), 32, LEVEL, may_skip=True)
    assert is_known.all()
    assert (values > LEVEL).nonzero().tolist() == [[0, 15, 16, 16]]


def test_each_of_several_objects_gets_what_it_gets_alone() -> None:
    fields = [sphere, ball((0.2, 0.1, 0.0), 0.1), ball((9.0, 0.0, 0.0), 0.1)]
    values, is_known = coarse_values(rounds_of(*map(Counting, fields)), 32, LEVEL, may_skip=True)
    for number, field in enumerate(fields):
        alone, known = coarse_values(rounds_of(Counting(field)), 32, LEVEL, may_skip=True)
        assert torch.equal(values[number], alone[0])
        assert torch.equal(is_known[number], known[0])
    assert is_known[2].all()


@pytest.mark.parametrize("seed", range(3))
def test_a_network_has_the_same_surface_with_fewer_evaluations(seed: int) -> None:
    network = ReluNetwork(seed)

    class Field(PlainField):
        def _logits(self, points: Tensor) -> Tensor:
            return network(points)

    field = Field(network, torch.empty(0), None)
    ours = extract(field, resolution=128)
    original = extract(field, resolution=128, followed_from=4096)
    assert np.array_equal(ours.mesh.faces, original.mesh.faces)
    assert np.allclose(ours.mesh.vertices, original.mesh.vertices, atol=1e-12)
    assert sum(ours.evaluations) < 0.7 * sum(original.evaluations)
