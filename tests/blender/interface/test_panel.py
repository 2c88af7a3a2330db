"""What the panel says: about what it is true of, for as long as it is true, with what mends it."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest
from test_sentences import EXTENSION, LIBRARY, sentences_of
from test_settings import add_scan, reconstruct

from onet_blender import activity
from onet_blender.operators import reconstruct as reconstruct_operators
from onet_blender.operators import runtime as runtime_operators
from onet_blender.panels import dice
from onet_blender.panels import help as panel_help
from onet_blender.panels.mending import MENDING
from onet_blender.properties.mesh_settings import OF_INPUTS, switch_of
from onet_blender.runtime import estimate, setup
from onet_blender.scene import handwork, reconstruction
from onet_core.sentences import Sentence
from onet_core.settings import QUALITIES, TABLE


def told_about(item: bpy.types.Object) -> str:
    return " ".join(map(str, reconstruction.findings(item)))


def test_messages_end_with_the_file_and_with_what_they_are_about(models: Path) -> None:
    add_scan()
    made = reconstruct(models)
    assert "faces" in str(activity.message("onet.reconstruct"))
    bpy.data.objects.remove(made)
    assert not activity.message("onet.reconstruct")
    bpy.context.view_layer.objects.active = bpy.data.objects["scan"]
    reconstruct(models)
    activity.tell("onet.check_runtime", Sentence("Cancelled."))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not activity.message("onet.reconstruct")
    # The runtime is no part of a file.
    assert activity.message("onet.check_runtime")


def test_an_old_error_never_stands_beside_the_last_word_on_the_runtime() -> None:
    activity.tell("onet.set_up_runtime", Sentence("The disk is full."))
    activity.tell("onet.check_runtime", Sentence("Works"))
    shown = [str(activity.message(owner)) for owner in activity.OF_THE_RUNTIME]
    assert "".join(shown) == "Works"


def test_the_fit_is_not_claimed_after_a_change_by_hand(models: Path) -> None:
    add_scan()
    made = reconstruct(models)
    assert "points lie within" in told_about(made)
    made.data.vertices[0].co.x += 0.5
    made.data.update()
    bpy.context.view_layer.update()
    assert handwork.is_changed(made)
    assert "points lie within" not in told_about(made)
    bpy.ops.onet.reconstruct_again()
    assert not handwork.is_changed(made)
    assert "points lie within" in told_about(made)


def test_work_done_by_hand_is_kept_when_the_mesh_is_made_again(models: Path) -> None:
    add_scan()
    made = reconstruct(models)
    bpy.ops.onet.reconstruct_again()
    assert len(bpy.data.objects) == 2
    made.data.vertices[0].co.x += 0.5
    made.data.update()
    bpy.context.view_layer.update()
    place = made.data.vertices[0].co.copy()
    bpy.ops.onet.reconstruct_again()
    (kept,) = [item for item in bpy.data.objects if item.name.endswith("by hand")]
    assert kept.hide_get()
    assert kept.data.vertices[0].co == place
    assert kept.data != made.data
    assert made.data.vertices[0].co != place
    assert kept.name in str(activity.message("onet.reconstruct"))
    # Nothing was changed since.
    bpy.ops.onet.reconstruct_again()
    assert len(bpy.data.objects) == 3


def test_made_ready_a_mesh_is_made_again_in_its_place(models: Path) -> None:
    scan = add_scan()
    scan.scale, scan.location = (2, 2, 2), (1, 2, 3)
    bpy.context.view_layer.update()
    made = reconstruct(models)
    bpy.ops.onet.ready()
    before = bounds(made)
    assert bpy.ops.onet.reconstruct_again() == {"FINISHED"}
    assert len(bpy.data.objects) == 2
    np.testing.assert_allclose(bounds(made), before, atol=1e-4)
    np.testing.assert_allclose(made.scale, (1, 1, 1))


def bounds(item: bpy.types.Object) -> list[np.ndarray]:
    bpy.context.view_layer.update()
    places = np.array([item.matrix_world @ vertex.co for vertex in item.data.vertices])
    return [places.min(axis=0), places.max(axis=0)]


@pytest.mark.parametrize("change", ["colours", "seams", "shape keys", "faces", "weights"])
def test_what_counts_as_a_change(change: str) -> None:
    bpy.ops.mesh.primitive_cube_add()
    item = bpy.context.active_object
    colours = item.data.color_attributes.new("Color", "BYTE_COLOR", "POINT")
    for layer in list(item.data.uv_layers):
        item.data.uv_layers.remove(layer)
    handwork.note(item)
    assert not handwork.is_changed(item)
    if change == "colours":
        colours.data[0].color = (1, 0, 0, 1)
    elif change == "seams":
        item.data.uv_layers.new()
    elif change == "shape keys":
        item.shape_key_add(name="Basis")
    elif change == "weights":
        item.vertex_groups.new(name="arm")
    else:
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.subdivide()
        bpy.ops.object.mode_set(mode="OBJECT")
    item.data.update()
    bpy.context.view_layer.update()
    assert handwork.is_changed(item)


def test_the_last_operation_shows_check_boxes_instead_of_special_numbers() -> None:
    """As the panel does: `Setting.blank` is never what a user reads."""
    known = {item.identifier for item in bpy.ops.onet.reconstruct.get_rna_type().properties}
    automatic = {name for name in OF_INPUTS if TABLE[name].automatic}
    assert {"threshold", "faces", "smoothing"} <= automatic
    assert {switch_of(name) for name in automatic} <= known


def test_what_mends_is_about_messages_that_there_are() -> None:
    messages = sentences_of(EXTENSION) | sentences_of(LIBRARY)
    for beginning, (operator, arguments, _, _) in MENDING.items():
        assert any(text.startswith(beginning) for text in messages), beginning
        group, _, name = operator.partition(".")
        known = getattr(getattr(bpy.ops, group), name).get_rna_type().properties
        assert set(arguments) <= set(known.keys())


def test_draft_and_threshold_are_mended_by_blenders_own_operators() -> None:
    choices = bpy.context.scene.onet
    choices.quality, choices.threshold = "HIGH", 0.9
    for beginning in ("The memory of {device} is", "No surface at threshold"):
        operator, arguments, _, _ = MENDING[beginning]
        getattr(bpy.ops.wm, operator.partition(".")[2])(**arguments)
    assert choices.quality == "DRAFT"
    assert not choices.use_threshold


def test_presets_keep_and_bring_back_all_settings(tmp_path: Path) -> None:
    choices = bpy.context.scene.onet
    choices.resolution, choices.denoise, choices.faces = 200, False, 700
    assert bpy.ops.onet.add_preset(name="Mine") == {"FINISHED"}
    (path,) = Path(bpy.utils.user_resource("SCRIPTS")).rglob("Mine.py")
    choices.quality, choices.denoise, choices.use_faces = "DRAFT", True, False
    bpy.ops.script.execute_preset(filepath=str(path), menu_idname="ONET_PT_presets")
    assert (choices.resolution, choices.denoise, choices.faces) == (200, False, 700)
    bpy.ops.onet.add_preset(name="Mine", remove_name=True)


def test_logs_leave_nothing_in_the_file(models: Path) -> None:
    add_scan()
    reconstruct(models)
    before = len(bpy.data.texts)
    assert bpy.ops.onet.show_log(which="WORKER") == {"FINISHED"}
    assert len(bpy.data.texts) == before
    assert runtime_operators.read_log("WORKER")


def test_a_problem_report_names_versions_and_no_folder(models: Path) -> None:
    report = runtime_operators.problem_report()
    assert bpy.app.version_string in report
    assert str(Path.home()) not in report.replace(str(models), "")


def test_the_manual_is_there() -> None:
    assert bpy.ops.onet.open_manual() == {"FINISHED"}


def test_help_is_at_hand() -> None:
    """Manual, paper and report; each button's operator is there, and the paper needs no consent."""
    buttons: dict[str, SimpleNamespace] = {}

    def operator(name: str, **_: Any) -> SimpleNamespace:
        return buttons.setdefault(name, SimpleNamespace())

    layout: Any = SimpleNamespace(operator=operator)
    panel_help.draw_help(layout)
    assert list(buttons) == ["onet.open_manual", "wm.url_open", "onet.copy_report"]
    assert buttons["wm.url_open"].url.startswith("https://arxiv.org/abs/")
    for name in buttons:
        area, _, function = name.partition(".")
        assert getattr(getattr(bpy.ops, area), function).idname_py() == name


