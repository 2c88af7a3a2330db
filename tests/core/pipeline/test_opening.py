"""Files that are shown before anything is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from onet_core.errors import InputError
from onet_core.inputs.voxels import VoxelGrid
from onet_core.pipeline.opening import open_file, sides_of


def test_far_from_the_origin_nothing_is_rounded_away(tmp_path: Path) -> None:
    """A scan in a national grid: metres from the equator, with millimetres."""
    shape = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 3))
    place = np.array([437_123.456, 5_312_987.654, 512.25])
    np.savetxt(tmp_path / "scan.xyz", shape + place, fmt="%.6f")
    opened = open_file(tmp_path / "scan.xyz")
    assert opened.vertices.dtype == np.float32
    back = opened.vertices.astype(np.float64) + opened.centre
    assert np.abs(back - shape - place).max() < 2e-6
    assert (opened.kind, len(opened.faces)) == ("points", 0)


def test_y_up_becomes_z_up(tmp_path: Path) -> None:
    """A tall box that stands along y, as OBJ has it."""
    box = trimesh.creation.box(extents=(1, 3, 2))
    box.apply_translation((10, 20, 30))
    box.export(tmp_path / "box.obj")
    opened = open_file(tmp_path / "box.obj")
    size = opened.vertices.max(0) - opened.vertices.min(0)
    assert np.allclose(size, (1, 2, 3))
    assert np.allclose(opened.centre, (10, -30, 20))  # where Blender's importers put it
    made = trimesh.Trimesh(opened.vertices, opened.faces, process=False)
    assert made.volume == pytest.approx(6)  # not inside out


def test_voxels_become_a_closed_mesh_of_their_volume() -> None:
    cells = np.random.default_rng(1).random((5, 6, 7)) < 0.5
    grid = VoxelGrid(cells, np.array([1.0, 2.0, 3.0]), 0.25)
    vertices, faces = sides_of(grid)
    made = trimesh.Trimesh(vertices, faces, process=False)
    assert made.volume == pytest.approx(cells.sum() * 0.25**3)
    assert np.allclose(made.bounds[0], [1, 2, 3])  # the grid's corner cells' sides
    occupied = np.argwhere(cells)
    assert np.allclose(made.bounds[1], [1, 2, 3] + 0.25 * (occupied.max(0) + 1))


def test_a_picture_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="is a picture"):
        open_file(tmp_path / "a.png")
