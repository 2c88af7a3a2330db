"""Views after a result: what is made can be seen beside the panels, and the camera stays."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector

from onet_blender.scene import framing


@pytest.fixture
def view() -> tuple[Any, Any, Any]:
    """The factory's file: its 3D view, the area and the region; it has a window here too."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    space, area, _ = next(framing.views())
    return space, area, next(part for part in area.regions if part.type == "WINDOW")


def tower(height: float = 30.0, at: tuple[float, float, float] = (200, 0, 0)) -> bpy.types.Object:
    """A tall box far away, which the factory's view doesn't show."""
    bpy.ops.mesh.primitive_cube_add(size=1, location=at)
    made = bpy.context.active_object
    made.scale = (2, 3, height)
    bpy.context.view_layer.update()
    return made


def places_of_corners(view: tuple[Any, Any, Any], item: bpy.types.Object) -> np.ndarray:
    """Where (8, 2) the corners of an object's box are in the view, -1 to 1.

    By a camera in the view's place: without a screen the view has no matrices.
    """
    space, _, region = view
    eye, scene = space.region_3d, bpy.context.scene
    data = bpy.data.cameras.new("Eye")
    data.lens, data.sensor_width = space.lens, 72
    data.type = eye.view_perspective
    data.ortho_scale = eye.view_distance * 72 / space.lens
    camera = bpy.data.objects.new("Eye", data)
    scene.collection.objects.link(camera)
    camera.matrix_world = (
        Matrix.Translation(eye.view_location)
        @ eye.view_rotation.to_matrix().to_4x4()
        @ Matrix.Translation((0, 0, eye.view_distance))
    )
    bpy.context.view_layer.update()
    scene.render.resolution_x, scene.render.resolution_y = region.width, region.height
    places = [
        world_to_camera_view(scene, camera, item.matrix_world @ Vector(corner))
        for corner in item.bound_box
    ]
    assert min(place.z for place in places) > 0 or data.type == "ORTHO"
    return 2 * np.array(places)[:, :2] - 1


@pytest.mark.parametrize("perspective", ["PERSP", "ORTHO", "CAMERA"])
@pytest.mark.parametrize("height", [30.0, 1.0])
def test_it_is_framed_in_what_the_panels_leave(
    view: tuple[Any, Any, Any], perspective: str, height: float
) -> None:
    space, area, region = view
    space.region_3d.view_perspective = perspective
    made = tower(height)
    framing.bring_into_view(made)
    left, bottom, right, top = framing.free_part(area, region)
    assert left > -1  # the tools
    places = places_of_corners(view, made)
    assert (places >= [left, bottom]).all()
    assert (places <= [right, top]).all()
    shown = np.ptp(places, axis=0) / [right - left, top - bottom]
    assert shown.max() > 0.86  # but for some room around it


def test_several_are_framed_together(view: tuple[Any, Any, Any]) -> None:
    _, area, region = view
    made = [tower(at=(x, 0, 0)) for x in (200, 230, 290)]
    framing.bring_into_view(*made)
    left, bottom, right, top = framing.free_part(area, region)
    for item in made:
        places = places_of_corners(view, item)
        assert (places >= [left, bottom]).all()
        assert (places <= [right, top]).all()


def test_a_camera_that_the_view_moves_stays(view: tuple[Any, Any, Any]) -> None:
    space, *_ = view
    space.lock_camera = True
    space.region_3d.view_perspective = "CAMERA"
    camera = bpy.context.scene.camera
    before = camera.matrix_world.copy()
    framing.bring_into_view(tower())
    bpy.context.view_layer.update()
    assert camera.matrix_world == before
    assert space.region_3d.view_perspective == "PERSP"


def test_what_is_well_in_view_moves_nothing(view: tuple[Any, Any, Any]) -> None:
    space, *_ = view
    before = space.region_3d.view_location.copy(), space.region_3d.view_distance
    framing.bring_into_view(bpy.data.objects["Cube"])
    assert (space.region_3d.view_location, space.region_3d.view_distance) == before


def test_what_lies_under_a_panel_is_not_seen() -> None:
    """Seen straight along z, by the left half of a view."""
    corners = [Vector((x, y, 0)) for x in (0.1, 0.5) for y in (-0.2, 0.2)]
    flat = np.eye(4)

    class Flat:
        def __matmul__(self, place: Vector) -> Vector:
            return Vector(flat @ np.array(place))

    assert framing.is_seen(Flat(), corners)
    assert not framing.is_seen(Flat(), corners, (-1, -1, 0, 1))


def test_a_local_view_takes_it_in(view: tuple[Any, Any, Any]) -> None:
    space, area, region = view
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.view3d.localview()
    bpy.context.view_layer.update()
    if not bpy.data.objects["Cube"].local_view_get(space):
        pytest.skip("SKIPPED: this Blender has no local views without a window")
    made = tower(at=(0, 0, 0))
    made.local_view_set(space, False)
    framing.bring_into_view(made)
    bpy.context.view_layer.update()
    assert made.local_view_get(space)


def test_a_view_of_another_scene_stays(view: tuple[Any, Any, Any]) -> None:
    space, *_ = view
    mesh = bpy.data.objects["Cube"].data
    made = bpy.data.objects.new("Elsewhere", mesh)
    made.location = (500, 0, 0)
    bpy.data.scenes.new("Other").collection.objects.link(made)
    before = space.region_3d.view_location.copy()
    framing.bring_into_view(made)
    assert space.region_3d.view_location == before
