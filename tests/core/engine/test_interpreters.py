"""Programs that are no runtime, and what of Blender reaches the worker."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from processes import ROOT, exists, not_windows

from onet_core.engine import process as process_module
from onet_core.engine.client import EngineClient
from onet_core.errors import EngineError

pytestmark = pytest.mark.usefixtures("double")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@not_windows
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo broken installation >&2; exit 3", "could not be started.*broken installation"),
        ("echo this is no protocol; sleep 60", "can't be understood.*this is no protocol"),
        ("exit 0", "could not be started"),
        ("exec /bin/sleep 60", "said nothing"),
    ],
)
def test_programs_that_are_no_interpreter(
    tmp_path: Path, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "SECONDS_TO_START", 0.5)
    engine = EngineClient(script(tmp_path / "python", text))
    with pytest.raises(EngineError, match=message):
        engine.call("hello")
    assert not engine.alive


def test_missing_interpreters(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no Python at"):
        EngineClient(tmp_path / "missing").call("hello")
    with pytest.raises(EngineError, match="no Python at"):
        EngineClient(tmp_path).call("hello")
    (tmp_path / "text").write_text("not a program")
    with pytest.raises(EngineError, match="can't be started"):
        EngineClient(tmp_path / "text").call("hello")


def test_interpreters_that_are_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = ROOT / "onet_core" / "engine" / "__main__.py"
    ast.parse(start.read_text(), feature_version=(3, 6))  # old ones must get as far as to say it
    pretending = tmp_path / "pretending.py"
    pretending.write_text(
        "import runpy, sys\nsys.version_info = (3, 10, 2, 'final', 0)\n"
        f"runpy.run_path({str(start)!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(process_module, "MAIN", pretending)
    with pytest.raises(EngineError, match=r"^ONet needs Python 3\.11 .* is Python 3\.10\.2\.$"):
        EngineClient(sys.executable).call("hello")


def test_a_runtime_without_libraries_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the real worker
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    python = bare / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with pytest.raises(EngineError, match=r"^The runtime \(.*\) lacks the package 'numpy'[^.]*\.$"):
        EngineClient(python, log=tmp_path / "log").call("hello")


@not_windows
def test_blender_s_environment_does_not_reach_the_worker(
    client: EngineClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise RuntimeError('Blender\\'s numpy')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    process = client.call("echo").values["process"]
    variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    # Threads that spin while they wait would bring a busy machine to a stop.
    assert b"GOMP_SPINCOUNT=1000" in variables
    assert not [variable for variable in variables if variable.startswith(b"PYTHON")]
    assert Path(f"/proc/{process}/cwd").resolve() != Path.cwd() or tmp_path == Path.cwd()


def test_nothing_is_left_after_closing(client: EngineClient) -> None:
    before = {thread.name for thread in threading.enumerate()}
    client.call("echo")
    process = client.process_id
    client.close()
    assert not exists(process)
    assert {thread.name for thread in threading.enumerate()} == before


def test_the_client_needs_nothing_but_numpy() -> None:
    code = (
        "import sys, onet_core.engine.client as c;"
        "print([m for m in ('torch', 'scipy', 'trimesh', 'PIL') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert out.stdout.strip() == "[]"
