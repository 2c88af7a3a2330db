"""Surfaces found from the last one: equal to a search through the whole box."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from onet_core.errors import Cancelled, NoSurfaceError
from onet_core.mesh.manifold import is_closed_manifold
from onet_core.surface.extract import Extraction, extract
from onet_core.surface.interactive import InteractiveSurface

Shape = Callable[[Tensor], Tensor]


def ball(centre: tuple[float, float, float], radius: float) -> Shape:
    return lambda points: 40 * (radius - (points - torch.tensor(centre)).norm(dim=-1))


def joined(*shapes: Shape) -> Shape:
    return lambda points: torch.stack([shape(points) for shape in shapes]).amax(dim=0)


def same(one: Extraction, other: Extraction) -> bool:
    return np.array_equal(one.mesh.faces, other.mesh.faces) and np.allclose(
        one.mesh.vertices, other.mesh.vertices, atol=1e-6
    )


def surface() -> InteractiveSurface:
    return InteractiveSurface(resolution=64, threshold=0.5)


def searched(field: Shape) -> Extraction:
    return extract(field, resolution=64, threshold=0.5)


def follow(fields: list[Shape]) -> list[bool]:
    """Updates one surface by all fields, asserts equality; whether each was followed."""
    interactive, followed = surface(), []
    for field in fields:
        update = interactive.update(field)
        assert same(update, searched(field))
        assert is_closed_manifold(update.mesh.faces)
        followed.append(update.is_followed)
    return followed


def test_a_moving_and_growing_shape_is_followed() -> None:
    steps = np.linspace(0, 0.1, 6).tolist()
    moving = [joined(ball((s, 0, 0), 0.2 + s / 2), ball((-0.3, s, 0), 0.1)) for s in steps]
    assert follow(moving) == [False] + [True] * 5


def test_it_asks_for_less_than_a_search() -> None:
    interactive = surface()
    interactive.update(ball((0, 0, 0), 0.3))
    update = interactive.update(ball((0.01, 0, 0), 0.3))
    search = searched(ball((0.01, 0, 0), 0.3))
    coarse = 33**3
    assert sum(update.evaluations) - coarse < 0.6 * (sum(search.evaluations) - coarse)


def test_new_and_vanished_parts_are_found() -> None:
    one, other = ball((-0.2, 0, 0), 0.2), ball((0.3, 0.2, -0.3), 0.06)
    assert follow([one, joined(one, other), one]) == [False, True, True]


def test_a_part_that_the_coarse_grid_no_longer_sees_goes_as_in_a_search() -> None:
    # Between the points of the coarse grid, whose cells' half diagonal is 0.03.
    place = (0.3 + 0.55 / 32, 0.55 / 32, 0.55 / 32)
    centre = tuple((np.floor((c + 0.55) * 32 / 1.1) + 0.5) * 1.1 / 32 - 0.55 for c in place)
    shapes = [joined(ball((-0.2, 0, 0), 0.2), ball(centre, r)) for r in (0.06, 0.04, 0.025, 0.04)]
    assert follow(shapes) == [False, True, True, True]


def test_a_surface_that_goes_through_the_side_of_the_box_is_followed() -> None:
    assert (
        follow([ball((x, 0, 0), 0.2) for x in (0.3, 0.33, 0.36, 0.4, 0.36, 0.33)])[1:] == [True] * 5
    )


def test_another_shape_is_searched_and_the_answer_says_so() -> None:
    assert follow([ball((0, 0, 0), 0.2), ball((0, 0, 0), 0.4), ball((0, 0, 0.01), 0.4)]) == [
        False,
        False,
        True,
    ]


def test_after_an_error_the_next_update_searches() -> None:
    interactive = surface()
    interactive.update(ball((0, 0, 0), 0.1))
    with pytest.raises(NoSurfaceError, match="whole box for outside"):
        interactive.update(lambda points: -1 - points.norm(dim=-1))
    assert not interactive.update(ball((0, 0, 0), 0.1)).is_followed

    def cancel(stage: str, fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        interactive.update(ball((0, 0, 0), 0.1), cancel)
    update = interactive.update(ball((0, 0, 0), 0.1))
    assert not update.is_followed
    assert same(update, searched(ball((0, 0, 0), 0.1)))
