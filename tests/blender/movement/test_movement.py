"""Objects that move, followed: against cubes and balls whose movement is known."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from onet_blender import activity, functions
from onet_blender.morph.baking import curves_of
from onet_blender.movement import reading
from onet_blender.scene import scene_io
from onet_core.errors import OnetError

# The network is a stand-in whose shape is a cube, 0.6 of the points' size, whatever it sees.


@pytest.fixture
def model(models: Path) -> str:
    """The stand-in, and few cells for it in the panel."""
    choices = bpy.context.scene.onet
    choices.resolution, choices.snap = 16, False
    return str(models / "cube_points.safetensors")


def cube(name: str, place: tuple[float, float, float] = (0, 0, 0)) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=1.2, location=place)
    item = bpy.context.object
    item.name = name
    return item


def places_at(item: bpy.types.Object, frame: int) -> NDArray[np.float64]:
    bpy.context.scene.frame_set(frame)
    return scene_io.read_cloud(item, bpy.context.evaluated_depsgraph_get())().points


def test_the_range_is_the_scenes_until_it_is_chosen() -> None:
    scene = bpy.context.scene
    chosen = scene.onet.movement
    scene.frame_start, scene.frame_end = 3, 40
    assert (chosen.start, chosen.end, chosen.step) == (3, 40, 1)
    chosen.end = 12
    scene.frame_end = 50
    assert (chosen.start, chosen.end) == (3, 12)


def test_objects_are_in_the_order_of_their_numbers() -> None:
    scene = bpy.context.scene
    items = [cube(name) for name in ("scan 10", "scan 2", "scan 1")]
    wanted = reading.frames_of(items, scene, 5, 9, 2)
    assert wanted.names == ["scan 1", "scan 2", "scan 10"]
    assert wanted.frames == [5, 7, 9]
    assert (wanted.reference, wanted.source, wanted.plays) == (5, "scan 1", False)


def test_the_current_frame_is_the_one_whose_mesh_moves() -> None:
    scene = bpy.context.scene
    item = cube("one")
    scene.frame_set(4)
    assert reading.frames_of([item], scene, 1, 9, 1).reference == 4
    assert reading.frames_of([item], scene, 5, 9, 1).reference == 5
    with pytest.raises(OnetError, match="two frames or more"):
        reading.frames_of([item], scene, 5, 5, 1)
    with pytest.raises(OnetError, match="frames are too many"):
        reading.frames_of([item], scene, 1, 9000, 1)
    with pytest.raises(OnetError, match="select one that moves"):
        reading.frames_of([], scene, 1, 9, 1)


def test_a_moving_cube_is_followed_and_plays(model: str) -> None:
    scene = bpy.context.scene
    item = cube("mover")
    # It goes along x, and grows along z by its shape key.
    for frame, x in ((1, 0.0), (5, 0.8)):
        item.location.x = x
        item.keyframe_insert("location", frame=frame)
    item.shape_key_add(name="Basis")
    high = item.shape_key_add(name="high")
    for point in high.data:
        point.co.z *= 1.5
    for frame, value in ((1, 0.0), (5, 1.0)):
        high.value = value
        high.keyframe_insert("value", frame=frame)
    for owner in (item, item.data.shape_keys):
        for curve in curves_of(owner):
            for point in curve.keyframe_points:
                point.interpolation = "LINEAR"
    scene.frame_set(1)
    made = functions.follow_movement(item, model=model, start_frame=1, end_frame=5, step=2)
    assert made != item
    assert bpy.context.view_layer.objects.active == made
    assert item.hide_render
    assert scene.frame_current == 1
    assert [key.name for key in made.data.shape_keys.key_blocks] == ["Basis", "Frame 3", "Frame 5"]
    counts = set()
    for frame, x, height in ((1, 0.0, 1.2), (3, 0.4, 1.5), (5, 0.8, 1.8)):
        places = places_at(made, frame)
        counts.add(len(places))
        middle = (places.min(0) + places.max(0)) / 2
        np.testing.assert_allclose(middle, [x, 0, 0], atol=0.08)
        if frame > 1:  # the mesh of the first is the stand-in's own
            np.testing.assert_allclose(np.ptp(places[:, 2]), height, atol=0.15)
    assert len(counts) == 1


def test_one_object_for_each_frame(model: str) -> None:
    scene = bpy.context.scene
    items = []
    for number, x in enumerate((0.0, 0.3, 0.6)):
        item = cube(f"scan {number}", place=(x, 0, 0))
        # Others at each frame, and of other numbers.
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.subdivide(number_cuts=2 + number)
        bpy.ops.object.mode_set(mode="OBJECT")
        items.append(item)
    for item in items:
        item.select_set(True)
    bpy.context.view_layer.objects.active = items[0]
    scene.onet.movement.start = 10
    made = functions.follow_movement(model=model)
    for frame, x in ((10, 0.0), (11, 0.3), (12, 0.6)):
        places = places_at(made, frame)
        np.testing.assert_allclose((places.min(0) + places.max(0))[0] / 2, x, atol=0.08)
    assert all(item.hide_render for item in items)


def test_frames_without_points_are_left_out_and_named(model: str) -> None:
    items = [cube(f"scan {number}", place=(0.1 * number, 0, 0)) for number in range(3)]
    items[1].data.clear_geometry()
    for item in items:
        item.select_set(True)
    made = functions.follow_movement(model=model)
    keys = [key.name for key in made.data.shape_keys.key_blocks]
    assert keys == ["Basis", "Frame 3"]
    assert "left out: 2" in str(activity.message("onet.follow_movement"))


def test_nothing_is_made_where_it_can_not_be(model: str) -> None:
    scene = bpy.context.scene
    item = cube("still")
    scene.frame_set(7)
    before = set(bpy.data.objects), set(bpy.data.meshes)
    with pytest.raises(OnetError, match="two frames or more"):
        functions.follow_movement(item, model=model, start_frame=7, end_frame=7)
    item.data.clear_geometry()
    with pytest.raises(OnetError, match=r"Frame 7.* has 0 points and needs 50"):
        functions.follow_movement(item, model=model, start_frame=7, end_frame=9)
    assert (set(bpy.data.objects), set(bpy.data.meshes)) == before
    assert scene.frame_current == 7
