"""Blender as a module, with settings of its own and a fresh file before each test.

Runs in an environment without torch, as a real Blender is; the worker runs in the Python that
ONET_RUNTIME_PYTHON names.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_settings = tempfile.mkdtemp(prefix="onet-test-")
os.environ["BLENDER_USER_RESOURCES"] = _settings  # before bpy is imported
atexit.register(shutil.rmtree, _settings, ignore_errors=True)
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import bpy  # noqa: E402

import onet_blender  # noqa: E402

RUNTIME = os.environ.get("ONET_RUNTIME_PYTHON", "")

# Models whose field is known: inside where the largest |coordinate| is below 0.3 (a cube), whatever
# they are given. Written by the runtime's Python, since there is no torch here.
MAKE_MODELS = """
import sys, torch
from pathlib import Path
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights

def write(folder, name, kind, network):
    description = ModelDescription(name, name, "occupancy_network", kind, network, threshold=0.5)
    made = build_network(description)
    state = made.state_dict()
    for key, value in state.items():
        if key.startswith("decoder."):
            value.zero_()
    # logit = 1 - sum of relu(+-40 p - 11): zero where a coordinate is +-0.3.
    state["decoder.fc_p.weight"][:6] = 40 * torch.cat([torch.eye(3), -torch.eye(3)])
    state["decoder.fc_p.bias"][:6] = -11
    state["decoder.fc_out.weight"][0, :6] = -1
    state["decoder.fc_out.bias"][0] = 1
    made.load_state_dict(state)
    save_weights(Path(folder) / f"{name}.safetensors", made, description)

simple = {"decoder": "simple", "decoder_kwargs": {"hidden_size": 8}}
pointnet = {"encoder": "pointnet_simple", "encoder_kwargs": {"hidden_dim": 8}, "c_dim": 4}
write(sys.argv[1], "cube_points", "points", {**simple, **pointnet})
write(sys.argv[1], "cube_voxels", "voxels", {**simple, "encoder": "voxel_simple", "c_dim": 4})
write(sys.argv[1], "cube_picture", "image", {**simple, "encoder": "resnet18", "c_dim": 4})
write(sys.argv[1], "cube_seed", "none", {**simple, "c_dim": 0, "z_dim": 4})
"""


_status = 0


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    global _status
    _status = int(exitstatus)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the process at once where it would crash: 4.2's glTF exporter does that to a Python."""
    if bpy.app.version < (4, 3):
        sys.stdout.flush()
        sys.stderr.flush()
        for folder in (_settings, bpy.app.tempdir):
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(_status)


@pytest.fixture(scope="session")
def runtime_python() -> str:
    if not RUNTIME:
        pytest.skip("SKIPPED: ONET_RUNTIME_PYTHON names no Python with torch")
    return RUNTIME


@pytest.fixture(scope="session")
def models(runtime_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one analytic model for each kind of input."""
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([runtime_python, "-c", MAKE_MODELS, str(folder)], check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="session", autouse=True)
def registered() -> Iterator[None]:
    """The add-on, enabled once for all tests: they share its worker, whose start takes seconds."""
    import addon_utils  # there once bpy is

    assert addon_utils.enable("onet_blender", default_set=True) is onet_blender
    yield
    addon_utils.disable("onet_blender", default_set=True)


@pytest.fixture(autouse=True)
def fresh_file(registered: None) -> None:
    """An empty scene before each test."""
    # Unlike `read_factory_settings` this leaves the preferences, where the add-on is enabled.
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
