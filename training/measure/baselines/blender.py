"""Blender's own way from points to a mesh, in a child process.

The variable ONET_BPY_PYTHON names a Python that has Blender as a module (`bpy`).
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.mesh.mesh import Mesh

VARIABLE = "ONET_BPY_PYTHON"
SCRIPT = Path(__file__).with_name("blender_volume.py")
ANSWER = "@onet"


def missing_interpreter() -> str:
    """What is wrong with the variable, as a sentence; empty where it names a program."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        return (
            f"The baseline 'blender' needs a Python that has Blender as a module (bpy): name it in "
            f"the variable {VARIABLE}."
        )
    if not Path(named).is_file():
        return f"The variable {VARIABLE} names {named}, but there is no such program."
    return ""


def points_to_volume_to_mesh(points: NDArray[np.floating], *, radius: float, voxel: float) -> Mesh:
    """The mesh that Blender's nodes make of points (N, 3); lengths in the points' units.

    Raises InputError where there is no Blender, or it fails.
    """
    if missing_interpreter():
        raise InputError(missing_interpreter())
    child = _child(os.environ[VARIABLE])
    with tempfile.TemporaryDirectory() as folder:
        cloud, result = Path(folder, "cloud.npy"), Path(folder, "mesh.npz")
        np.save(cloud, np.asarray(points, dtype=np.float32))
        task = {"points": str(cloud), "radius": radius, "voxel": voxel, "mesh": str(result)}
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(task) + "\n")
            child.stdin.flush()
        except OSError as error:
            raise InputError(_died()) from error
        for line in child.stdout:
            if line.startswith(ANSWER):
                break
        else:
            raise InputError(_died())
        with np.load(result) as arrays:
            return Mesh(arrays["vertices"].astype(np.float64), arrays["faces"])


def _died() -> str:
    _child.cache_clear()
    return f"The Blender of {VARIABLE} ended before it had made the mesh."


@functools.lru_cache(maxsize=1)
def _child(interpreter: str) -> subprocess.Popen[str]:
    """Started once: importing Blender takes seconds."""
    child = subprocess.Popen(
        [interpreter, str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(child.kill)
    return child
