"""The whole way in a real window: install the zip, press buttons, look, undo, cancel, remove."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chroots import ROOT, Blender

HERE = Path(__file__).resolve().parent
SECONDS_OF_FREEZE = 0.5
LOOK_FOR_REMAINS = """
import bpy, importlib.util
assert not [addon.module for addon in bpy.context.preferences.addons if "onet" in addon.module]
assert importlib.util.find_spec("onet_core") is None
assert not hasattr(bpy.types.Scene, "onet") and "onet" not in dir(bpy.ops)
print("nothing left")
"""


def extension_files(home: Path) -> set[str]:
    """What an installed extension can leave in Blender's settings."""
    folders = (home / ".config" / "blender").glob("*/extensions")
    return {
        path.relative_to(home).as_posix()
        for folder in folders
        for path in folder.rglob("*")
        # Blender's own index of what is installed.
        if path.is_file() and not {".blender_ext", ".cache"} & set(path.parts)
    }


def play(
    blender: Blender, scripts: Path, models: Path, pictures: Path, tmp_path: Path
) -> dict[str, Any]:
    """Lets `inside.py` use the window; returns its notes."""
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.iterdir():
        old.unlink()
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "outside.py"}"\n')
    hook.chmod(0o755)
    environment = Path(sys.prefix)
    shown = {environment, Path(sys.base_prefix), models}
    command = [
        scripts / "gui-shot.sh", "-s", "1280x800", "-t", "60", "-q", "20", "-a", hook,
        "-c", blender.root.parent / "shaders" / blender.suite, "-u", blender.home,
        "-e", f"TEST_PYTHON={sys.executable}", "-e", f"TEST_MODELS={models}",
        # Two threads would wait for one another where others use the machine too.
        "-e", "OMP_NUM_THREADS=1",
        *(word for path in shown for word in ("-r", path)),
        blender.root, HERE / "inside.py", pictures / "0-start.png",
    ]  # fmt: skip
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    log = (pictures / "0-start.png.log").read_text(errors="replace")
    written = pictures / "notes.json"
    notes = json.loads(written.read_text()) if written.exists() else {}
    if done.returncode != 0 or "error" in notes or not notes:
        pytest.fail(
            f"status {done.returncode}: {notes.get('error')}\n{done.stderr}\n{log[-3000:]}",
            pytrace=False,
        )
    notes["log"] = log
    return notes


def test_use_in_a_window(
    blender: Blender, scripts: Path, package: Path, models: Path, tmp_path: Path
) -> None:
    blender.run("--background", "--python-expr", "import bpy; bpy.ops.wm.save_userpref()")
    before = extension_files(blender.home)
    blender.run(
        "--command", "extension", "install-file", "-r", "user_default", "--enable", package,
        shown=[package],
    )  # fmt: skip
    assert len(extension_files(blender.home)) > len(before)

    notes = play(blender, scripts, models, ROOT / "out" / "gui" / blender.suite, tmp_path)

    check_result(notes)
    check_undo(notes)
    check_cancelled(notes, "escape")
    check_cancelled(notes, "button")
    check_interface_alive(notes)
    assert notes["check"].startswith("Works: Python")
    assert "Traceback" not in notes["log"]
    # The worker ends with Blender.
    assert not Path(f"/proc/{notes['worker']}").exists()

    blender.run("--command", "extension", "remove", "onet")
    assert extension_files(blender.home) == before
    left = blender.run("--background", "--python-exit-code", "7", "--python-expr", LOOK_FOR_REMAINS)
    assert "nothing left" in left


def check_result(notes: dict[str, Any]) -> None:
    """The mesh of the known model lies over the scan, selected, active and smooth."""
    before, after, made = notes["before"], notes["after"], notes["made"]
    assert after["objects"] == ["Scan", made["name"]]
    assert after["selected"] == [made["name"]]
    assert after["active"] == made["name"]
    # Blender keeps place, turn and size, not the matrix: it may differ in the last digit.
    np.testing.assert_allclose(
        after["matrices"][made["name"]], before["matrices"]["Scan"], rtol=0, atol=1e-6
    )
    low, high = np.array(notes["scan"]["bounds"])
    longest = (high - low).max()
    expected = (low + high) / 2 + longest * np.array([[-0.3], [0.3]])
    # Half a cell of the grid.
    np.testing.assert_allclose(made["bounds"], expected, rtol=0, atol=longest * 1.1 / 64 / 2)
    assert made["smooth"]
    assert made["faces"] > 1000
    assert notes["message"].startswith(f"{made['name']}: {made['faces']:,} faces")


def check_undo(notes: dict[str, Any]) -> None:
    """One step back and nothing else is changed; one step forth and all is there again."""
    assert notes["undone"] == notes["before"]
    assert notes["redone"] == notes["after"]


def check_cancelled(notes: dict[str, Any], way: str) -> None:
    """Nothing is left of work that was cancelled, and it ended soon."""
    state = dict(notes[f"cancelled by {way}"])
    assert state.pop("message") == "Cancelled."
    assert state.pop("seconds") < 5
    assert state == notes["before"]


def check_interface_alive(notes: dict[str, Any]) -> None:
    """The interface went on while the worker was at work, as fluently as with nothing to do."""
    pauses = {name: note["longest"] for name, note in notes.items() if "pulse" in name}
    limit = SECONDS_OF_FREEZE + notes["idle pulse"]["longest"]
    assert all(pause < limit for pause in pauses.values()), pauses
