"""What moves objects in Blender, each followed: armatures, Alembic and mesh caches, bad ranges."""

from __future__ import annotations

import struct
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector
from numpy.typing import NDArray

from onet_blender import activity, functions
from onet_blender.morph.baking import curves_of
from onet_blender.scene import scene_io
from onet_core.errors import OnetError

# The network is a stand-in whose shape is a cube, 0.6 of the points' size, whatever it sees.


@pytest.fixture
def model(models: Path) -> str:
    """The stand-in, and few cells for it in the panel."""
    choices = bpy.context.scene.onet
    choices.resolution, choices.snap = 16, False
    return str(models / "cube_points.safetensors")


def cube(size: float = 1.2) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=size)
    return bpy.context.object


def middle_at(item: bpy.types.Object, frame: int) -> NDArray[np.float64]:
    bpy.context.scene.frame_set(frame)
    places = scene_io.read_cloud(item, bpy.context.evaluated_depsgraph_get())().points
    return (places.min(0) + places.max(0)) / 2


def made_linear(owner: object) -> None:
    for curve in curves_of(owner):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"


def test_an_armature_moves_what_is_followed(model: str) -> None:
    scene, item = bpy.context.scene, cube()
    data = bpy.data.armatures.new("bones")
    rig = bpy.data.objects.new("rig", data)
    scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = data.edit_bones.new("root")
    bone.head, bone.tail = Vector((0, 0, 0)), Vector((0, 0, 1))
    bpy.ops.object.mode_set(mode="OBJECT")
    group = item.vertex_groups.new(name="root")
    group.add(range(len(item.data.vertices)), 1.0, "REPLACE")
    item.modifiers.new("rig", "ARMATURE").object = rig
    pose = rig.pose.bones["root"]
    # The bone stands along z, so that its own y is up.
    for frame, y in ((1, 0.0), (5, 0.6)):
        pose.location.y = y
        pose.keyframe_insert("location", frame=frame)
    made_linear(rig)
    scene.frame_set(1)
    made = functions.follow_movement(item, model=model, start_frame=1, end_frame=5, step=2)
    assert [key.name for key in made.data.shape_keys.key_blocks] == ["Basis", "Frame 3", "Frame 5"]
    for frame, z in ((1, 0.0), (3, 0.3), (5, 0.6)):
        np.testing.assert_allclose(middle_at(made, frame), [0, 0, z], atol=0.08)


def test_an_alembic_cache_whose_counts_change_is_followed(model: str, tmp_path: Path) -> None:
    scene, item = bpy.context.scene, cube()
    # As large at each frame, but in more and more faces.
    finer = item.modifiers.new("finer", "SUBSURF")
    finer.subdivision_type = "SIMPLE"
    # So that Blender writes its faces for each frame; it changes nothing.
    item.modifiers.new("still", "WAVE").height = 0.0
    for frame, level in ((1, 1), (2, 2), (3, 3)):
        finer.levels = level
        finer.keyframe_insert("levels", frame=frame)
    for frame, x in ((1, 0.0), (3, 0.5)):
        item.location.x = x
        item.keyframe_insert("location", frame=frame)
    made_linear(item)
    path = str(tmp_path / "cube.abc")
    bpy.ops.wm.alembic_export(
        filepath=path, start=1, end=3, evaluation_mode="VIEWPORT", as_background_job=False
    )
    bpy.data.objects.remove(item)
    bpy.ops.wm.alembic_import(filepath=path, as_background_job=False)
    (cached,) = (one for one in bpy.data.objects if one.type == "MESH")
    counts = set()
    for frame in (1, 2, 3):
        scene.frame_set(frame)
        evaluated = cached.evaluated_get(bpy.context.evaluated_depsgraph_get())
        counts.add(len(evaluated.data.vertices))
    assert len(counts) == 3
    scene.frame_set(1)
    made = functions.follow_movement(cached, model=model, start_frame=1, end_frame=3)
    assert len(made.data.shape_keys.key_blocks) == 3
    for frame, x in ((1, 0.0), (2, 0.25), (3, 0.5)):
        np.testing.assert_allclose(middle_at(made, frame), [x, 0, 0], atol=0.08)


