"""Voxels: files, exact grids, and meshes against brute force and analytic shapes."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from reading import read_voxels

from onet_core.errors import InputError
from onet_core.inputs.formats.binvox import read_binvox
from onet_core.inputs.frame import UP_AXES, network_to_up
from onet_core.inputs.volumes import VoxelGrid
from onet_core.inputs.voxelise import recover_blocks, touched_voxels, voxelise_mesh
from onet_core.inputs.voxels import prepare_voxels
from onet_core.mesh.mesh import Mesh

CENTRES = (np.stack(np.meshgrid(*[np.arange(32)] * 3, indexing="ij"), -1) + 0.5) / 32 - 0.5


def blob(shape, seed=0) -> np.ndarray:
    """A random solid that reaches all six sides of its grid."""
    cells = np.random.default_rng(seed).random(shape) < 0.5
    cells[0, 0, 0] = cells[-1, -1, -1] = True
    return cells


def grid_at_origin(cells) -> VoxelGrid:
    return VoxelGrid(np.asarray(cells), np.zeros(3), 1.0)


def source_cells(seen) -> np.ndarray:
    """Where the centres of the observation's occupied cells lie in the source."""
    return seen.frame.to_source(CENTRES[seen.data > 0])


def binvox(cells, translate=(0, 0, 0), scale=1.0) -> bytes:
    """Written from the format's description, one cell at a time."""
    x, y, z = cells.shape
    runs = []
    for i in range(x):
        for k in range(z):
            for j in range(y):
                value = int(cells[i, j, k])
                if runs and runs[-1][0] == value and runs[-1][1] < 255:
                    runs[-1][1] += 1
                else:
                    runs.append([value, 1])
    header = f"#binvox 1\ndim {x} {z} {y}\ntranslate {' '.join(map(str, translate))}\n"
    header += f"scale {scale}\ndata\n"
    return header.encode() + bytes(number for run in runs for number in run)


def test_binvox_axes_place_and_scale(tmp_path):
    cells = blob((32, 32, 32))
    (tmp_path / "a.binvox").write_bytes(binvox(cells, (-1, 2, 3.5), 8))
    grid = read_binvox(tmp_path / "a.binvox")
    np.testing.assert_array_equal(grid.occupied, cells)
    np.testing.assert_array_equal(grid.origin, [-1, 2, 3.5])
    assert grid.pitch == 0.25
    loaded = trimesh.load(tmp_path / "a.binvox")
    assert loaded.matrix.sum() == cells.sum()


def test_binvox_agrees_with_trimesh_on_the_axes(tmp_path):
    cells = blob((8, 8, 8))
    path = tmp_path / "a.binvox"
    path.write_bytes(binvox(cells))
    other = trimesh.load(path, axis_order="xzy").matrix
    np.testing.assert_array_equal(other, read_binvox(path).occupied)


def test_unequal_sides_of_a_binvox(tmp_path):
    cells = blob((4, 6, 8))
    (tmp_path / "a.binvox").write_bytes(binvox(cells, scale=2))
    grid = read_binvox(tmp_path / "a.binvox")
    np.testing.assert_array_equal(grid.occupied, cells)
    assert grid.pitch == 0.25


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: b"",
        lambda whole: whole[:20],
        lambda whole: whole[:-2],
        lambda whole: whole[:-1],
        lambda whole: whole + b"\x01\x05",
        lambda whole: whole.replace(b"#binvox", b"#novox"),
        lambda whole: whole.replace(b"dim 8 8 8", b"dim 8 8"),
        lambda whole: whole.replace(b"dim 8 8 8", b"dim 0 8 8"),
        lambda whole: whole.replace(b"dim 8 8 8", b"dim 99999 99999 99999"),
        lambda whole: whole.replace(b"scale 1.0", b"scale nan"),
        lambda whole: whole.replace(b"scale 1.0", b"scale one"),
    ],
)
def test_damaged_binvox_is_refused_by_name(tmp_path, change):
    path = tmp_path / "broken.binvox"
    path.write_bytes(change(binvox(blob((8, 8, 8)))))
    with pytest.raises(InputError, match=r"broken\.binvox") as caught:
        read_binvox(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_arrays(tmp_path, dtype, suffix):
    cells = blob((32, 32, 32))
    path = tmp_path / f"grid.{suffix}"
    if suffix == "npy":
        np.save(path, cells[None].astype(dtype))
    else:
        np.savez(path, other=np.zeros(3), voxels=cells.astype(dtype))
    seen = prepare_voxels(read_voxels(path), name=path.name)
    np.testing.assert_array_equal(seen.data, cells)
    np.testing.assert_allclose(seen.frame.matrix, np.eye(4), atol=1e-12)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4)), np.zeros((0, 4, 4)), np.full((4, 4, 4), np.nan), np.full((2, 2, 2), "a")],
)
def test_arrays_that_are_no_grids_are_refused(tmp_path, array):
    np.save(tmp_path / "grid.npy", array)
    with pytest.raises(InputError, match=r"grid\.npy"):
        read_voxels(tmp_path / "grid.npy")


