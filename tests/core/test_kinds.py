"""The tables of kinds and formats: complete, without contradictions, and the only ones."""

import fnmatch
import subprocess
import sys
from pathlib import Path

import pytest

from onet_core import kinds
from onet_core.models.catalogue import default_model

ROOT = Path(__file__).parents[2]


def test_names_and_endings_are_unique() -> None:
    assert len(set(kinds.NAMES)) == len(kinds.KINDS)
    assert len({kind.identifier for kind in kinds.KINDS}) == len(kinds.KINDS)
    assert len(set(kinds.ENDINGS)) == len(kinds.ENDINGS)
    assert all(ending == ending.lower() and ending[0] == "." for ending in kinds.ENDINGS)


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind.default_model])
def test_default_models_ship_and_read_their_kind(kind: kinds.InputKind) -> None:
    entry = default_model(kind.name)
    assert entry.name == kind.default_model
    assert entry.description is not None
    assert entry.description.input_kind == kind.name


def test_verticals() -> None:
    found = {ending: kinds.format_of(f"a{ending}") for ending in kinds.ENDINGS}
    y_up = {".glb", ".gltf", ".obj", ".off", ".binvox", ".raw"}
    assert {name for name, form in found.items() if form and form.vertical("points") == "y"} == y_up
    assert found[".npy"] is not None
    assert (found[".npy"].vertical("points"), found[".npy"].vertical("voxels")) == ("z", "y")


def test_needs_the_standard_library_only() -> None:
    code = "import sys, onet_core.kinds; print('numpy' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["False", "False"]


def test_the_file_dialogs_filter_fits_and_shows_every_ending() -> None:
    patterns = kinds.file_filter()
    assert len(patterns) <= 255, "Blender cuts longer ones off"
    for ending in kinds.ENDINGS:
        assert any(fnmatch.fnmatch(f"a{ending}", pattern) for pattern in patterns.split(";"))


def test_nobody_else_keeps_a_list_of_endings() -> None:
    """A second list would drift away from this one."""
    lists = []
    for package in ("onet_core", "onet_blender"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if path.name != "kinds.py" and '".ply", ".' in text:
                lists.append(path.name)
    assert set(lists) <= {"load.py"}
