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
from collections.abc import Callable, Iterator
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
from onet_blender.headless import batch_job  # noqa: E402
from onet_blender.runtime import engine_session  # noqa: E402
from onet_blender.runtime.chosen import runtime  # noqa: E402

RUNTIME = os.environ.get("ONET_RUNTIME_PYTHON", "")

_status = 0


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    global _status
    _status = int(exitstatus)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "once: does not depend on Blender: runs in the newest only")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What does not depend on the Blender takes its time once."""
    if bpy.app.version < (5, 0):
        for item in items:
            if item.get_closest_marker("once"):
                item.add_marker(pytest.mark.skip("the same for all Blenders: runs in the newest"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the process at once where that would go wrong.

    4.2's glTF exporter has a Python crash at its end, 4.5 may wait for one of its threads for ever.
    """
    if bpy.app.version < (5, 0):
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


def known_models(runtime_python: str, folder: Path, *names: str) -> Path:
    """Writes models whose surface is known, by the runtime's Python: here there is no torch."""
    script = ROOT / "tests" / "known_models.py"
    subprocess.run([runtime_python, str(script), str(folder), *names], check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def models(runtime_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one analytic model for each kind of input."""
    names = ("cube_points", "cube_voxels", "cube_picture", "cube_seed")
    return known_models(runtime_python, tmp_path_factory.mktemp("models"), *names)


@pytest.fixture(scope="session")
def sized(runtime_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that invents cubes whose half edge is 0.05 (5 + z[0])."""
    folder = known_models(runtime_python, tmp_path_factory.mktemp("sized"), "sized")
    return folder / "sized.safetensors"


@pytest.fixture(scope="session", autouse=True)
def registered() -> Iterator[None]:
    """The add-on, enabled once for all tests: they share its worker, whose start takes seconds."""
    import addon_utils  # there once bpy is

    assert addon_utils.enable("onet_blender", default_set=True) is onet_blender
    yield
    addon_utils.disable("onet_blender", default_set=True)


class SharedClient:
    """The session's worker, for batches: each would start one of its own and end it."""

    def __init__(self, python: Path) -> None:
        self._client = engine_session.client(runtime())
        assert self._client.python == Path(python)
        self.start, self.call = self._client.start, self._client.call

    def close(self) -> None:
        """It goes on for the next test."""


@pytest.fixture
def shared_worker(runtime_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has batches use the worker of the other tests, where its start and end are not the point."""
    monkeypatch.setattr(batch_job, "EngineClient", SharedClient)


@pytest.fixture(autouse=True)
def fresh_file(registered: None) -> None:
    """An empty scene before each test."""
    # Unlike `read_factory_settings` this leaves the preferences, where the add-on is enabled.
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Makes a file system of a given size in bytes, for reading only if that is asked for."""
    made: list[Path] = []

    def make(size: int, readable_only: bool = False) -> Path:
        place = tmp_path / f"disk{len(made)}"
        place.mkdir()
        options = f"size={size}{',ro' if readable_only else ''}"
        command = ["mount", "-t", "tmpfs", "-o", options, "onet", str(place)]
        if not sys.platform.startswith("linux") or shutil.which("mount") is None:
            pytest.skip("SKIPPED: small disks are made by Linux's mount")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"SKIPPED: no right to make small disks: {done.stderr.strip()}")
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", str(place)], check=True)
