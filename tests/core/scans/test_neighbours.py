"""Neighbours that are kept, beside distances of all to all, and signs that are solved for all of a
cloud beside another way to the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from onet_core.mesh.gaps import spacing_of
from onet_core.scans.neighbours import Neighbours
from onet_core.scans.signs import agreed


@pytest.mark.parametrize("known", [0, 5, 40])
def test_neighbours_are_the_nearest(known: int) -> None:
    points = np.random.default_rng(0).random((300, 3))
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    around = Neighbours(points)
    if known:
        around.know(known)
    rows = np.array([7, 3, 299])
    for wanted in (rows, slice(100, 160)):
        distances, near = around.of(wanted, 12)
        assert np.array_equal(near, np.argsort(apart[wanted], axis=1)[:, :12])
        assert distances == pytest.approx(np.sort(apart[wanted], axis=1)[:, :12])
        assert np.array_equal(around.numbers(wanted, 12), near)
    spacing = spacing_of(points, cKDTree(points))
    assert np.array_equal(around.spacing(), spacing)
    assert np.array_equal(around.spacing(rows), spacing[rows])
    before = around.of(rows, 12)
    around.forget_distances()
    for now, then in zip(around.of(rows, 12), before, strict=True):
        assert np.array_equal(now, then)
    assert np.array_equal(around.numbers(rows, 12), before[1])


def test_a_stray_is_spaced_as_the_points_that_it_lies_beside() -> None:
    edge = 1 / 32
    grid = np.stack(np.meshgrid(*2 * [np.arange(33) * edge], [0.0], indexing="ij"), -1)
    points = np.concatenate([grid.reshape(-1, 3), [[0.5, 0.5, 3.5 * edge]]])
    around = Neighbours(points)
    known, even = around.spacing(), around.even_spacing()
    assert known[-1] > 2 * edge
    # The eighth neighbour of a point in a grid lies across a square.
    assert even[-1] == pytest.approx(edge * np.sqrt(2 * np.pi / 8), rel=1e-6)
    within = np.pad(np.ones((29, 29), dtype=bool), 2).ravel()
    assert np.array_equal(even[:-1][within], known[:-1][within])


def test_of_places_the_nearest_point_is_found() -> None:
    random = np.random.default_rng(1)
    points, places = random.random((300, 3)), random.random((50, 3))
    apart = np.linalg.norm(places[:, None] - points, axis=2)
    distances, nearest = Neighbours(points).nearest(places)
    assert np.array_equal(nearest, apart.argmin(axis=1))
    assert distances == pytest.approx(apart.min(axis=1))


def test_few_points_have_fewer_neighbours() -> None:
    around = Neighbours(np.random.default_rng(0).random((4, 3)))
    around.know(12)
    assert around.of(slice(None), 12)[1].shape == (4, 4)
    assert around.of(np.array([1]), 2)[1].shape == (1, 2)


def test_signs_that_agree_solve_the_linear_system() -> None:
    random = np.random.default_rng(0)
    points = random.random((400, 3))
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    weights = np.where(apart < 0.2, random.uniform(-0.2, 1, apart.shape), 0)
    weights = (weights + weights.T) / 2
    np.fill_diagonal(weights, 0)
    own = 10 * random.standard_normal(400) ** 2 * random.choice([-1.0, 1.0, 1.0], 400)
    trust = 0.0005
    matrix = np.diag(np.abs(weights).sum(axis=1) + trust * np.abs(own) + 1e-6) - weights
    wanted = np.linalg.solve(matrix, trust * own)
    found = agreed(csr_array(weights), own)
    assert found == pytest.approx(wanted, abs=1e-2 * np.abs(wanted).max())
    clear = np.abs(wanted) > 0.02 * np.abs(wanted).max()
    assert np.array_equal(np.sign(found[clear]), np.sign(wanted[clear]))
