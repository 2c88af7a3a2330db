"""Marching cubes against PyMCubes, and the closedness that follows from the table."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from analytic_fields import REFERENCE, same_oriented_mesh

from onet_core.mesh.manifold import is_closed_manifold
from onet_core.surface.cube_cases import CORNERS
from training.measure.marching_cubes import marching_cubes, polygonise


def noise(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def closed(volume: np.ndarray) -> np.ndarray:
    return np.pad(volume, 1, constant_values=-1e6)


@pytest.mark.parametrize(
    ("volume", "level"),
    [
        (noise((14, 11, 17)), 0.125),
        (closed(noise((15, 15, 15), 1)), -0.5),
        (closed((noise((12, 12, 12), 2) > 0).astype(float)), 0.5),
        (np.full((4, 4, 4), 1.0), 0.0),
    ],
    ids=["noise, open", "noise, closed", "binary", "no surface"],
)
def test_equals_pymcubes(volume: np.ndarray, level: float) -> None:
    mcubes = pytest.importorskip("mcubes")
    ours = marching_cubes(volume, level, minimum_fraction=0)
    # Vertices between a value and the padding lie a millionth of a cell from each other.
    assert same_oriented_mesh(ours, mcubes.marching_cubes(volume, level), digits=10)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_equals_the_original_on_its_own_grids(steps: int) -> None:
    with np.load(REFERENCE / "toy_mesh.npz") as data:
        grid, vertices, faces = (data[f"{n}_u{steps}"] for n in ("grid", "verts", "faces"))
    level = np.float32(np.log(0.2) - np.log(0.8))
    ours, our_faces = marching_cubes(closed(grid.astype(np.float64)), level, minimum_fraction=0)
    ours = 1.1 * ((ours - 1) / (len(grid) - 1) - 0.5)
    assert same_oriented_mesh((ours, our_faces), (vertices, faces), digits=7)


@pytest.mark.parametrize("seed", range(4))
def test_a_closed_grid_gives_a_closed_manifold_that_faces_outwards(seed: int) -> None:
    volume = noise((18, 18, 18), seed)
    if seed % 2:
        volume = (volume > 0.3).astype(float)
    vertices, faces = marching_cubes(closed(volume), 0.4)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert is_closed_manifold(faces)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0
    assert len(np.unique(vertices, axis=0)) == len(vertices)
    # Every vertex has one fan: as many faces around it as different neighbours.
    corner, following = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    neighbours = np.unique(np.stack([corner, following], axis=1), axis=0)[:, 0]
    assert np.array_equal(np.bincount(corner), np.bincount(neighbours))
    fans = trimesh.graph.connected_components(
        _links_within_fans(faces), nodes=np.arange(faces.size)
    )
    assert len(fans) == len(vertices)


def _links_within_fans(faces: np.ndarray) -> np.ndarray:
    """Pairs of face corners at one vertex that belong to faces with an edge in common there."""
    corners = np.arange(faces.size).reshape(-1, 3)
    at: dict[tuple[int, int], tuple[int, int]] = {}
    for face, ids in zip(faces.tolist(), corners.tolist(), strict=True):
        for k in range(3):
            at[face[k], face[(k + 1) % 3]] = (ids[k], ids[(k + 1) % 3])
    links = []
    for (a, b), (start, stop) in at.items():
        other_start, other_stop = at[b, a]
        links += [(start, other_stop), (stop, other_start)]
    return np.array(links)


def test_values_at_the_level_give_no_face_without_area() -> None:
    volume = closed(np.round(noise((16, 16, 16)) * 2) / 2)
    level = 0.5
    assert (volume == level).sum() > 100
    vertices, faces = marching_cubes(volume, level)
    area = trimesh.Trimesh(vertices, faces, process=False).area_faces
    assert area.min() > 1e-9  # The least that 1e-4 of a cell allows is 5e-9 times a sine.
    assert is_closed_manifold(faces)

    plain, plain_faces = marching_cubes(volume, level, minimum_fraction=0)
    assert np.array_equal(faces, plain_faces)
    assert np.abs(vertices - plain).max() <= 1e-4 + 1e-12
    assert (trimesh.Trimesh(plain, plain_faces, process=False).area_faces == 0).any()


def test_an_open_surface_ends_at_the_grid() -> None:
    x = np.arange(6.0)
    volume = np.broadcast_to(2.3 - x[:, None, None], (6, 5, 4))
    vertices, faces = marching_cubes(volume, 0.0)
    assert np.allclose(vertices[:, 0], 2.3)
    assert len(vertices) == 5 * 4
    assert len(faces) == 4 * 3 * 2
    assert not is_closed_manifold(faces)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert np.allclose(mesh.face_normals, [1, 0, 0])
    assert mesh.area == pytest.approx(12)


def test_cells_may_come_in_any_order_and_place_and_with_idle_ones_among_them() -> None:
    volume = noise((7, 7, 7))
    cells = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    np.random.default_rng(1).shuffle(cells)
    corner = cells[:, None, :] + CORNERS
    values = volume[corner[..., 0], corner[..., 1], corner[..., 2]]
    offset = np.array([-20, 3, -1])
    vertices, faces = polygonise(cells + offset, values, 0.1)
    assert same_oriented_mesh((vertices - offset, faces), marching_cubes(volume, 0.1))


def test_part_of_the_cells_gives_part_of_the_surface() -> None:
    volume = noise((9, 9, 9))
    cells = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    corner = cells[:, None, :] + CORNERS
    values = volume[corner[..., 0], corner[..., 1], corner[..., 2]]
    every_other = cells.sum(axis=1) % 2 == 0
    parts = [polygonise(cells[s], values[s], 0.1) for s in (every_other, ~every_other)]
    whole = marching_cubes(volume, 0.1)
    triangles = np.concatenate([vertices[faces] for vertices, faces in parts]).reshape(-1, 9)
    expected = whole[0][whole[1]].reshape(-1, 9)
    assert np.allclose(triangles[np.lexsort(triangles.T)], expected[np.lexsort(expected.T)])


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (np.array([[[0.0, np.nan], [0, 1]], [[0, 0], [0, 0]]]), "not finite"),
        (np.zeros((2, 2)), "at least 2 x 2 x 2"),
        (np.zeros((1, 4, 4)), "at least 2 x 2 x 2"),
    ],
)
def test_bad_grids_are_refused(volume: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        marching_cubes(volume, 0.5)
