"""Values between grid points: polynomials, analytic shapes, and fewer questions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from analytic_fields import FIELDS, as_trimesh
from torch import Tensor

from onet_core import devices
from onet_core.mesh.manifold import is_closed_manifold
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.nearest import nearest_on_mesh
from onet_core.models.prepared.prepared_field import PreparedField
from onet_core.surface.between import Samples, halved_values
from onet_core.surface.extract import Extraction, extract_all, only
from onet_core.surface.sparse_grid import SparseGrid, keys_of

CELLS = 8
# Of the fields' logits, by the distance from their surfaces.
SLOPE = 40


class Counted(PreparedField):
    """A function as a network's field; points: how many it was asked for."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self.points = name, 0

    def _logits(self, points: Tensor) -> Tensor:
        self.points += len(points)
        return FIELDS[self._name](points)


def surface(name: str, resolution: int, finest_asked: int = 0) -> Extraction:
    return only(extract_all([Counted(name)], resolution=resolution, finest_asked=finest_asked))


def all_points(cells: int) -> Tensor:
    axis = torch.arange(cells + 1)
    return torch.cartesian_prod(axis, axis, axis)


def quadratic(points: Tensor) -> Tensor:
    x, y, z = points.unbind(-1)
    return 1 + x - 2 * y + 3 * z + x * y - z * x + 0.5 * x * x - y * y + 2 * z * z


def values_of_quadratic(cells: int) -> Tensor:
    return quadratic(all_points(cells) / cells).view(1, *[cells + 1] * 3)


def inner(values: Tensor, margin: int) -> Tensor:
    return values[:, margin:-margin, margin:-margin, margin:-margin]


def test_polynomials_are_met_between_samples() -> None:
    """Where there are two samples on either side; at the ends it goes on straight."""
    halved = halved_values(values_of_quadratic(CELLS))
    torch.testing.assert_close(inner(halved, 2), inner(values_of_quadratic(2 * CELLS), 2))
    for finer in (2, 4, 8):
        cells = finer * CELLS
        keys = keys_of(all_points(cells), cells)
        found = Samples(values_of_quadratic(CELLS)).on(cells)(keys).view(1, *[cells + 1] * 3)
        expected = values_of_quadratic(cells)
        torch.testing.assert_close(inner(found, finer), inner(expected, finer))


def test_both_ways_agree_and_samples_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.randn(2, *[CELLS + 1] * 3, generator=torch.Generator().manual_seed(0))
    cells = 2 * CELLS
    indices = all_points(cells).repeat(2, 1)
    objects = torch.arange(2).repeat_interleave(len(indices) // 2)
    monkeypatch.setattr("onet_core.surface.between._BATCH", 1000)
    found = Samples(values).on(cells)(keys_of(indices, cells, objects)).view(2, *[cells + 1] * 3)
    torch.testing.assert_close(found, halved_values(values))
    assert torch.equal(halved_values(values)[:, ::2, ::2, ::2], values)


def test_what_is_known_counts_more_than_what_a_coarse_grid_says() -> None:
    coarse = values_of_quadratic(CELLS)
    key = keys_of(torch.tensor([[7, 8, 9], [8, 8, 8]]), 2 * CELLS)
    known = torch.tensor([True, False])
    grid = SparseGrid(2 * CELLS, 0.0, key, torch.tensor([50.0, 50.0]), known)
    found = Samples.of(coarse, grid).on(2 * CELLS)(key)
    expected = torch.tensor([50.0, float(quadratic(torch.full((3,), 0.5)))])
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("resolution", [128, 256])
def test_finer_grids_ask_nothing_more(resolution: int) -> None:
    coarse, fine = Counted("torus"), Counted("torus")
    extract_all([coarse], resolution=64)
    made = only(extract_all([fine], resolution=resolution, finest_asked=64))
    assert fine.points == coarse.points
    assert made.resolution == resolution


def off(mesh: Mesh, name: str) -> float:
    """How far the vertices are from the surface, in cells of 1 / 128, as a root mean square."""
    level = np.log(0.2 / 0.8)
    values = FIELDS[name](torch.from_numpy(mesh.vertices)).numpy()
    return 128 / SLOPE * float(np.sqrt(((values - level) ** 2).mean()))


def bend(mesh: Mesh) -> float:
    """The mean angle between neighbouring faces."""
    return float(as_trimesh(mesh).face_adjacency_angles.mean())


@pytest.mark.parametrize("name", ["sphere", "torus"])
def test_surfaces_are_closed_and_smoother_than_a_coarse_grids(name: str) -> None:
    coarse, made, asked = (surface(name, *cells) for cells in ((64,), (128, 64), (128,)))
    assert is_closed_manifold(made.mesh.faces)
    assert off(made.mesh, name) < 0.01
    assert bend(made.mesh) < 0.6 * bend(coarse.mesh)
    assert bend(made.mesh) < 1.1 * bend(asked.mesh)
    solid, expected = as_trimesh(made.mesh), as_trimesh(asked.mesh)
    assert solid.volume == pytest.approx(expected.volume, rel=1e-3)


def test_a_grid_that_is_coarse_enough_is_asked_completely() -> None:
    """Also where cells are not halved to exactly that number."""
    for resolution, finest in ((64, 64), (100, 64), (128, 128), (128, 4096)):
        made, asked = surface("torus", resolution, finest), surface("torus", resolution)
        np.testing.assert_array_equal(made.mesh.vertices, asked.mesh.vertices)


def test_objects_are_as_alone() -> None:
    names = ["torus", "sphere"]
    fields = [Counted(name) for name in names]
    for name, made in zip(names, extract_all(fields, resolution=128, finest_asked=64), strict=True):
        assert isinstance(made, Extraction)
        alone = surface(name, 128, 64)
        np.testing.assert_array_equal(made.mesh.faces, alone.mesh.faces)
        np.testing.assert_allclose(made.mesh.vertices, alone.mesh.vertices, atol=1e-6)


@pytest.mark.parametrize("name", ["sphere", "torus", "plate"])
def test_cards_find_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = surface(name, 128, 64)
    monkeypatch.setattr(devices, "is_card", lambda device: True)
    made = surface(name, 128, 64)
    assert is_closed_manifold(made.mesh.faces)
    # Far from the surface the processor's search estimates what a card asks.
    found = nearest_on_mesh(made.mesh.vertices, expected.mesh.vertices, expected.mesh.faces)
    assert 128 * found.distances.max() < 0.1
