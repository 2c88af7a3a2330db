"""Work on rows in parts, by several threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from onet_core.scans.batches import by_parts, cubes_of
from onet_core.scans.neighbours import Merged, Neighbours
from onet_core.scans.normals import plane_normals
from onet_core.scans.quadrics import fitted_in


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_row_is_worked_on_once(threads: int) -> None:
    counted, names = np.zeros(1000, dtype=int), set()

    def work(part: slice) -> None:
        counted[part] += 1
        names.add(threading.get_ident())

    by_parts(work, 1000, 7)
    by_parts(work, 0)
    assert (counted == 1).all()
    assert len(names) <= threads


def test_what_a_part_raises_is_raised(threads: int) -> None:
    def work(part: slice) -> None:
        if part.start == 14:
            raise ValueError("part 14")

    with pytest.raises(ValueError, match="part 14"):
        by_parts(work, 100, 7)


def test_normals_do_not_depend_on_the_threads() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(9000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    around, radii = Neighbours(points), [np.full(9000, 0.1), np.full(9000, 0.2)]
    before, found = torch.get_num_threads(), []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        fits = fitted_in(points, points, around, radii, [12, 24])
        found.append([plane_normals(points, around, 12), *(fit.normals for fit in fits)])
    torch.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)
        # Of a ball, the normals are the points.
        assert np.abs(np.einsum("ni,ni->n", one, points)).min() > 0.99


def test_points_count_as_often_as_they_were_scanned() -> None:
    """Quadrics around points that were scanned several times, beside those of their means."""
    random = np.random.default_rng(3)
    places = random.uniform(-1, 1, (300, 3)) * (1, 1, 0.05)
    counts = random.integers(1, 5, len(places))
    twins = np.repeat(places, counts, axis=0)
    first = np.cumsum(counts) - counts
    up, radius = np.array([0.0, 0.0, 1.0]), np.full(len(twins), 0.4)
    (wanted,) = fitted_in(
        twins, np.tile(up, (len(twins), 1)), Neighbours(twins), [radius], [len(twins)], chosen=first
    )
    cubes = cubes_of(twins, 1e-9)
    order = np.argsort(cubes.member[first])
    assert np.array_equal(cubes.counts, counts[order])
    points = cubes.means(twins)
    assert points == pytest.approx(places[order])
    merged = Merged(cubes.counts.astype(np.float32), np.ones(len(points)))
    around = Neighbours(points, merged)
    assert around.scanned()[1] == pytest.approx(len(places) / len(twins))
    (found,) = fitted_in(
        points, np.tile(up, (len(points), 1)), around, [radius[: len(points)]], [len(points)]
    )
    assert found.normals == pytest.approx(wanted.normals[order], abs=1e-4)
    assert found.heights == pytest.approx(wanted.heights[order], abs=1e-5)
    assert found.residuals == pytest.approx(wanted.residuals[order], abs=1e-5)
