"""What is selected is what is used; sources that are gone are gone."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from mathutils import Matrix

from onet_blender import activity
from onet_blender.scene import sources


def add_box(name: str, x: float) -> bpy.types.Object:
    """A selected cube of edge 2 at x, active."""
    bpy.ops.mesh.primitive_cube_add(location=(x, 0, 0))
    made = bpy.context.active_object
    made.name = name
    return made


def select(*items: bpy.types.Object) -> None:
    for item in bpy.context.view_layer.objects:
        item.select_set(item in items)
    bpy.context.view_layer.objects.active = items[0]


def reconstruct(models: Path, **arguments: object) -> list[bpy.types.Object]:
    arguments = {"model": str(models / "cube_points.safetensors"), "resolution": 32, **arguments}
    assert bpy.ops.onet.reconstruct("EXEC_DEFAULT", True, **arguments) == {"FINISHED"}
    return list(bpy.context.selected_objects)


def test_all_selected_objects_are_made_in_one_undo_step(models: Path) -> None:
    boxes = [add_box(f"box {x}", x) for x in (0, 5, 10)]
    select(*boxes)
    bpy.ops.ed.undo_push(message="before")
    made = reconstruct(models)
    assert len(made) == 3
    assert {item.onet.source for item in made} == {item.name for item in boxes}
    assert sorted(round(item.location.x) for item in made) == [0, 5, 10]
    assert str(activity.message("onet.reconstruct")).startswith("3 meshes: ")
    bpy.ops.ed.undo()
    assert sorted(bpy.data.objects.keys()) == ["box 0", "box 10", "box 5"]


def test_one_that_fails_does_not_stop_the_others(models: Path) -> None:
    good, bad = add_box("good", 0), add_box("bad", 5)
    bad.scale = (1, 0, 1)
    bpy.context.view_layer.update()
    select(good, bad)
    (made,) = reconstruct(models)
    assert made.onet.source == "good"
    assert "1 failed, the first: The object is scaled" in str(activity.message("onet.reconstruct"))


def test_of_several_only_those_of_use_count() -> None:
    box = add_box("box", 0)
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "SUN"))
    bpy.context.collection.objects.link(lamp)
    select(box, lamp)
    assert sources.chosen_objects(bpy.context, "POINTS") == [box]
    select(lamp)
    assert sources.chosen_objects(bpy.context, "POINTS") == [lamp]  # for the message


def test_results_and_their_sources_are_one(models: Path) -> None:
    box = add_box("box", 0)
    (made,) = reconstruct(models)
    box.hide_set(False)
    select(made, box)
    assert sources.chosen_objects(bpy.context) == [box]


def test_a_deleted_source_is_used_no_more(models: Path) -> None:
    box = add_box("box", 0)
    (made,) = reconstruct(models)
    bpy.context.scene.onet.source = box
    bpy.ops.object.select_all(action="DESELECT")
    box.hide_set(False)
    box.select_set(True)
    bpy.ops.object.delete()
    select(made)
    assert sources.source_of(made) is None
    assert sources.chosen_objects(bpy.context) == []
    with pytest.raises(RuntimeError, match="No object is chosen"):
        bpy.ops.onet.reconstruct(resolution=32)
    with pytest.raises(RuntimeError, match=r"box, which .* was made from, is gone"):
        bpy.ops.onet.reconstruct_again()


def test_deleted_sources_do_not_live_on_in_the_file(models: Path, tmp_path: Path) -> None:
    box = add_box("box", 0)
    reconstruct(models)
    bpy.context.scene.onet.source = box
    bpy.context.collection.objects.unlink(box)
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bpy.data.objects.keys() == ["box (ONet)"]
    # Its mesh is an orphan now, which Blender drops at the next saving, as for all deleted objects.
    assert all(mesh.users == 0 for mesh in bpy.data.meshes if mesh.name != "box (ONet)")


def test_a_pasted_result_does_not_bring_its_source(models: Path, tmp_path: Path) -> None:
    """Blender's clipboard writes an object and all that it points at, as this does."""
    add_box("box", 0)
    (made,) = reconstruct(models)
    path = str(tmp_path / "copied.blend")
    bpy.data.libraries.write(path, {made})
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(path) as (_, wanted):
        wanted.objects = ["box (ONet)"]
    assert bpy.data.objects.keys() == ["box (ONet)"]
    assert sources.source_of(bpy.data.objects["box (ONet)"]) is None


def test_files_of_earlier_versions_find_their_sources(tmp_path: Path) -> None:
    box, made = add_box("box", 0), add_box("result", 0)
    made.onet.kind, made.onet.source, made.onet.source_object = "POINTS", "box", box
    path = str(tmp_path / "old.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    made = bpy.data.objects["result"]
    assert made.onet.source_object is None
    assert sources.source_of(made) == bpy.data.objects["box"]
    bpy.data.objects["box"].name = "renamed"
    assert sources.source_of(made).name == "renamed"


def test_names_do_not_grow(models: Path) -> None:
    box = add_box("T2", 0)
    (first,) = reconstruct(models)
    assert first.name == "T2 (ONet)"
    first.onet.kind = ""  # an ordinary mesh now
    select(first)
    (second,) = reconstruct(models)
    assert second.name == "T2 (ONet).001"
    assert second.matrix_world == box.matrix_world == Matrix.Identity(4)
