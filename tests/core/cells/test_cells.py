"""Voxel grids whose cells are all followed, against shapes that are known exactly."""

from __future__ import annotations

import igl
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from onet_core.cells.surface import mesh_of_cells
from onet_core.inputs.volumes import VoxelGrid
from onet_core.inputs.voxelise import solid_voxels
from onet_core.inputs.voxels import prepare_voxels
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.parts import count_parts
from onet_core.pipeline.job import Job, run
from onet_core.settings import Settings
from training.measure.marching_cubes import marching_cubes

CELLS = 60


def touched(shape: trimesh.Trimesh) -> NDArray[np.bool_]:
    """The cells that a shape in the unit cube touches or encloses."""
    return solid_voxels((shape.triangles + 0.5) * CELLS, CELLS)


def away(shape: trimesh.Trimesh, mesh: Mesh) -> float:
    """How far a mesh's vertices are from a shape, on average, in cells."""
    squared, _, _ = igl.point_mesh_squared_distance(
        mesh.vertices.astype(np.float64), np.array(shape.vertices), np.array(shape.faces)
    )
    return float(np.sqrt(squared).mean()) * CELLS


def turned_box() -> trimesh.Trimesh:
    box = trimesh.creation.box((0.5, 0.6, 0.4))
    box.apply_transform(trimesh.transformations.rotation_matrix(0.5, [1, 2, 3]))
    box.apply_scale(1 / box.extents.max())
    return box


@pytest.mark.parametrize("shape", [trimesh.creation.icosphere(4, 0.5), turned_box()])
def test_the_surface_is_nearer_than_marching_cubes(shape: trimesh.Trimesh) -> None:
    cells = touched(shape)
    mesh, _ = mesh_of_cells(cells, CELLS)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight
    assert solid.volume == pytest.approx(shape.volume, rel=0.03)
    vertices, faces = marching_cubes(np.pad(cells, 1).astype(float), 0.5)
    plain = Mesh(((vertices - 0.5) / CELLS - 0.5).astype(np.float32), faces)
    assert away(shape, mesh) < 0.3
    assert away(shape, mesh) < 0.5 * away(shape, plain)


def test_parts_of_a_single_cell_stay_whole() -> None:
    cells = np.zeros((CELLS, CELLS, CELLS), dtype=bool)
    diagonal = np.arange(20, CELLS)
    cells[diagonal, diagonal, 30] = True
    cells[diagonal[:-1], diagonal[1:], 30] = True  # a rod that rises by a step each cell
    cells[:, 5, 5:50] = True  # and a plate
    mesh, _ = mesh_of_cells(cells, 128)
    assert count_parts(mesh) == 2
    plate = mesh.vertices[mesh.vertices[:, 1] < -0.35]
    assert np.ptp(plate[:, 2]) == pytest.approx(45 / CELLS, abs=1.2 / CELLS)


def test_a_thin_blade_does_not_come_off_its_thick_guard() -> None:
    cells = np.zeros((12, 64, 40), dtype=bool)
    cells[6, 20:64, 19:22] = True  # the blade, one cell thick
    cells[4:9, 18:21, 10:31] = True
    cells[5:8, :18, 19:22] = True
    mesh, _ = mesh_of_cells(cells, 128)
    assert count_parts(mesh) == 1
    assert mesh.vertices[:, 1].max() > 0.48


def test_it_lies_where_the_grid_lies_and_has_its_colours() -> None:
    ball = touched(trimesh.creation.icosphere(3, 0.5))[:, 10:40]
    cells = np.pad(ball, ((3, 0), (0, 7), (2, 1)))
    colours = np.zeros((np.count_nonzero(cells), 3), dtype=np.uint8)
    colours[:, 0] = np.where(np.argwhere(cells)[:, 0] < 33, 200, 20)
    grid = VoxelGrid(cells, np.array([5.0, -2.0, 100.0]), 0.25, colours)
    settings = Settings(normals=False, colours=True)
    job = Job(voxels=grid, colours=colours, up_axis="z", settings=settings, device="cpu")
    made = run(job)
    inside = grid.centres()
    low, high = inside.min(axis=0), inside.max(axis=0)
    assert made.made.mesh.vertices.min(axis=0) == pytest.approx(low, abs=0.25)
    assert made.made.mesh.vertices.max(axis=0) == pytest.approx(high, abs=0.25)
    painted = made.made.mesh.colours
    assert painted is not None
    is_left = made.made.mesh.vertices[:, 0] < 5 + 0.25 * 31
    assert (painted[is_left, 0] == 200).all()
    assert any("60 along" in str(note) for note in made.findings.notes)


def test_a_threshold_asks_the_network() -> None:
    grid = VoxelGrid(touched(trimesh.creation.icosphere(3, 0.5)), np.zeros(3), 1.0)
    job = Job(voxels=grid, settings=Settings(threshold=0.4, resolution=32), device="cpu")
    made = run(job)
    assert "cells" not in made.made.seconds
    assert not made.findings.notes


@pytest.mark.parametrize(
    ("size", "is_followed"),
    [(1, False), (16, False), (17, True), (27, True), (28, False), (33, True)],
)
def test_cells_that_the_network_would_read_unevenly_are_followed(
    size: int, is_followed: bool
) -> None:
    grid = VoxelGrid(np.ones((size, 2, size), dtype=bool), np.zeros(3), 1.0)
    seen = prepare_voxels(grid)
    assert (seen.cells is not None) == is_followed


def test_a_small_ball_is_round() -> None:
    # 20 cells: the network, which reads 32, would get rings of one and of two cells.
    ball = solid_voxels((trimesh.creation.icosphere(4, 0.5).triangles + 0.5) * 20, 20)
    made = run(Job(voxels=VoxelGrid(ball, np.full(3, -0.5), 0.05), up_axis="y", device="cpu"))
    radii = np.linalg.norm(made.made.mesh.vertices, axis=1)
    assert radii.std() < 0.2 * 0.05
    assert radii.mean() == pytest.approx(0.5, abs=0.3 * 0.05)
