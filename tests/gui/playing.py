"""A story played in a window of a Blender, seen from outside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chroots import ROOT, Blender

HERE = Path(__file__).resolve().parent
EXAMPLES = ROOT / "examples"
# Of the extension's own work in the thread that draws.
SECONDS_OF_STALL = 0.05


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


def play_story(
    story: str,
    blender: Blender,
    scripts: Path,
    models: Path,
    tmp_path: Path,
    package: Path | None = None,
) -> dict[str, Any]:
    """Lets `inside.py` use the window; returns its notes. package: a zip that it may read."""
    pictures = ROOT / "out" / "gui" / blender.suite / story
    if pictures.exists():
        shutil.rmtree(pictures)
    pictures.mkdir(parents=True)
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "outside.py"}"\n')
    hook.chmod(0o755)
    environment = Path(sys.prefix)
    shown = {environment, Path(sys.base_prefix), models, HERE, EXAMPLES}
    if package is not None:
        shown.add(package.parent)
    # Languages, which the chroots' packages are installed without.
    languages = os.environ.get("ONET_BLENDER_LANGUAGES", "")
    translations = ["-r", f"{languages}/{blender.suite}:/usr/share/locale"] if languages else []
    command = [
        scripts / "gui-shot.sh", "-s", "1280x800", "-t", "120", "-q", "30", "-a", hook,
        "-c", blender.root.parent / "shaders" / blender.suite, "-u", blender.home,
        "-e", f"TEST_PYTHON={sys.executable}", "-e", f"TEST_MODELS={models}",
        "-e", f"BASE_PYTHON={Path(sys.base_prefix) / 'bin' / Path(sys.executable).name}",
        "-e", f"REAL_WHEELS={os.environ.get('ONET_RUNTIME_WHEELS', '')}",
        "-e", f"STORY={story}", "-e", f"PACKAGE={package or ''}",
        "-e", f"EXAMPLES={EXAMPLES}", "-e", "PYTHONDONTWRITEBYTECODE=1",
        # Two threads would wait for one another where others use the machine too.
        "-e", "OMP_NUM_THREADS=1",
        *(word for path in shown for word in ("-r", path)),
        *translations,
        blender.root, HERE / "inside.py", pictures / "0-start.png",
    ]  # fmt: skip
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    log = (pictures / "0-start.png.log").read_text(errors="replace")
    written = pictures / "notes.json"
    notes = json.loads(written.read_text()) if written.exists() else {}
    crashes = [path.read_text(errors="replace") for path in pictures.glob("*.crash.txt")]
    if done.returncode != 0 or "error" in notes or not notes:
        pytest.fail(
            f"status {done.returncode}: {notes.get('error')}\n{done.stderr}\n{log[-3000:]}\n"
            + "\n".join(crashes),
            pytrace=False,
        )
    notes["log"] = log
    return notes


def is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def check_stalls(notes: dict[str, Any]) -> None:
    """None of the extension's calls keeps the main thread busy for long.

    By the processor's time: by the clock, a busy machine is slow without being stalled.
    """
    longest = {
        (work, call): processor
        for work, calls in notes["stalls"].items()
        for call, (_, processor) in calls.items()
    }
    assert longest
    assert all(seconds < SECONDS_OF_STALL for seconds in longest.values()), notes["stalls"]