def test_the_dice_looks_like_five() -> None:
    opaque = dice.drawn()[..., 3] > 0.5
    middle, corner = dice.PIXELS // 2, round(0.27 * dice.PIXELS)
    assert not opaque[middle, middle]  # a pip
    assert not opaque[corner, corner]
    assert opaque[middle, corner]
    assert not opaque[0, 0]
    np.testing.assert_array_equal(opaque, opaque[::-1, ::-1])


def test_time_is_told_from_what_meshes_took_before() -> None:
    preferences = bpy.context.preferences.addons["onet_blender"].preferences
    preferences.paces = ""
    assert not estimate.sentence("POINTS", 128)
    assert str(estimate.sentence("POINTS", 256)) == "About 4 times as long as Standard"
    estimate.note("POINTS", 64, 3.0)
    assert str(estimate.sentence("POINTS", 128)) == "Will take about 12 s"
    assert str(estimate.sentence("POINTS", 128, 3)) == "Will take about 36 s"  # three objects
    assert not estimate.sentence("POINTS", 64)
    assert str(estimate.sentence("POINTS", 512)) == "Will take about 3 minutes"
    estimate.note("IMAGE", 128, 2.0)
    assert str(estimate.sentence("POINTS", 128)) == "Will take about 12 s"
    preferences.paces = ""


