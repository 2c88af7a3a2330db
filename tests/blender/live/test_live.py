"""Results that follow their source: what counts as a change, and the update itself."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from onet_blender.live import watch
from onet_blender.scene import handwork, sources


def add_points(count: int = 60) -> bpy.types.Object:
    mesh = bpy.data.meshes.new("Scan")
    mesh.from_pydata([(i % 5, i // 5 % 4, i // 20) for i in range(count)], [], [])
    made = bpy.data.objects.new("Scan", mesh)
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    made.select_set(True)
    return made


def reconstructed(models: Path) -> bpy.types.Object:
    choices = {"model": str(models / "cube_points.safetensors"), "resolution": 16}
    assert bpy.ops.onet.reconstruct(kind="POINTS", **choices) == {"FINISHED"}
    return bpy.context.active_object


def outdated(made: bpy.types.Object) -> bool:
    return watch.look_now(made, bpy.context.evaluated_depsgraph_get())


def test_only_a_changed_shape_outdates_a_result(models: Path) -> None:
    scan = add_points()
    made = reconstructed(models)
    assert made.onet.made_from
    assert not outdated(made)
    scan.location.x, scan.rotation_euler.z = 3, 1
    bpy.context.view_layer.update()
    assert not outdated(made)
    scan.data.vertices[0].co.x -= 2
    scan.data.update()
    assert outdated(made)
    scan.data.vertices[0].co.x += 2
    scan.data.update()
    assert not outdated(made)
    scan.modifiers.new("Array", "ARRAY")
    assert outdated(made)


def test_an_update_takes_the_settings_of_the_result(models: Path) -> None:
    scan = add_points()
    made = reconstructed(models)
    made.onet.live = True
    assert (scan.display_type, scan.hide_get()) == ("WIRE", False)
    faces, place = len(made.data.polygons), made.matrix_world.copy()
    for vertex in scan.data.vertices:
        vertex.co.x *= 2
    scan.data.update()
    assert outdated(made)
    bpy.context.scene.onet.resolution = 64
    before = set(bpy.data.objects)
    assert bpy.ops.onet.live_update(target=made.name) == {"FINISHED"}
    assert set(bpy.data.objects) == before
    assert not outdated(made)
    assert len(made.data.polygons) == faces
    assert made.matrix_world == place
    assert made.onet.resolution == 16
    assert made.dimensions.x == pytest.approx(2 * made.dimensions.y, rel=0.8)


def test_what_has_no_geometry_has_no_mark() -> None:
    item = bpy.data.objects.new("Nothing", None)
    bpy.context.scene.collection.objects.link(item)
    assert sources.digest(item, bpy.context.evaluated_depsgraph_get())() == ""


def test_what_was_tried_waits_for_another_change(models: Path) -> None:
    scan = add_points()
    made = reconstructed(models)
    made.onet.live = True
    scan.data.vertices[0].co.x -= 2
    scan.data.update()
    assert outdated(made)
    assert watch._due() == [made]
    watch._tried[made.name] = watch._found[made.name]
    assert watch._due() == []
    scan.data.vertices[0].co.x -= 1
    scan.data.update()
    assert outdated(made)
    assert watch._due() == [made]
    # Changed by hand: it is left alone.
    made.data.vertices[0].co.x += 1
    made.data.update()
    handwork._found.clear()
    assert watch._due() == []
