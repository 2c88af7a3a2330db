"""Files that become objects, read by the worker."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from onet_blender import activity
from onet_blender.scene import scene_io
from onet_blender.scene.viewpoint import turned_upright

PLACE = np.array([437_123.4, 5_312_987.6, 512.2])


def open_file(path: Path, **options: object) -> bpy.types.Object:
    assert bpy.ops.onet.open_file(filepath=str(path), reconstruct=False, **options) == {"FINISHED"}
    return bpy.context.active_object


def places(item: bpy.types.Object) -> np.ndarray:
    return np.array([vertex.co[:] for vertex in item.data.vertices])


def test_a_scan_in_national_coordinates_keeps_its_shape(models: Path, tmp_path: Path) -> None:
    shape = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 3))
    np.savetxt(tmp_path / "scan.xyz", shape + PLACE, fmt="%.6f")
    item = open_file(tmp_path / "scan.xyz")
    middle = (shape.min(0) + shape.max(0)) / 2
    assert np.abs(places(item) - (shape - middle)).max() < 1e-5
    assert np.abs(np.array(item.location) - PLACE - middle).max() < 0.5  # Blender's own rounding
    assert bpy.context.selected_objects == [item]


@pytest.mark.parametrize("name", ["box.obj", "box.ply", "box.stl"])
def test_a_file_stands_where_blenders_importers_put_it(
    models: Path, tmp_path: Path, name: str
) -> None:
    corners = [(x, y, z) for x in (10, 11) for y in (2, 5) for z in (3, 5)]
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new("box")
    mesh.from_pydata(corners, [], quads)
    source = bpy.data.objects.new("box", mesh)
    bpy.context.collection.objects.link(source)
    kind = name.rpartition(".")[2]
    exported, imported = f"{kind}_export", f"{kind}_import"
    # Each exporter has its own word for the selected objects.
    chosen = {"export_selected_objects": True}
    bpy.ops.object.select_all(action="DESELECT")
    source.select_set(True)
    getattr(bpy.ops.wm, exported)(filepath=str(tmp_path / name), **chosen)
    item = open_file(tmp_path / name)
    found = np.array([item.matrix_world @ vertex.co for vertex in item.data.vertices])
    bpy.ops.object.select_all(action="DESELECT")
    getattr(bpy.ops.wm, imported)(filepath=str(tmp_path / name))
    theirs = bpy.context.selected_objects[0]
    wanted = np.array([theirs.matrix_world @ vertex.co for vertex in theirs.data.vertices])
    np.testing.assert_allclose(found.min(0), wanted.min(0), atol=1e-5)
    np.testing.assert_allclose(found.max(0), wanted.max(0), atol=1e-5)


def test_units_are_guessed_and_can_be_given(models: Path, tmp_path: Path) -> None:
    """A chair of 92, which no chair has in metres."""
    shape = np.random.default_rng(0).uniform(0, 1, (300, 3)) * [40, 50, 92]
    np.savetxt(tmp_path / "chair.xyz", shape, fmt="%.3f")
    assert open_file(tmp_path / "chair.xyz").dimensions.z == pytest.approx(0.92, abs=0.02)
    tall = open_file(tmp_path / "chair.xyz", units="METRES")
    assert tall.dimensions.z == pytest.approx(92, abs=2)


def test_colours_of_a_cloud_arrive(models: Path, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).uniform(0, 1, (50, 3))
    lines = [f"{x} {y} {z} 255 0 0" for x, y, z in rows]
    (tmp_path / "red.xyz").write_text("\n".join(lines))
    (attribute,) = open_file(tmp_path / "red.xyz").data.color_attributes
    assert tuple(attribute.data[0].color_srgb) == (1, 0, 0, 1)


def test_normals_of_a_cloud_reach_the_worker(models: Path, tmp_path: Path) -> None:
    """Also under a transform: those of an ellipsoid, which its gradient gives."""
    around = np.random.default_rng(0).normal(size=(200, 3))
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    np.savetxt(tmp_path / "ball.xyz", np.hstack([around, around]), fmt="%.6f")
    item = open_file(tmp_path / "ball.xyz")
    item.matrix_world = Matrix.Rotation(0.7, 4, "X") @ Matrix.Diagonal((1, 2, -3, 1))
    cloud = scene_io.read_cloud(item, bpy.context.evaluated_depsgraph_get())()
    arrays, turn = turned_upright(item.name, cloud, item.matrix_world, {})
    assert "normals" not in arrays
    gradient = around / [1, 2, -3] @ np.array(Matrix.Rotation(0.7, 3, "X")).T
    gradient /= np.linalg.norm(gradient, axis=1, keepdims=True)
    np.testing.assert_allclose(arrays["stated_normals"] @ turn[:3, :3].T, gradient, atol=1e-5)


def test_where_scanners_stood_reaches_the_worker(models: Path, tmp_path: Path) -> None:
    """Also under a transform: points and scanners move together."""
    own = np.random.default_rng(0).uniform(1, 3, (200, 3))
    head = "20\n10\n4 5 6\n1 0 0\n0 1 0\n0 0 1\n1 0 0 0\n0 1 0 0\n0 0 1 0\n4 5 6 1\n"
    rows = "\n".join(f"{x:.6f} {y:.6f} {z:.6f} 0.5" for x, y, z in own)
    (tmp_path / "room.ptx").write_text(head + rows + "\n")
    item = open_file(tmp_path / "room.ptx", units="METRES")
    stand = np.array(item.matrix_world.inverted() @ Vector((4, 5, 6)))
    item.matrix_world = Matrix.Rotation(0.7, 4, "X") @ Matrix.Diagonal((1, 2, -3, 1))
    cloud = scene_io.read_cloud(item, bpy.context.evaluated_depsgraph_get())()
    arrays, turn = turned_upright(item.name, cloud, item.matrix_world, {})
    seen_from = (arrays["points"] + arrays["sights"]) @ turn[:3, :3].T
    wanted = np.array(item.matrix_world @ Vector(stand))
    np.testing.assert_allclose(seen_from, np.tile(wanted, (200, 1)), atol=1e-4)
    assert "stated_normals" not in arrays


def test_a_cloud_without_normals_has_none(models: Path, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "plain.xyz", np.random.default_rng(0).uniform(0, 1, (50, 3)))
    item = open_file(tmp_path / "plain.xyz")
    assert scene_io.read_cloud(item, bpy.context.evaluated_depsgraph_get())().stated is None


def test_a_voxel_array_becomes_cubes(models: Path, tmp_path: Path) -> None:
    cells = np.zeros((8, 8, 8), dtype=bool)
    cells[2:6, :4, 1:3] = True
    np.save(tmp_path / "blocks.npy", cells)
    item = open_file(tmp_path / "blocks.npy")
    assert bpy.context.scene.onet.input_kind == "VOXELS"
    assert len(item.data.polygons) == 2 * 2 * (4 * 4 + 4 * 2 + 4 * 2)


def test_what_cannot_be_read_leaves_the_scene_as_it_was(models: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.pcd").write_text("nothing of a kind")
    before = list(bpy.data.objects)
    with pytest.raises(RuntimeError, match=r"broken\.pcd"):
        open_file(tmp_path / "broken.pcd")
    assert list(bpy.data.objects) == before


@pytest.mark.parametrize(("size", "is_a_room"), [(0.7, False), (0.7, True), (0.98, False)])
def test_what_lies_in_the_default_cube_comes_out_of_it(
    models: Path, tmp_path: Path, size: float, is_a_room: bool
) -> None:
    """But in a room, whose faces look inwards, and in what is as large, it stays in its place."""
    comes_out = size < 0.8 and not is_a_room
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.active_object
    if is_a_room:
        cube.data.flip_normals()
    shape = np.random.default_rng(0).uniform(-size, size, (300, 3))
    np.savetxt(tmp_path / "scan.xyz", shape, fmt="%.6f")
    item = open_file(tmp_path / "scan.xyz")
    right_of_it = np.array([item.matrix_world @ vertex.co for vertex in item.data.vertices])[:, 0]
    told = str(activity.message("onet.open_file"))
    assert (right_of_it.min() > 1) == comes_out
    assert ("scan stands beside Cube, which would have hidden it" in told) == comes_out
    assert np.abs(item.location.yz).max() < 0.02
