"""Flamenco's job type offers what the batch offers: no more, no less, and by the same defaults.

`tests/core/test_flamenco.py` compiles it, in the runtime: there is a JavaScript engine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import bpy
import pytest

from onet_blender import batch_options

TESTS = Path(__file__).resolve().parents[1] / "core"
COMPILE = """
import json, sys
try:
    import dukpy
except ModuleNotFoundError:
    sys.exit(78)
import test_flamenco as flamenco
told = json.load(sys.stdin)
arguments = [flamenco.compiled(**chosen)[0]["commands"][0]["parameters"]["args"] for chosen in told]
print(json.dumps([flamenco.job_type()["settings"], arguments]))
"""
FOLDERS = {"input": "/in put", "output": "/out"}
# What only a single call needs, or what the job itself does.
NOT_FOR_FARMS = {"-h", "--help", "--job", "--part"}
# Another value than the default, and what the batch makes of it.
OTHERS: dict[str, tuple[Any, tuple[str, Any]]] = {
    "format": ("obj", ("format", "obj")),
    "kind": ("points", ("kind", "points")),
    "up": ("y", ("up", "y")),
    "masks": ("-masks", ("masks", Path("-masks"))),
    "model": ("--mine", ("model", "--mine")),
    "quality": ("high", ("resolution", 256)),
    "resolution": (40, ("resolution", 40)),
    "threshold": (0.25, ("threshold", 0.25)),
    "refine": (7, ("refine", 7)),
    "faces": (100, ("faces", 100)),
    "smooth": (False, ("flat", True)),
    "colours": (False, ("no_colours", True)),
    "crop_outliers": (True, ("crop_outliers", True)),
    "symmetry": (False, ("no_symmetry", True)),
    "pose": ("camera", ("pose", "camera")),
    "floor": (True, ("floor", True)),
    "overwrite": (True, ("overwrite", True)),
    "jobs": (3, ("jobs", 3)),
    "device": ("cpu", ("device", "cpu")),
    "runtime": ("/a python", ("runtime", Path("/a python"))),
}


@pytest.fixture(scope="module")
def compiled(runtime_python: str) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """The settings by key; and the batch's arguments, by what of `OTHERS` was chosen, "" first."""
    changes = {"": {}, **{key: {key: value} for key, (value, _) in OTHERS.items()}}
    chosen = [{**FOLDERS, "tasks": 2, **change} for change in changes.values()]
    done = subprocess.run(
        [runtime_python, "-c", COMPILE], input=json.dumps(chosen), cwd=TESTS, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode == 78:
        pytest.skip("SKIPPED: the runtime has no dukpy, a JavaScript engine")
    assert done.returncode == 0, done.stderr
    settings, arguments = json.loads(done.stdout)
    for words in arguments:
        assert words[:3] == ["--command", "onet", "reconstruct"]
    given = [words[3:] for words in arguments]
    return {item["key"]: item for item in settings}, dict(zip(changes, given, strict=True))


def parsed(arguments: list[str]) -> argparse.Namespace:
    return batch_options.parse("reconstruct", arguments, "test")


def actions() -> dict[str, argparse.Action]:
    parser = batch_options.make_parser("reconstruct", "test")
    return {word: action for action in parser._actions for word in action.option_strings}


def test_every_option_of_the_batch_is_there(compiled: Any) -> None:
    settings, arguments = compiled
    assert set(settings) == {*FOLDERS, "tasks", *OTHERS}
    said = {word.partition("=")[0] for words in arguments.values() for word in words}
    assert said == set(actions()) - NOT_FOR_FARMS | {"--part"}


def test_the_defaults_are_the_batchs(compiled: Any) -> None:
    _, arguments = compiled
    plain = parsed([f"--{name}={value}" for name, value in FOLDERS.items()])
    job = parsed(arguments[""])
    assert job.part == (1, 2)
    # Left out, the device is as each machine's preferences say: automatic, unless changed.
    job.part, job.device = plain.part, plain.device
    assert vars(job) == vars(plain)


@pytest.mark.parametrize("key", OTHERS)
def test_what_is_chosen_arrives(compiled: Any, key: str) -> None:
    _, arguments = compiled
    _, (name, wanted) = OTHERS[key]
    assert getattr(parsed(arguments[key]), name) == wanted
    assert getattr(parsed(arguments[""]), name) != wanted


def test_choices_and_limits_are_the_batchs_and_the_panels(compiled: Any) -> None:
    settings, _ = compiled
    for key, item in settings.items():
        known = actions().get(f"--{key}")
        if known is not None and known.choices is not None:
            assert item["choices"] == list(known.choices)
    panel = bpy.context.scene.onet.bl_rna.properties
    for key, name in (("resolution", "resolution"), ("refine", "refinement_steps")):
        assert settings[key]["propargs"]["max"] == panel[name].hard_max
    assert settings["threshold"]["propargs"]["max"] == pytest.approx(panel["threshold"].hard_max)