def test_what_set_up_costs_is_said_before() -> None:
    for build in ("CPU", "MPS", "CUDA"):
        assert re.search(r"[\d.]+ GB, once, in about \d+ minutes", str(setup.cost_of(build)))


def test_removing_the_runtime_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a window; `is_confirmed` is what the answer sets."""
    asked = []
    manager = SimpleNamespace(
        invoke_confirm=lambda *_, **texts: asked.append(texts) or {"RUNNING_MODAL"}
    )
    context = SimpleNamespace(window=object(), window_manager=manager)
    monkeypatch.setattr(runtime_operators, "bpy", SimpleNamespace(
        app=SimpleNamespace(background=False), types=bpy.types,
    ))  # fmt: skip
    operator = SimpleNamespace(is_confirmed=False)
    invoke = runtime_operators.ONET_OT_remove_runtime.invoke
    assert invoke(operator, context, None) == {"RUNNING_MODAL"}
    assert asked[0]["title"] == "Remove the Runtime?"


def test_a_draft_comes_first_where_the_mesh_takes_long(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a window; scripts get at once what they ask for."""
    add_scan()
    soon: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(reconstruct_operators, "start_soon", lambda *asked: soon.append(asked))
    made = reconstruct(models, resolution=96)
    assert made.onet.resolution == 96
    assert not soon
    bpy.context.view_layer.objects.active = bpy.data.objects["scan"]
    monkeypatch.setattr(
        reconstruct_operators.ONET_OT_reconstruct, "_begins_with_a_draft", lambda *_: True
    )
    draft = reconstruct(models, resolution=96)
    assert draft.onet.resolution == QUALITIES["draft"]["resolution"]
    assert "draft" in str(activity.message("onet.reconstruct"))
    ((operator, wanted),) = soon
    # One that is not the last operation then: that is what Adjust Last Operation is about.
    assert operator == "onet.reconstruct_update"
    assert (wanted["target"], wanted["source"], wanted["resolution"]) == (draft.name, "scan", 96)
    monkeypatch.undo()
    faces = len(draft.data.polygons)
    # The user goes on with something else meanwhile.
    bpy.context.view_layer.objects.active = made
    assert bpy.ops.onet.reconstruct_update(**wanted) == {"FINISHED"}
    assert draft.onet.resolution == 96
    assert len(draft.data.polygons) > 1.5 * faces
    assert len(bpy.data.objects) == 3


def test_what_is_long_depends_on_this_machine() -> None:
    preferences = bpy.context.preferences.addons["onet_blender"].preferences
    preferences.paces = ""
    assert [estimate.is_long("POINTS", cells) for cells in (64, 128, 256)] == [False, False, True]
    estimate.note("POINTS", 128, 1.0)
    assert not estimate.is_long("POINTS", 256)
    assert estimate.is_long("POINTS", 1024)
    estimate.note("POINTS", 128, 100.0)
    assert estimate.is_long("POINTS", 128)
    assert not estimate.is_long("POINTS", 64)  # is a draft itself
    preferences.paces = ""
