"""Ships drawn at random: closed parts that hang together, alike on both sides, bow ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from numpy.typing import NDArray
from scipy.ndimage import label

from training.data.build.occupancy import WindingNumber
from training.data.build.shapes import list_indexed_shapes
from training.data.sources.__main__ import main
from training.data.sources.ships import KINDS, make_ship

GRID = 40


def inside(seed: int) -> NDArray[np.bool_]:
    """Cells of a ship along x, y, z, by winding numbers."""
    middles = (np.arange(GRID) + 0.5) / GRID - 0.5
    points = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1)
    solid = WindingNumber(make_ship(seed))
    return solid(points.reshape(-1, 3)).reshape((GRID,) * 3)


@pytest.mark.parametrize("seed", range(2 * len(KINDS)))
def test_a_ship_is_one_solid_alike_on_both_sides(seed: int) -> None:
    cells = inside(seed)
    assert label(cells, np.ones((3, 3, 3)))[1] == 1
    assert (cells != cells[::-1]).sum() < 0.02 * cells.sum()
    assert 0.01 < cells.mean() < 0.2


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_every_part_is_closed_and_looks_outwards(seed: int) -> None:
    triangles = make_ship(seed)
    whole = trimesh.Trimesh(triangles.vertices, triangles.faces, process=False)
    for part in whole.split(only_watertight=False):
        part.merge_vertices()
        assert part.is_watertight
        assert part.volume > 0


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_the_bow_is_ahead_and_narrower_than_the_stern(seed: int) -> None:
    vertices = make_ship(seed).vertices
    assert np.ptp(vertices[:, 2]) == pytest.approx(1)
    bow, stern = (abs(vertices[sign * vertices[:, 2] > 0.4, 0]).max() for sign in (-1, 1))
    assert bow < 0.8 * stern


def test_the_same_seed_is_the_same_ship_and_another_one_differs() -> None:
    one, again, other = make_ship(3), make_ship(3), make_ship(3 + len(KINDS))
    assert np.array_equal(one.vertices, again.vertices)
    assert np.array_equal(one.colours, again.colours)
    assert not np.array_equal(np.ptp(one.vertices, axis=0), np.ptp(other.vertices, axis=0))


def test_the_command_writes_what_building_reads(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["ships", "--output", str(tmp_path), "--count", "9"])
    assert told.exit_code == 0, told.output
    entries = list_indexed_shapes(tmp_path)
    assert [entry.name for entry in entries][:2] == ["own-freighter-0000", "own-tug-0001"]
    assert {(entry.category, entry.split, entry.licence) for entry in entries} == {
        ("vessel", "train", "CC0-1.0")
    }
    stored = entries[8].load().triangles
    made = make_ship(8)
    # Equal up to the rounding of stored coordinates.
    assert np.allclose(stored.vertices.min(0), made.vertices.min(0), atol=1e-4)
    assert np.allclose(stored.vertices.max(0), made.vertices.max(0), atol=1e-4)