def test_empty_grids_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no occupied cell"):
        prepare_voxels(grid_at_origin(np.zeros((32, 32, 32), bool)))
    for name in ("missing.binvox", "missing.npy", "other.vox"):
        with pytest.raises(InputError, match=name):
            read_voxels(tmp_path / name)


def test_a_full_grid_stays_as_it_is():
    cells = blob((32, 32, 32))
    seen = prepare_voxels(VoxelGrid(cells, np.array([1.0, 2, 3]), 0.5), "y")
    np.testing.assert_array_equal(seen.data, cells)
    np.testing.assert_allclose(seen.frame.to_source([[-0.5] * 3]), [[1, 2, 3]])
    assert seen.frame.scale == pytest.approx(16)


def test_a_grid_as_training_makes_them_is_not_shifted():
    cells = np.zeros((32, 32, 32), bool)
    cells[0:32, 11:20, 12:21] = True  # odd extents: half a cell beside the middle on either side
    np.testing.assert_array_equal(prepare_voxels(grid_at_origin(cells), "y").data, cells)


@pytest.mark.parametrize("up_axis", UP_AXES)
@pytest.mark.parametrize("longest", [1, 2, 4, 8, 16, 28, 29, 31, 32])
def test_exact_sizes_keep_every_cell(up_axis, longest):
    shape = (longest, max(1, longest // 2), max(1, longest - 3))
    cells = np.zeros((40, 41, 42), bool)
    start = np.array([3, 5, 6])
    cells[tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))] = blob(shape)
    origin, pitch = np.array([10.0, -20, 30]), 0.25
    seen = prepare_voxels(VoxelGrid(cells, origin, pitch), up_axis)
    # Every new cell lies in the old cell whose value it has, counted in the source.
    index = np.floor((seen.frame.to_source(CENTRES.reshape(-1, 3)) - origin) / pitch).astype(int)
    inside = ((index >= 0) & (index < cells.shape)).all(1)
    expected = np.zeros(32**3, bool)
    expected[inside] = cells[tuple(index[inside].T)]
    np.testing.assert_array_equal(seen.data.ravel() > 0, expected)
    factor = 32 // longest if 32 % longest == 0 else 1
    assert seen.data.sum() == cells.sum() * factor**3
    spread = np.argwhere(seen.data)
    assert np.abs(spread.min(0) + spread.max(0) - 31).max() <= 1
    np.testing.assert_allclose(
        seen.frame.matrix[:3, :3] / seen.frame.scale, network_to_up(up_axis), atol=1e-12
    )


@pytest.mark.parametrize("longest", [3, 5, 17, 20, 27])
def test_other_small_sizes_take_the_value_at_the_centre(longest):
    cells = blob((longest, longest, 1))
    grid = VoxelGrid(cells, np.array([5.0, 6, 7]), 0.1)
    seen = prepare_voxels(grid, "y")
    index = np.floor((source_cells(seen) - grid.origin) / grid.pitch).astype(int)
    assert cells[tuple(index.T)].all()
    assert len(np.unique(index, axis=0)) == cells.sum()
    assert np.ptp(np.argwhere(seen.data), axis=0).max() == 31
    assert seen.frame.scale == pytest.approx(longest * 0.1)


