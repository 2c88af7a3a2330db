"""The table of settings, and that every front end in the runtime offers what it says."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import click
import numpy as np
import pytest

from onet_core.cli import main
from onet_core.engine.methods import METHODS
from onet_core.errors import InputError
from onet_core.setting_type import ALL_KINDS, BATCH, EVERYWHERE, FLAMENCO, NONE, SHELL
from onet_core.settings import (
    COMMANDS,
    MESH_SETTINGS,
    OTHERS,
    QUALITIES,
    TABLE,
    Settings,
    batch_settings,
    offered,
    todays_options,
)
from onet_core.settings_page import GROUPS, page

ROOT = Path(__file__).resolve().parents[2]


def other_than_default(name: str) -> object:
    """A value that the setting may have and does not have by itself."""
    item = TABLE[name]
    if item.type is bool:
        return not item.default
    if item.choices:
        return next(one.value for one in item.choices if one.value != item.default)
    if item.type in (int, float):
        suggested = item.suggested if item.suggested is not None else item.high or 3
        return suggested if suggested != item.default else item.low
    return "some"


def test_names_labels_and_groups_are_there_and_unique() -> None:
    assert len(TABLE) == len(MESH_SETTINGS) + len(OTHERS)
    labels = [item.label for item in TABLE.values()]
    assert len(set(labels)) == len(labels)
    for item in TABLE.values():
        assert item.name.isidentifier()
        assert item.help
        assert not item.help.endswith(".")
        assert item.group in GROUPS
        assert set(item.kinds) <= set(ALL_KINDS)
        assert item.kinds
        assert set(item.offered) <= set(EVERYWHERE)
        assert item.offered
        assert (item.default is None) == bool(item.automatic or item.is_required)
        for former in item.formerly:
            assert former.name not in TABLE


@pytest.mark.parametrize("item", TABLE.values(), ids=TABLE)
def test_defaults_and_suggestions_are_allowed_and_nothing_stands_for_two_things(item) -> None:
    assert item.checked(item.default) == item.default
    if item.suggested is not None:
        assert item.checked(item.suggested) == item.suggested
    if item.automatic:
        assert item.unpacked(item.packed(None)) is None
        if item.type in (int, float):
            with pytest.raises(InputError):  # else a value could not be told from "automatic"
                item.checked(item.blank)
    value = other_than_default(item.name)
    if item.is_many:
        value = [value]
    assert item.unpacked(item.packed(item.checked(value))) == item.checked(value)


def test_settings_are_the_tables_first_part() -> None:
    hints = get_type_hints(Settings)
    for known, item in zip(dataclasses.fields(Settings), MESH_SETTINGS, strict=True):
        wanted = item.type | None if item.automatic else item.type
        assert (known.name, hints[known.name]) == (item.name, wanted)
        assert getattr(Settings(), item.name) == item.default


def test_values_out_of_bounds_and_of_other_types_name_the_setting() -> None:
    for item in MESH_SETTINGS:
        bad: list[object] = ["no number"]
        if item.type in (int, float):
            bad += [True, float("nan")]
            bad += [item.low - 1] if item.low is not None else []
            bad += [item.high + 1] if item.high is not None else []
        if item.type is int:
            bad.append(1.5)
        if not item.automatic:
            bad.append(None)
        for value in bad:
            with pytest.raises(InputError, match=item.label):
                Settings(**{item.name: value})


def test_numpys_numbers_are_numbers() -> None:
    made = Settings(resolution=np.int64(64), threshold=np.float32(0.5))
    assert (type(made.resolution), type(made.threshold)) == (int, float)


def test_refinement_follows_simplification() -> None:
    assert [Settings(faces=faces).refinement for faces in (None, 500)] == [0, 30]
    assert Settings(faces=500, refinement_steps=0).refinement == 0
    assert Settings(refinement_steps=7).refinement == 7


def test_what_is_unknown_or_of_no_use_is_named() -> None:
    for name, told in {
        "denoize": "no setting denoize. Did you mean denoise?",
        "polish": "no setting polish",
        "floor": "floor is of no use here",
        "root_steps": "root_steps was removed in version 0.2.0",
        "root-steps": "root-steps was removed",
    }.items():
        with pytest.raises(InputError, match=told):
            Settings.of({name: 1})
    assert Settings.of({"crop_outliers": True, "refine": 3, "no-snap": True}) == Settings(
        remove_outliers=True, refinement_steps=3, snap=False
    )


def test_options_of_earlier_versions_are_understood() -> None:
    old = ["--refine", "5", "--up=y", "--flat", "--crop-outliers", "--faces", "9", "a=--up"]
    assert todays_options(old) == [
        "--refinement-steps", "5", "--up-axis=y", "--no-shade-smooth", "--remove-outliers",
        "--faces", "9", "a=--up",
    ]  # fmt: skip


def test_presets_are_values_of_settings() -> None:
    assert list(QUALITIES) == [choice.value for choice in TABLE["quality"].choices]
    for values in QUALITIES.values():
        for name, value in values.items():
            assert TABLE[name].checked(value) == value


@pytest.mark.parametrize("command", ["reconstruct", "generate"])
def test_the_shell_offers_its_settings(command: str) -> None:
    known = {option.name: option for option in main.commands[command].params}
    wanted = {item.name for item in batch_settings(SHELL, command)}
    # Shapes are generated one after the other in the shell.
    wanted |= {"jobs"} if command == "reconstruct" else set()
    assert wanted == set(known) & set(TABLE) - {"output", "format", "input"}
    for name in wanted - {"model"}:
        assert known[name].default == TABLE[name].default
        assert isinstance(known[name], click.Option)


def test_the_worker_takes_all_of_them_and_names_what_it_does_not_know() -> None:
    values = {item.name: other_than_default(item.name) for item in MESH_SETTINGS}
    assert dataclasses.asdict(Settings.of(values)) == values
    with pytest.raises(InputError, match="There is no setting sharpness"):
        METHODS["sample"]({"seeds": [1], "settings": {"sharpness": 1}}, {}, print)


def test_the_batch_and_flamenco_offer_the_same() -> None:
    for command in COMMANDS:
        ours = {item.name for item in batch_settings(BATCH, command)}
        assert {item.name for item in batch_settings(FLAMENCO, command)} - {"tasks"} == ours
    assert "snap" not in {item.name for item in offered(BATCH, NONE)}


def test_the_page_is_that_of_the_table() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == page(), "run python -m onet_core.settings_page docs/settings.md"


def test_the_table_needs_the_standard_library_only() -> None:
    code = (
        "import sys; sys.modules.update(numpy=None, torch=None, click=None, bpy=None)\n"
        "import onet_core.settings, onet_core.flamenco, onet_core.settings_page"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
