"""Blender's properties and operators are those of the table of settings, and read older files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy
import pytest

from onet_blender import functions
from onet_blender.headless import options as batch_options
from onet_blender.properties.former import take_over
from onet_blender.properties.mesh_settings import (
    OF_INPUTS,
    OF_SAMPLES,
    SAMPLING,
    SETTINGS,
    draw_setting,
    for_the_worker,
    settings_of,
    switch_of,
)
from onet_core.errors import OnetError
from onet_core.setting_type import BLENDER
from onet_core.settings import COMMANDS, QUALITIES, TABLE, Settings, batch_settings, offered

OPERATORS = {
    "reconstruct": OF_INPUTS,
    "reconstruct_again": OF_INPUTS,
    "generate": (*SAMPLING, *OF_SAMPLES),
    "morph": ("resolution",),
}


def properties_of(operator: str) -> Any:
    return getattr(bpy.ops.onet, operator).get_rna_type().properties


def test_every_setting_for_blender_is_in_panel_and_objects() -> None:
    assert set(SETTINGS) == {item.name for item in offered(BLENDER)}
    bpy.ops.mesh.primitive_cube_add()
    for group in (bpy.context.scene.onet, bpy.context.object.onet):
        for name in SETTINGS:
            item, known = TABLE[name], group.bl_rna.properties[name]
            assert known.name == item.label
            assert known.description.startswith(item.help)
            value = getattr(group, name)
            plain = item.unpacked(value.lower() if item.choices else value)
            assert plain == item.default
            if item.choices:
                assert [one.identifier.lower() for one in known.enum_items] == [
                    choice.value for choice in item.choices
                ]
            elif item.type in (int, float):
                assert known.hard_min == (item.blank if item.automatic else item.low)
                if item.high is not None:
                    assert known.hard_max == pytest.approx(item.high, abs=0.02)


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_take_the_settings_that_they_can_use_and_no_others(operator: str) -> None:
    known = {item.identifier for item in properties_of(operator)}
    assert set(OPERATORS[operator]) <= known
    for name in sorted(set(SETTINGS) - set(OPERATORS[operator])):
        with pytest.raises(TypeError, match=name):
            getattr(bpy.ops.onet, operator)(**{name: TABLE[name].default})


def test_generating_does_not_swallow_what_it_can_not_use() -> None:
    with pytest.raises(TypeError, match="snap"):
        bpy.ops.onet.generate(snap=False)
    with pytest.raises(TypeError, match="snap"):
        functions.generate(snap=False)


def test_what_is_automatic_has_a_check_box() -> None:
    choices = bpy.context.scene.onet
    automatic = [name for name in SETTINGS if TABLE[name].automatic]
    assert {"threshold", "smoothing", "faces", "refinement_steps"} <= set(automatic)
    for name in automatic:
        assert not getattr(choices, switch_of(name))
        setattr(choices, switch_of(name), True)
        assert getattr(choices, name) == pytest.approx(TABLE[name].suggested)
        assert getattr(choices, switch_of(name))
        setattr(choices, switch_of(name), False)
        assert TABLE[name].unpacked(getattr(choices, name)) is None


def test_a_ticked_box_means_what_stands_beside_it() -> None:
    """An empty box beside "Automatic" was read as: it is not."""
    choices, drawn = bpy.context.scene.onet, []

    class Layout:
        use_property_split = False
        label = row = lambda self, **_: self

        def prop(self, owner: Any, name: str, text: str = "", invert_checkbox: bool = False):
            value = getattr(owner, name)
            drawn.append((text, value != invert_checkbox if value in (True, False) else value))

    layout: Any = Layout()
    draw_setting(layout, choices, "faces")
    assert drawn == [("Keep All", True)]
    drawn.clear()
    choices.faces = 700
    draw_setting(layout, choices, "faces")
    assert drawn == [("", False), ("", 700)]


def test_each_kind_of_input_has_its_settings() -> None:
    assert "pose" in settings_of("IMAGE")
    assert "denoise" in settings_of("POINTS")
    for name in ("denoise", "snap", "symmetry", "remove_outliers"):
        assert name not in settings_of("IMAGE")
        assert name not in settings_of("VOXELS")


def test_the_worker_gets_none_for_what_is_automatic() -> None:
    choices = bpy.context.scene.onet
    asked = for_the_worker({name: getattr(choices, name) for name in SETTINGS})
    assert Settings.of(asked) == Settings(normals=False)


# Files of 0.1.0


def test_blend_files_keep_settings_under_their_former_names(tmp_path: Path) -> None:
    """Blender stores a property under its name: what 0.1.0 wrote are values of the old names."""
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.name = "result"
    for group in (bpy.context.scene.onet, bpy.context.object.onet):
        group.crop_outliers, group.smooth = True, False
        group.refinement_steps, group.threshold, group.faces = 0, 0.3, 700
    path = str(tmp_path / "old.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    for group in (bpy.context.scene.onet, bpy.data.objects["result"].onet):
        assert (group.remove_outliers, group.shade_smooth) == (True, False)
        assert not group.is_property_set("crop_outliers")
        assert (group.refinement_steps, group.faces) == (0, 700)
        assert group.threshold == pytest.approx(0.3)


def test_what_was_set_since_is_not_replaced_by_the_former_value() -> None:
    group = bpy.context.scene.onet
    group.crop_outliers, group.remove_outliers = True, False
    take_over(group)
    assert not group.remove_outliers


def test_old_presets_are_still_presets() -> None:
    group = bpy.context.scene.onet
    group.resolution, group.refinement_steps = QUALITIES["draft"]["resolution"], 0
    assert group.quality == "DRAFT"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"denoize": True}, "There is no setting denoize. Did you mean denoise?"),
        ({"root-cause": 1}, "There is no setting root-cause"),
        ({"seeds": [1, 2]}, "The setting seeds is of no use here"),
        ({"root_steps": 1}, "The setting root_steps was removed in version 0.2.0"),
        ({"resolution": "fine"}, "choose a whole number from 8 to 2048, not 'fine'"),
        ({"quality": "best"}, "Quality can't be best: choose one of draft, standard, high"),
        ({"symmetry": "perhaps"}, "Mirror Symmetry can't be perhaps: choose true or false"),
        ({"threshold": 1.5}, "Threshold can't be 1.5"),
    ],
)
def test_what_a_job_file_says_wrong_is_named(
    tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    job = tmp_path / "job.json"
    job.write_text(json.dumps(content))
    with pytest.raises(OnetError, match=r"job\.json can't be used") as caught:
        batch_options.read_job(job, "reconstruct")
    assert message in str(caught.value)


def test_job_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    job = tmp_path / "job.json"
    job.write_text(json.dumps({
        "input": "scans", "output": "out", "flat": True, "crop-outliers": True, "refine": 5,
        "up": "y", "no-denoise": True, "no-snap": False, "threshold": 0, "smoothing": -1,
        "faces": 0, "overwrite": False, "part": "2/3", "quality": "high", "masks": None,
    }))  # fmt: skip
    found = batch_options.parse("reconstruct", ["--job", str(job)], "test")
    assert found.input == [str(tmp_path / "scans")]
    assert found.output == tmp_path / "out"
    assert (found.shade_smooth, found.remove_outliers, found.up_axis) == (False, True, "y")
    assert (found.denoise, found.snap, found.part) == (False, True, (2, 3))
    assert (found.threshold, found.smoothing, found.faces) == (None, None, None)
    assert (found.resolution, found.refinement_steps) == (256, 5)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_batch_has_the_tables_options(command: str) -> None:
    known = {action.dest: action for action in batch_options.make_parser(command, "x")._actions}
    wanted = {item.name for item in batch_settings("batch", command)}
    assert set(known) == wanted | {"help", "job", "part"}
    for name in wanted - set(QUALITIES["high"]):
        assert known[name].default == TABLE[name].default
