"""A real Blender in a chroot, without a window."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT.parent / "shared" / "blender"


@dataclass(frozen=True)
class Blender:
    """One Blender, its home folder on this side, and the version that it says it is."""

    suite: str
    root: Path
    home: Path
    version: str

    def run(self, *arguments: str | Path, shown: Sequence[Path] = ()) -> str:
        """Runs it without a window; returns its output. shown: what it may read, at its path."""
        options = [word for path in shown for word in ("-r", str(path))]
        command = [SCRIPTS / "run-blender.sh", "-u", self.home, *options, self.root, *arguments]
        return run(*command)


def run(*command: str | Path) -> str:
    """Runs a program and returns all it said; fails the test with that where it does not work."""
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd=ROOT,
    )
    if done.returncode != 0:
        pytest.fail(f"status {done.returncode} of {command}:\n{done.stdout[-3000:]}", pytrace=False)
    return done.stdout
