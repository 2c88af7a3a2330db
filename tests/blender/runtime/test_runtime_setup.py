"""Setting the runtime up: environments made with pip from tiny wheels, and what goes wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

from onet_blender.operators.runtime import read_log
from onet_blender.runtime import (
    engine_session,
)
from onet_blender.runtime import (
    folder as runtime_folder,
)
from onet_blender.runtime import (
    install as install_runtime,
)
from onet_blender.runtime import (
    setup as runtime_setup,
)
from onet_blender.runtime.chosen import PACKAGE, RUNTIME_VARIABLE, runtime
from onet_blender.runtime.folder import current_folder, find_installed
from onet_blender.runtime.install import STAMP, meaning_of
from onet_blender.runtime.setup import SetupJob, start_removal, start_setup
from onet_core.errors import Cancelled, EngineError

ROOT = Path(__file__).resolve().parents[3]
SECONDS_OF_PATIENCE = 120


def write_wheel(folder: Path, name: str, version: str, code: str) -> None:
    """A wheel with one module."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", code)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Two packages, one of them called torch."""
    made = tmp_path / "wheels"
    made.mkdir()
    write_wheel(made, "torch", "2.0.1", "__version__ = '2.0.1'\n")
    write_wheel(made, "onettestpackage", "1.5", "")
    return made


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    made = tmp_path / "runtime.txt"
    made.write_text("# what is needed\ntorch==2.0.1\nonettestpackage==1.5\n")
    return made


def set_up(home: Path, requirements: Path, wheels: Path | None, **more: object) -> SetupJob:
    modules = ("onettestpackage",)
    return start_setup(home, requirements=requirements, modules=modules, wheels=wheels, **more)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_OF_PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_with(text: str) -> list[str]:
    """The command lines of running processes that have a text in them."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if text in line:
            found.append(line)
    return found


