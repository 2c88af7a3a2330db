"""A Python with Blender's module, for tests that need one and are left out where there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from training.data.render.cycles import BLENDER_VARIABLE

BLENDER = os.environ.get(BLENDER_VARIABLE) or str(
    Path(__file__).parents[2] / ".venv-bpy-5.0" / "bin" / "python"
)


def has_bpy(program: str) -> bool:
    """Whether it can be run and has the module."""
    command = [program, "-c", "import bpy"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
