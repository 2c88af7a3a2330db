"""What people do while ONet is at work, and around it: rename, delete, duplicate, change scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from test_several import add_box, reconstruct, select

from onet_blender.operators import shared
from onet_blender.operators.reconstruct import ONET_OT_reconstruct
from onet_blender.scene import reconstruction, sources
from onet_blender.scene.importing import _scale
from onet_blender.scene.pieces import all_at_once
from onet_blender.scene.reconstruction import Request
from onet_core.engine.client import Answer
from onet_core.errors import InputError

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=np.float64)
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)


def answer() -> Answer:
    values = {"model": "test", "seconds": {}, "up_axis": "z"}
    return Answer(values, {"vertices": SQUARE, "faces": TRIANGLES})


def request(item: bpy.types.Object, replaces: str = "") -> Request:
    depsgraph = bpy.context.evaluated_depsgraph_get()
    params = {"model": "", "settings": {}}
    return all_at_once(
        reconstruction.prepare_object(item, "POINTS", depsgraph, params, {}, replaces)
    )


def test_a_source_that_is_renamed_meanwhile_is_the_source() -> None:
    source = add_box("Scan", 0)
    asked = request(source)
    source.name = "Chair of Ann"
    other = add_box("Scan", 5)
    made = reconstruction.place(bpy.context, asked, answer())
    assert sources.source_of(made) == source
    assert reconstruction.source_now(asked) == source != other
    assert made.matrix_world.translation.x == pytest.approx(0)


def test_a_scene_that_is_renamed_meanwhile_gets_the_mesh() -> None:
    source = add_box("Scene", 0)  # named as the scene is
    asked = request(source)
    bpy.context.scene.name = "Shot 1"
    made = reconstruction.place(bpy.context, asked, answer())
    assert made.name in bpy.data.scenes["Shot 1"].objects


def test_a_result_that_is_renamed_meanwhile_is_updated() -> None:
    source = add_box("Scan", 0)
    made = reconstruction.place(bpy.context, request(source), answer())
    asked = request(source, made.name)
    made.name = "Chair of Ann"
    assert reconstruction.place(bpy.context, asked, answer()) == made
    assert len(bpy.data.objects) == 2


def test_a_result_that_is_deleted_meanwhile_does_not_come_back() -> None:
    source = add_box("Scan", 0)
    made = reconstruction.place(bpy.context, request(source), answer())
    asked = request(source, made.name)
    bpy.data.objects.remove(made)
    before = len(bpy.data.meshes)
    with pytest.raises(InputError, match="is gone"):
        reconstruction.place(bpy.context, asked, answer())
    assert list(bpy.data.objects) == [source]
    assert len(bpy.data.meshes) == before


def test_a_duplicate_of_a_source_has_results_of_its_own() -> None:
    source = add_box("Scan", 0)
    first = reconstruction.place(bpy.context, request(source), answer())
    twin = source.copy()
    bpy.context.scene.collection.objects.link(twin)
    bpy.context.view_layer.update()
    second = reconstruction.place(bpy.context, request(twin), answer())
    third = reconstruction.place(bpy.context, request(source), answer())
    twin.name, source.name = "One", "Another"
    assert [sources.source_of(item) for item in (first, second, third)] == [source, twin, source]


def test_a_second_press_leaves_one_mesh_to_be_seen(models: Path) -> None:
    source = add_box("Scan", 0)
    (first,) = reconstruct(models)
    (second,) = reconstruct(models)
    seen = [item for item in bpy.context.view_layer.objects if item.visible_get()]
    assert seen == [second]
    assert {first, second, source} == set(bpy.data.objects)
    # One that was moved aside to compare stays.
    select(second)
    second.location.x += 5
    bpy.context.view_layer.update()
    (third,) = reconstruct(models)
    assert second.visible_get()
    assert third.visible_get()


def test_the_source_is_hidden_in_its_own_scene() -> None:
    source = add_box("Scan", 0)
    there = bpy.context.scene.view_layers[0]
    asked = request(source)
    other = bpy.data.scenes.new("Other")
    bpy.context.window_manager.windows[0].scene = other
    operator: Any = type("Operator", (), {"is_refined": lambda *_: True})()
    made = all_at_once(ONET_OT_reconstruct._place(operator, bpy.context, asked, answer()))
    assert source.hide_get(view_layer=there)
    assert made.name not in other.objects


def test_nothing_changes_under_a_render(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is finished once the render is."""
    rendering = True
    app = type("App", (), {"is_job_running": staticmethod(lambda _: rendering)})

    class Context:
        mode = "OBJECT"

    def refuse(_: object) -> None:
        raise InputError("too bad")

    acts = {
        "step": lambda _: True, "done": True, "stage": None, "result": refuse, "cancelling": False,
    }  # fmt: skip
    work = type("Work", (), acts)()
    own = {
        "adds_object": True, "_activity": work, "_concluding": None,
        "_is_wanted": lambda _: True, "_stop": lambda _: None, "_refuse": lambda *_: {"CANCELLED"},
    }  # fmt: skip
    operator: Any = type("Operator", (), own)()
    event: Any = type("Event", (), {"type": "TIMER", "value": "NOTHING"})
    monkeypatch.setattr(shared.bpy, "app", app)
    assert shared.WorkerOperator.modal(operator, Context, event) == {"PASS_THROUGH"}
    assert "render" in str(work.stage)
    rendering = False
    assert shared.WorkerOperator.modal(operator, Context, event) == {"CANCELLED"}


def test_files_come_in_the_scenes_units() -> None:
    """A chair of 92 centimetres, in a scene whose unit is the centimetre, and in feet."""
    places = np.array([[0, 0, 0], [40, 40, 92]])
    units = bpy.context.scene.unit_settings
    assert _scale("chair", places, "AUTO")[0] == pytest.approx(0.01)
    units.scale_length = 0.01
    assert _scale("chair", places, "AUTO")[0] == pytest.approx(1)
    assert _scale("chair", places, "METRES")[0] == pytest.approx(100)
    units.scale_length = 0.3048
    assert _scale("chair", places, "AUTO")[0] == pytest.approx(0.01 / 0.3048)
    units.system = "NONE"
    assert _scale("chair", places / 100, "AUTO")[0] == 1