def test_it_is_made_found_and_removed(wheels: Path, requirements: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert find_installed(home, requirements) is None
    job = set_up(home, requirements, wheels)
    wording: list[tuple[str, float]] = []
    answer = job.result(lambda *progress: wording.append(progress))
    assert answer.values == {"folder": str(current_folder(home, requirements))}
    fractions = [fraction for _, fraction in wording]
    assert fractions == sorted(fractions)
    assert wording[0] == ("Making the environment", 0.0)
    assert wording[-1] == ("Done", 1.0)
    installed = find_installed(home, requirements)
    assert installed is not None
    assert installed.current
    asked = "import torch, onettestpackage; print(torch.__version__)"
    done = subprocess.run(
        [installed.python, "-I", "-c", asked], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "2.0.1"
    stamp = json.loads((installed.folder / STAMP).read_text())
    assert stamp["torch"] == "2.0.1"
    assert Path(stamp["base"]).is_dir()

    # Another version of the extension has other pins: it finds this one, and knows.
    requirements.write_text("torch==2.0.1\n")
    older = find_installed(home, requirements)
    assert older is not None
    assert (older.folder, older.current) == (installed.folder, False)

    # Blender was removed, and its Python with it.
    stamp["base"] = str(tmp_path / "gone")
    (installed.folder / STAMP).write_text(json.dumps(stamp))
    assert find_installed(home, requirements) is None

    (home / "notes.txt").write_text("of the user")
    start_removal(home).result()
    assert not installed.folder.exists()
    assert (home / "notes.txt").exists()


@pytest.mark.once
@pytest.mark.parametrize("stage", ["Making", "Fetching"])
def test_cancel_leaves_nothing(
    stage: str, wheels: Path, requirements: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    job = set_up(home, requirements, wheels)
    stages: list[str] = []

    def reached() -> bool:
        stages.extend(str(event.stage) for event in job.poll())
        return any(name.startswith(stage) for name in stages)

    wait_until(reached)
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(timeout=SECONDS_OF_PATIENCE)
    assert not current_folder(home, requirements).exists()
    assert find_installed(home, requirements) is None


@pytest.mark.once
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks processes up in /proc")
def test_killed_in_the_middle_is_never_taken_for_whole(
    wheels: Path, requirements: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    job = set_up(home, requirements, wheels)
    folder = current_folder(home, requirements)
    wait_until(lambda: (bool(job.poll()) and folder.is_dir()) or folder.is_dir())
    job._child.send_signal(signal.SIGKILL)
    with pytest.raises(EngineError, match="stopped unexpectedly"):
        job.result()
    assert find_installed(home, requirements) is None
    wait_until(lambda: not processes_with(str(home)))
    # The next one starts afresh, whatever is left.
    set_up(home, requirements, wheels).result()
    assert find_installed(home, requirements) is not None


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks processes up in /proc")
def test_it_ends_with_blender(wheels: Path, requirements: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    code = (
        "import sys, time; from pathlib import Path; import bpy\n"
        "from onet_blender.runtime.setup import start_setup\n"
        f"job = start_setup(Path({str(home)!r}), requirements=Path({str(requirements)!r}),\n"
        f"                  modules=(), wheels=Path({str(wheels)!r}))\n"
        "while not job.poll(): time.sleep(0.01)\n"
        "print('begun', flush=True); time.sleep(600)\n"
    )
    blender = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert blender.stdout is not None
    while blender.stdout.readline() != "begun\n":
        assert blender.poll() is None
    blender.kill()
    blender.wait()
    wait_until(lambda: not processes_with(str(home)))
    assert not current_folder(home, requirements).exists()


@pytest.mark.once
def test_two_at_once_do_not_meet(wheels: Path, requirements: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = set_up(home, requirements, wheels)
    wait_until(lambda: bool(first.poll()))
    with pytest.raises(EngineError, match="Another Blender"):
        set_up(home, requirements, wheels).result()
    first.result()
    assert find_installed(home, requirements) is not None


@pytest.mark.once
def test_what_is_not_to_be_had_is_told(wheels: Path, requirements: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    requirements.write_text("torch==2.0.1\nonettestpackage==9\n")
    with pytest.raises(EngineError, match="no onettestpackage==9 for this Python"):
        set_up(home, requirements, wheels).result()
    assert not current_folder(home, requirements).exists()
    # Everything is there, but it does not work.
    requirements.write_text("torch==2.0.1\n")
    with pytest.raises(EngineError, match="No module named 'onettestpackage'"):
        set_up(home, requirements, wheels).result()
    assert find_installed(home, requirements) is None


def test_refused_before_anything_is_written(
    wheels: Path, requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    assert not bpy.app.online_access
    with pytest.raises(EngineError, match="allow online access"):
        set_up(home, requirements, None)
    with pytest.raises(EngineError, match="no Python at"):
        set_up(home, requirements, wheels, python=str(tmp_path / "python"))
    monkeypatch.setitem(runtime_setup.SPACE, "small", 2**60)
    with pytest.raises(EngineError, match="make room"):
        set_up(home, requirements, wheels)
    assert not home.exists()
    monkeypatch.setitem(runtime_setup.SPACE, "small", 0)
    home.write_text("a file")
    with pytest.raises(EngineError, match="can't be set up in"):
        set_up(home, requirements, wheels)


@pytest.mark.parametrize(
    ("system", "build", "index", "message"),
    [
        ("Linux", "CPU", "", ""),
        ("Linux", "CUDA", "", ""),
        ("Windows", "CPU", "", ""),
        ("Windows", "CUDA", "", "fill in PyTorch's Index"),
        ("Windows", "CUDA", "https://example.org/cu", ""),
        ("Windows", "MPS", "", "no such build for Windows"),
        ("Darwin", "MPS", "", ""),
        ("Darwin", "CPU", "", ""),
        ("Darwin", "CUDA", "", "no such build for macOS"),
        ("Linux", "CPU", "ftp://example.org", "begins with https://"),
    ],
)
def test_builds(system: str, build: str, index: str, message: str) -> None:
    if not message:
        runtime_setup.assert_obtainable(system, build, index)
        return
    with pytest.raises(EngineError, match=message):
        runtime_setup.assert_obtainable(system, build, index)


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "The disk is full"),
        ("Failed to establish a new connection: [Errno -2]\nNo matching distribution found for x",
         "can't be reached"),
        ("ERROR: No matching distribution found for torch==2", r"no torch==2 for this Python"),
        ("[Errno 13] Permission denied: 'x'", "can't be written to"),
        ("something else", "^$"),
    ],
)  # fmt: skip
def test_pip_in_plain_words(said: str, meaning: str) -> None:
    assert re.search(meaning, str(meaning_of(said) or ""))


def test_operators_and_what_is_used(
    wheels: Path, requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buttons; what is chosen in the preferences comes first, then what comes from outside."""
    monkeypatch.delenv(RUNTIME_VARIABLE, raising=False)
    choices = bpy.context.preferences.addons[PACKAGE].preferences
    monkeypatch.setattr(runtime_setup, "MODULES", ("onettestpackage",))
    monkeypatch.setattr(start_setup, "__kwdefaults__", {
        **(start_setup.__kwdefaults__ or {}), "requirements": requirements,
        "modules": ("onettestpackage",), "wheels": wheels,
    })  # fmt: skip
    choices.runtime_folder = str(tmp_path / "home")
    try:
        assert "press Set Up" in str(runtime().problem)
        with pytest.raises(RuntimeError, match="no log yet"):
            bpy.ops.onet.show_log(which="SETUP")
        assert bpy.ops.onet.set_up_runtime() == {"FINISHED"}
        found = find_installed(tmp_path / "home", requirements)
        assert found is not None
        # Its pins are not the extension's own, so that it counts as an older one.
        assert runtime().python == found.python
        assert not runtime().problem
        assert bpy.ops.onet.show_log(which="SETUP") == {"FINISHED"}
        assert "Successfully installed" in read_log("SETUP")
        monkeypatch.setenv(RUNTIME_VARIABLE, "/outside/python")
        assert runtime().python == Path("/outside/python")
        choices.runtime_python = "/chosen/python"
        assert runtime().python == Path("/chosen/python")
        choices.runtime_python = ""
        assert bpy.ops.onet.remove_runtime() == {"FINISHED"}
        monkeypatch.delenv(RUNTIME_VARIABLE)
        assert runtime().python is None
    finally:
        choices.property_unset("runtime_folder")
        choices.property_unset("runtime_python")
        engine_session.close()


def test_the_folder_is_the_extensions_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not below the extension's files, which an upgrade replaces."""
    monkeypatch.setattr(runtime_folder, "__package__", "bl_ext.user_default.onet.runtime")
    own = runtime_folder.home()
    assert own.parts[-4:] == (".user", "user_default", "onet", "runtime")
    assert Path(os.environ["BLENDER_USER_RESOURCES"]) in own.parents


def test_pins_are_those_the_tests_ran_with() -> None:
    def pins(path: Path) -> dict[str, str]:
        lines = [line.split("==") for line in path.read_text().splitlines() if "==" in line]
        # Hashes follow on lines of their own.
        return {
            re.sub("[-_.]+", "-", name).lower(): version.rstrip("\\ ") for name, version in lines
        }

    wanted, tested = pins(runtime_folder.REQUIREMENTS), pins(ROOT / "constraints.txt")
    assert wanted.items() <= tested.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in project["optional-dependencies"]["runtime"]:
        assert re.match("[A-Za-z0-9-]+", line)[0].lower() in wanted  # type: ignore[index]


def test_the_installer_needs_nothing_but_python(tmp_path: Path) -> None:
    """It runs under Pythons that have neither Blender nor NumPy."""
    script = shutil.copy(install_runtime.__file__, tmp_path / "x.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
