"""Flamenco's job types offer what the batch offers: no more, no less, and by the same defaults.

`tests/core/test_flamenco.py` compiles them, in the runtime: there is a JavaScript engine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import bpy
import pytest

from onet_blender.headless import options as batch_options

TESTS = Path(__file__).resolve().parents[2] / "core"
COMPILE = """
import json, sys
try:
    import dukpy
except ModuleNotFoundError:
    sys.exit(78)
import test_flamenco as flamenco
command, message = json.load(sys.stdin)
tasks = [flamenco.compiled(command, **chosen)[0] for chosen in message]
arguments = [task["commands"][0]["parameters"]["args"] for task in tasks]
print(json.dumps([flamenco.job_type(command)["settings"], arguments]))
"""
# Without these nothing can be made; what is chosen here, and what the batch takes it for.
NEEDED: dict[str, dict[str, tuple[Any, list[str]]]] = {
    "reconstruct": {
        "input": ("/in put", ["--input=/in put"]),
        "output": ("/out", ["--output=/out"]),
    },
    "generate": {"output": ("/out", ["--output=/out"])},
    "morph": {"output": ("/out", ["--output=/out"]), "seeds": ("1 2", ["--seeds", "1", "2"])},
}
# What only a single call needs, or what the job itself does.
NOT_FOR_FARMS = {"help", "job", "part"}
# Another value than the default, and what the batch makes of it.
Others = dict[str, tuple[Any, Any]]
OTHERS_OF_ALL: Others = {
    "format": ("blend", "blend"),
    "model": ("--mine", "--mine"),
    "quality": ("high", "high"),
    "resolution": (40, 40),
    "threshold": (0.25, 0.25),
    "refinement_steps": (7, 7),
    "smoothing": (0, 0),
    "remove_islands": (0.5, 0.5),
    "faces": (100, 100),
    "shade_smooth": (False, False),
    "floor": (True, True),
    "overwrite": (True, True),
    "jobs": (3, 3),
    "device": ("cpu", "cpu"),
    "runtime": ("/a python", Path("/a python")),
}
OTHERS: dict[str, Others] = {
    "reconstruct": {
        **OTHERS_OF_ALL,
        "kind": ("points", "points"),
        "up_axis": ("y", "y"),
        "masks": ("-masks", Path("-masks")),
        "save_masks": ("-cut", Path("-cut")),
        "cut_out": (False, False),
        "colours": (False, False),
        "picture_colours": (True, True),
        "remove_outliers": (True, True),
        "open_gaps": (3.0, 3.0),
        "symmetry": (False, False),
        "denoise": (False, False),
        "snap": (False, False),
        "pose": ("camera", "camera"),
    },
    "generate": {**OTHERS_OF_ALL, "seed": (5, 5), "count": (9, 9)},
    "morph": {**OTHERS_OF_ALL, "steps": (20, 20), "form": ("shape-keys", "shape-keys")},
}
Compiled = tuple[str, dict[str, dict[str, Any]], dict[str, list[str]]]


@pytest.fixture(scope="module", params=OTHERS)
def compiled(request: pytest.FixtureRequest, runtime_python: str) -> Compiled:
    """The command; the settings by key; the batch's arguments, by what of `OTHERS` was chosen."""
    command: str = request.param
    changes: dict[str, dict[str, Any]] = {"": {}}
    changes |= {key: {key: value} for key, (value, _) in OTHERS[command].items()}
    needed = {key: value for key, (value, _) in NEEDED[command].items()}
    chosen = [{**needed, "tasks": 1, **change} for change in changes.values()]
    done = subprocess.run(
        [runtime_python, "-c", COMPILE], input=json.dumps([command, chosen]), cwd=TESTS,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode == 78:
        pytest.skip("SKIPPED: the runtime has no dukpy, a JavaScript engine")
    assert done.returncode == 0, done.stderr
    settings, arguments = json.loads(done.stdout)
    for words in arguments:
        assert words[:3] == ["--command", "onet", command]
    given = [words[3:] for words in arguments]
    by_key = {item["key"]: item for item in settings}
    return command, by_key, dict(zip(changes, given, strict=True))


def parsed(command: str, arguments: list[str]) -> argparse.Namespace:
    return batch_options.parse(command, arguments, "test")


def actions(command: str) -> dict[str, argparse.Action]:
    parser = batch_options.make_parser(command, "test")
    return {action.dest: action for action in parser._actions}


def test_every_option_of_the_batch_is_there(compiled: Compiled) -> None:
    command, settings, _ = compiled
    assert set(settings) == {*NEEDED[command], "tasks", *OTHERS[command]}
    assert set(settings) - {"tasks"} == set(actions(command)) - NOT_FOR_FARMS


def test_the_defaults_are_the_batchs(compiled: Compiled) -> None:
    command, _, arguments = compiled
    plain = parsed(command, [word for _, words in NEEDED[command].values() for word in words])
    job = parsed(command, arguments[""])
    assert job.part == (1, 1)
    assert vars(job) == vars(plain)


def test_what_is_chosen_arrives(compiled: Compiled) -> None:
    command, _, arguments = compiled
    for key, (_, wanted) in OTHERS[command].items():
        assert getattr(parsed(command, arguments[key]), key) == wanted
        assert getattr(parsed(command, arguments[""]), key) != wanted


def test_choices_and_limits_are_the_batchs_and_the_panels(compiled: Compiled) -> None:
    command, settings, _ = compiled
    for key, item in settings.items():
        known = actions(command).get(key)
        if known is not None and known.choices is not None:
            assert item["choices"] == list(known.choices)
    panel = bpy.context.scene.onet.bl_rna.properties
    for key in ("resolution", "refinement_steps", "smoothing", "threshold"):
        assert settings[key]["propargs"]["max"] == pytest.approx(panel[key].hard_max)