def test_a_mesh_cache_is_followed(model: str, tmp_path: Path) -> None:
    item = cube()
    places = np.array([point.co for point in item.data.vertices], dtype="<f4")
    frames = [places + np.array([0, y, 0], dtype="<f4") for y in (0.0, 0.2, 0.4)]
    path = tmp_path / "cube.pc2"
    head = struct.pack("<12siiffi", b"POINTCACHE2", 1, len(places), 0.0, 1.0, len(frames))
    path.write_bytes(head + b"".join(frame.astype("<f4").tobytes() for frame in frames))
    cache = item.modifiers.new("cache", "MESH_CACHE")
    cache.cache_format, cache.filepath, cache.frame_start = "PC2", str(path), 1
    bpy.context.scene.frame_set(1)
    made = functions.follow_movement(item, model=model, start_frame=1, end_frame=3)
    for frame, y in ((1, 0.0), (2, 0.2), (3, 0.4)):
        np.testing.assert_allclose(middle_at(made, frame), [0, y, 0], atol=0.08)


def test_a_sudden_change_is_named_and_the_rest_followed(model: str) -> None:
    scene, item = bpy.context.scene, cube()
    # At the third of four frames it is a plate far too wide for the mesh to reach.
    item.shape_key_add(name="Basis")
    wide = item.shape_key_add(name="wide")
    for point in wide.data:
        point.co.x *= 8
        point.co.z *= 0.05
    for frame, value in ((1, 0.0), (2, 0.0), (3, 1.0), (4, 0.0)):
        wide.value = value
        wide.keyframe_insert("value", frame=frame)
    scene.frame_set(1)
    made = functions.follow_movement(item, model=model, start_frame=1, end_frame=4)
    assert "does not reach" in str(activity.message("onet.follow_movement"))
    assert len({len(key.data) for key in made.data.shape_keys.key_blocks}) == 1


def test_a_range_that_runs_backwards_is_refused(model: str) -> None:
    item = cube()
    before = set(bpy.data.objects), set(bpy.data.meshes)
    with pytest.raises(OnetError, match="two frames or more"):
        functions.follow_movement(item, model=model, start_frame=9, end_frame=3)
    assert (set(bpy.data.objects), set(bpy.data.meshes)) == before


def test_a_movement_becomes_a_mesh_cache_that_plays_the_same(tmp_path: Path) -> None:
    item = cube()
    item.shape_key_add(name="Basis")
    for name, frames, by in (("up", (3, 5, 8), 0.5), ("along", (5, 8, 10), 0.3)):
        block = item.shape_key_add(name=name)
        for point in block.data:
            point.co.z += by if name == "up" else 0.0
            point.co.x += by if name == "along" else 0.0
        for frame, value in zip(frames, (0.0, 1.0, 0.0), strict=True):
            block.value = value
            block.keyframe_insert("value", frame=frame)
    item.modifiers.new("after", "TRIANGULATE")
    before = {frame: middle_at(item, frame) for frame in range(1, 13)}
    path = tmp_path / "cube.pc2"
    assert bpy.ops.onet.mesh_cache(filepath=str(path)) == {"FINISHED"}
    assert item.data.shape_keys is None
    assert [modifier.type for modifier in item.modifiers] == ["MESH_CACHE", "TRIANGULATE"]
    assert path.stat().st_size == 32 + 8 * 8 * 12
    for frame, middle in before.items():
        np.testing.assert_allclose(middle_at(item, frame), middle, atol=1e-5)
    assert not bpy.ops.onet.mesh_cache.poll()


def test_a_mesh_cache_that_can_not_be_written_changes_nothing(tmp_path: Path) -> None:
    item = cube()
    item.shape_key_add(name="Basis")
    block = item.shape_key_add(name="up")
    for frame in (1, 4):
        block.keyframe_insert("value", frame=frame)
    with pytest.raises(RuntimeError, match="Could not write"):
        bpy.ops.onet.mesh_cache(filepath=str(tmp_path / "nowhere" / "cube.pc2"))
    with pytest.raises(RuntimeError, match="Choose a file"):
        bpy.ops.onet.mesh_cache()
    assert len(item.data.shape_keys.key_blocks) == 2
    assert not item.modifiers


def test_a_mesh_cache_may_lie_on_another_drive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = cube()
    item.shape_key_add(name="Basis")
    block = item.shape_key_add(name="up")
    for frame in (1, 4):
        block.keyframe_insert("value", frame=frame)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    item = bpy.data.objects[item.name]

    def on_two_drives(*_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")  # as on Windows

    path = tmp_path / "cube.pc2"
    with monkeypatch.context() as patch:
        patch.setattr("os.path.relpath", on_two_drives)
        assert bpy.ops.onet.mesh_cache(filepath=str(path)) == {"FINISHED"}
    assert item.modifiers[0].filepath == str(path.resolve())
