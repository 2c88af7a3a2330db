"""The Python that the generators run in: an environment of its own, with their own Blender."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from onet_core.errors import OnetError

# All packages with their versions; pip is not to look for others.
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# What Infinigen and this Blender were built for.
NEEDED = (3, 11)
# What making it downloads, and what it takes on disk, in GB.
DOWNLOAD, DISK = 0.45, 1.6
_STAMP = "made-for-procedural-shapes.txt"


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_made(folder: Path) -> bool:
    """Whether an environment is there, with the packages that are wanted today."""
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_bytes() == REQUIREMENTS.read_bytes()


def make_environment(folder: Path) -> None:
    """Makes it, or ends what was begun. Raises OnetError, with the last words of who failed."""
    if sys.version_info[:2] != NEEDED:
        raise OnetError(
            f"Infinigen needs Python {NEEDED[0]}.{NEEDED[1]}: run this command with it, or name an "
            "environment that was made with it."
        )
    python = python_of(folder)
    if not python.is_file():
        _run([sys.executable, "-m", "venv", str(folder)])
    install = ["install", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    _run([str(python), "-m", "pip", *install, "--requirement", str(REQUIREMENTS)])
    (folder / _STAMP).write_bytes(REQUIREMENTS.read_bytes())


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise OnetError(f"Could not run {command[0]}: {error.strerror or error}.") from error
    if done.returncode:
        raise OnetError(f"The environment could not be made: {last_words(done.stderr)}.")


def last_words(text: str) -> str:
    """The last line that says something, without its full stop."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it said nothing"
