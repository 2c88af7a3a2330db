"""A grid of a field's values, asked in part, against the whole grid."""

from __future__ import annotations

import pytest
import torch
from analytic_fields import FIELDS
from torch import Tensor

from onet_core.field import logit
from onet_core.surface.probing import Probe

SIZE, HALF = 33, 0.55
LOWEST = logit(0.02)


class Counted:
    """A field that falls off around its shape, as networks' do, and how often it was asked."""

    def __init__(self, name: str) -> None:
        self._field, self.asked = FIELDS[name], 0

    def __call__(self, points: Tensor) -> Tensor:
        self.asked += len(points)
        return 5 * torch.tanh(self._field(points) / 5) - 3 * points.norm(dim=1)


def probe(field: Counted, lowest: float | None) -> Probe:
    return Probe(field, SIZE, HALF, lowest, torch.device("cpu"))


@pytest.mark.parametrize("name", FIELDS)
def test_all_that_counts_is_the_fields_own(name: str) -> None:
    whole, part = probe(Counted(name), None), probe(Counted(name), LOWEST)
    assert whole.is_known.all()
    counts = whole.values >= LOWEST
    assert counts.any()
    assert torch.equal(part.values[counts], whole.values[counts])
    assert torch.equal(part.values[part.is_known], whole.values[part.is_known])
    assert (part.values[~part.is_known] < LOWEST).all()


def test_far_from_a_thin_shape_little_is_asked_and_nothing_twice() -> None:
    field = Counted("torus")
    made = probe(field, LOWEST)
    assert field.asked == int(made.is_known.sum()) < SIZE**3 / 2
    made.ask(made.nodes[:, 0].view_as(made.values) > 0)
    assert field.asked == int(made.is_known.sum()) > SIZE**3 / 2
    made.ask(made.is_known)
    assert field.asked == int(made.is_known.sum())


def test_nodes_and_values_are_indexed_alike() -> None:
    made = probe(Counted("sphere"), LOWEST)
    at = made.nodes.view(*made.values.shape, 3)
    assert torch.allclose(at[3, 5, 7], torch.tensor([3.0, 5.0, 7.0]) / 32 * 1.1 - HALF)
    expected = Counted("sphere")(made.nodes).view_as(made.values)
    assert torch.equal(made.values[made.is_known], expected[made.is_known])