@pytest.mark.parametrize("longest", [33, 48, 64, 100, 128])
def test_large_grids_keep_thin_parts(longest):
    cells = np.zeros((longest, longest, longest), bool)
    cells[:, longest // 2, longest // 3] = True
    cells[longest // 4, :, longest // 2] = True
    cells[longest // 4, longest // 2, :] = True
    seen = prepare_voxels(VoxelGrid.of_array(cells), "y")
    # A sample from every old cell lies in an occupied new one, and every new one holds a sample.
    old = (np.argwhere(cells) + 0.5) / longest - 0.5
    index = np.floor((seen.frame.to_network(old) + 0.5) * 32).astype(int)
    assert seen.data[tuple(index.T)].all()
    fine = (np.argwhere(np.ones((2, 2, 2))) - 0.5)[None] * 0.98 + np.argwhere(cells)[:, None] + 0.5
    index = np.floor((seen.frame.to_network(fine.reshape(-1, 3) / longest - 0.5) + 0.5) * 32)
    assert len(np.unique(index, axis=0)) == seen.data.sum()


def clipped(triangle, low, high) -> bool:
    """Whether a triangle and a box share a point: Sutherland-Hodgman clipping."""
    polygon = [np.array(corner, float) for corner in triangle]
    for axis in range(3):
        for bound, sign in ((low[axis], 1), (high[axis], -1)):
            result = []
            for start, end in zip(polygon, polygon[1:] + polygon[:1], strict=True):
                a, b = sign * (start[axis] - bound), sign * (end[axis] - bound)
                if a >= 0:
                    result.append(start)
                if a * b < 0:
                    result.append(start + (end - start) * (a / (a - b)))
            polygon = result
            if not polygon:
                return False
    return True


def test_touched_cells_are_exact():
    rng = np.random.default_rng(3)
    for scale in (0.5, 2, 6):
        triangles = rng.uniform(0, 6, (12, 1, 3)) + rng.normal(0, scale, (12, 3, 3))
        found = touched_voxels(triangles, 6)
        for cell in np.ndindex(6, 6, 6):
            low = np.array(cell)
            expected = any(clipped(triangle, low, low + 1) for triangle in triangles)
            assert found[cell] == expected


def test_a_face_between_cells_touches_both():
    found = touched_voxels(np.array([[[0, 0, 2], [4, 0, 2], [0, 4, 2.0]]]), 4)
    assert found[0, 0].tolist() == [False, True, True, False]


def as_mesh(shape: trimesh.Trimesh) -> Mesh:
    return Mesh(np.array(shape.vertices), np.array(shape.faces))


@pytest.mark.parametrize("closed", [True, False])
def test_a_sphere_is_solid_and_within_a_cell(closed):
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=3)
    if not closed:
        keep = np.random.default_rng(0).random(len(sphere.faces)) > 0.05
        faces = sphere.faces[keep]
        faces[::3] = faces[::3, ::-1]
        sphere = trimesh.Trimesh(sphere.vertices, faces, process=False)
    sphere.apply_translation((10, 20, 30))
    seen = voxelise_mesh(as_mesh(sphere))
    radii = np.linalg.norm(CENTRES, axis=-1)
    half_diagonal = np.sqrt(3) / 64
    assert seen.data[radii < 0.49].all()
    assert not seen.data[radii > 0.5 + half_diagonal].any()
    np.testing.assert_allclose(seen.frame.to_source([[0, 0, 0]]), [[10, 20, 30]], atol=1e-9)
    assert seen.frame.scale == pytest.approx(6)


def test_the_up_axis_turns_the_shape():
    cone = trimesh.creation.cone(radius=1, height=3)  # along z
    upright = voxelise_mesh(as_mesh(cone), "z").data.sum((0, 2))
    assert upright[1] > 4 * upright[28]
    along = voxelise_mesh(as_mesh(cone), "y").data.sum((0, 1))
    np.testing.assert_array_equal(upright, along)


def block_mesh(cells, *, separate: bool, rng) -> Mesh:
    """Cubes for occupied cells, made by trimesh: each its own closed box, or only the outside."""
    if separate:
        parts = []
        for cell in np.argwhere(cells):
            box = trimesh.creation.box((1, 1, 1))
            box.apply_translation(cell + 0.5)
            parts.append(box)
        shape = trimesh.util.concatenate(parts)
    else:
        shape = outside_of(cells)
    order = rng.permutation(len(shape.faces))
    return Mesh(np.array(shape.vertices), np.array(shape.faces)[order])


def outside_of(cells) -> trimesh.Trimesh:
    """The squares between occupied and free cells, each cut along one of its diagonals."""
    padded = np.pad(cells, 1)
    corners, faces = [], []
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        u, v = np.eye(3, dtype=int)[(axis + 1) % 3], np.eye(3, dtype=int)[(axis + 2) % 3]
        for cell in np.argwhere(padded):
            for side in (1, -1):
                if padded[tuple(cell + side * step)]:
                    continue
                base = cell - 1 + (step if side == 1 else 0)
                quad = [base, base + u, base + u + v, base + v][::side]
                faces += [[len(corners) + i for i in t] for t in ((0, 1, 2), (0, 2, 3))]
                corners += quad
    return trimesh.Trimesh(np.array(corners, float), np.array(faces), process=False)


@pytest.mark.parametrize("up_axis", ["y", "z"])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("shape", [(32, 7, 11), (16, 5, 16), (8, 8, 3), (30, 4, 5)])
def test_blocky_meshes_are_recovered_exactly(up_axis, separate, shape):
    rng = np.random.default_rng(5)
    cells = blob(shape, 5)
    mesh = block_mesh(cells, separate=separate, rng=rng)
    pitch, origin = 0.037, np.array([4.0, -2, 1])
    mesh = Mesh((mesh.vertices * pitch + origin).astype(np.float32), mesh.faces)
    grid = recover_blocks(np.asarray(mesh.vertices, float)[mesh.faces])
    assert grid is not None
    np.testing.assert_array_equal(grid.occupied, cells)
    np.testing.assert_allclose(grid.origin, origin, atol=1e-6)
    assert grid.pitch == pytest.approx(pitch, rel=1e-5)
    seen = voxelise_mesh(mesh, up_axis)
    expected = prepare_voxels(VoxelGrid(cells, origin, pitch), up_axis)
    np.testing.assert_array_equal(seen.data, expected.data)
    np.testing.assert_allclose(seen.frame.matrix, expected.frame.matrix, atol=1e-5)


def test_overlapping_and_inconsistently_oriented_blocks():
    big, small = trimesh.creation.box((4, 4, 4)), trimesh.creation.box((2, 2, 6))
    both = trimesh.util.concatenate([big, small])
    grid = recover_blocks(both.triangles)
    assert grid.occupied.sum() * grid.pitch**3 == pytest.approx(4**3 + 2 * 4)
    flipped = big.triangles.copy()
    flipped[::2] = flipped[::2, ::-1]
    grid = recover_blocks(flipped)
    assert grid.occupied.all()


@pytest.mark.parametrize(
    "shape",
    [
        trimesh.creation.icosphere(),
        trimesh.creation.box((1, 0.7, 0.31)),
        trimesh.creation.cylinder(1, 2, sections=4),
        trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]]),
    ],
)
def test_other_meshes_have_no_blocks(shape):
    assert recover_blocks(shape.triangles) is None


def test_an_open_box_on_a_grid_is_voxelised_as_a_surface():
    box = trimesh.creation.box((4, 4, 4))
    lidless = box.faces[box.face_normals[:, 2] < 0.5]
    seen = voxelise_mesh(Mesh(np.array(box.vertices), lidless), "z")
    assert not seen.data[8:24, 8:, 8:24].any()
    assert seen.data[:, 0].all()


def test_a_sheet_is_as_thick_as_the_cells_it_touches():
    square = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    assert voxelise_mesh(as_mesh(square), "z").data.sum() == 2 * 32 * 32


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (np.zeros((3, 3)), np.zeros((0, 3), int), "no faces"),
        (np.ones((3, 3)), [[0, 1, 2]], "the same"),
        ([[0, 0, 0], [1, 0, np.nan], [0, 1, 0]], [[0, 1, 2]], "not finite"),
    ],
)
def test_meshes_without_a_shape_are_refused(vertices, faces, message):
    with pytest.raises(InputError, match=message) as caught:
        voxelise_mesh(Mesh(np.array(vertices, float), np.array(faces)), name="thing.obj")
    assert str(caught.value).startswith("thing.obj")
