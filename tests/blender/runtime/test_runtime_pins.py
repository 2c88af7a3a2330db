"""What Set Up installs from a network: exactly the pinned files, whatever pip is asked for.

The indices are folders of small wheels.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from test_runtime_setup import write_wheel

from onet_blender.runtime import folder as runtime_folder
from onet_blender.runtime import install, pins
from onet_blender.runtime.install import options_of, python_of, read_requirements

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parents[3]
CUDA, CPU = "from typing import Optional\ncuda: Optional[str] = '13.0'\n", "cuda = None\n"


def add_torch(folder: Path, version: str, about: str) -> Path:
    """A wheel called torch whose version.py says what it was built for."""
    name = f"torch-{version}"
    wheel = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("torch/__init__.py", f"__version__ = {version!r}\n")
        archive.writestr("torch/version.py", about)
        info = f"{name}.dist-info"
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def index_of(folder: Path, *wheels: Path) -> str:
    """A package index in a folder; its address."""
    for wheel in wheels:
        page = folder / wheel.name.split("-")[0] / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        old = page.read_text() if page.exists() else ""
        page.write_text(f'{old}<a href="{wheel.as_uri()}">{wheel.name}</a>\n')
    return folder.as_uri()


class Place:
    """Packages, two indices, and requirements with hashes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "wheels").mkdir()
        write_wheel(folder / "wheels", "onettestpackage", "1.5", "")
        self.package = folder / "wheels" / "onettestpackage-1.5-py3-none-any.whl"
        self.cuda = add_torch(folder / "wheels", "2.0.1", CUDA)
        self.cpu = add_torch(folder / "wheels", "2.0.1+cpu", CPU)
        self.usual = index_of(folder / "usual", self.package, self.cuda)
        self.pytorch = index_of(folder / "pytorch", self.cpu)
        self.requirements = folder / "requirements.txt"
        self.requirements.write_text(
            f"# comment\ntorch==2.0.1 \\\n    --hash=sha256:{digest(self.cuda)}\n"
            f"onettestpackage==1.5 \\\n    --hash=sha256:{digest(self.package)}\n"
        )
        (folder / pins.TORCH_FOR_PROCESSORS).write_text(
            f"torch==2.0.1+cpu \\\n    --hash=sha256:{digest(self.cpu)}\n"
        )
        self.made = folder / "home" / "runtime"
        self.made.parent.mkdir()

    def set_up(
        self, build: str = "CPU", index: str | None = None, system: str = "linux", **variables: str
    ) -> tuple[int, str]:
        """Runs the installer as `start_setup` does: its status and what it says."""
        torch, where = pins.torch_of(system, build, index or "", self.requirements)
        where = where.replace(pins.PYTORCH_FOR_PROCESSORS, self.pytorch)
        command = [sys.executable, "-I", "-u", install.__file__, "--folder", str(self.made)]
        command += ["--requirements", str(self.requirements), "--modules", "onettestpackage"]
        command += ["--torch", torch, "--torch-index", where, "--build", build]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        configured = {"PIP_INDEX_URL": self.usual, "PIP_CONFIG_FILE": os.devnull, **variables}
        # Its input stays open: it ends when that is closed.
        process = subprocess.Popen(
            command,
            env={**kept, **configured},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        message = process.stdout.read()
        return process.wait(), message

    def version(self) -> str:
        code = "import torch, onettestpackage; print(torch.__version__)"
        done = subprocess.run(
            [python_of(self.made), "-I", "-c", code], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_processor_brings_the_processors_build(place: Place) -> None:
    status, message = place.set_up()
    assert status == 0, message
    assert place.version() == "2.0.1+cpu"


def test_cards_and_other_systems_have_the_usual_index(place: Place) -> None:
    status, message = place.set_up("CUDA")
    assert status == 0, message
    assert place.version() == "2.0.1"
    torch, index = pins.torch_of("win32", "CPU", "", place.requirements)
    assert (torch.split(" ")[0], index) == ("torch==2.0.1", "")
    assert "--hash=" in torch
    torch, index = pins.torch_of("win32", "CUDA", "https://x/cu", place.requirements)
    assert (torch, index) == ("torch==2.0.1", "https://x/cu")
    torch, index = pins.torch_of("linux", "CPU", "https://mirror/cpu", place.requirements)
    assert torch.startswith("torch==2.0.1+cpu --hash=sha256:")
    assert index == "https://mirror/cpu"


def test_a_build_for_cards_is_never_taken_for_the_processors(place: Place) -> None:
    """Whether an index gives it for Linux, or one that was filled in for another system."""
    (place.folder / pins.TORCH_FOR_PROCESSORS).unlink()
    status, message = place.set_up(index=place.usual, system="darwin")
    assert status == install.FAILED
    assert "a build for NVIDIA cards, which was not asked for" in message
    assert not place.made.exists()


@pytest.mark.parametrize("which", ["package", "cpu"])
def test_another_file_of_the_same_version_is_refused(place: Place, which: str) -> None:
    wheel: Path = getattr(place, which)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("evil.py", "")
    status, message = place.set_up()
    assert status == install.FAILED
    assert "A package arrived damaged" in message
    assert not place.made.exists()


def test_what_pip_is_told_elsewhere_changes_nothing(place: Place, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    write_wheel(evil, "onettestpackage", "9.9", "raise SystemExit('newer')")
    constraint = tmp_path / "constraints.txt"
    constraint.write_text("onettestpackage==9.9\n")
    config = tmp_path / "pip.conf"
    config.write_text(
        f"[global]\nno-deps = false\npre = true\nconstraint = {constraint}\n[install]\n"
        f"user = true\ntarget = {tmp_path / 'target'}\nupgrade = true\nignore-installed = true\n"
    )
    status, message = place.set_up(
        PIP_CONFIG_FILE=str(config), PIP_FIND_LINKS=str(evil), PIP_CONSTRAINT=str(constraint),
        PIP_TARGET=str(tmp_path / "target"), PIP_REQUIRE_HASHES="false", PIP_NO_BINARY=":all:",
        PIP_PREFIX=str(tmp_path / "prefix"), PIP_DRY_RUN="true", PIP_ONLY_BINARY=":none:",
        PIP_QUIET="3", PIP_LOG=str(tmp_path / "log"),
    )  # fmt: skip
    assert status == 0, message
    assert place.version() == "2.0.1+cpu"
    assert not (tmp_path / "target").exists()
    assert not (tmp_path / "prefix").exists()


def test_the_users_index_is_asked(place: Place) -> None:
    """Networks without a way to the usual one have their own; the hashes say what comes from it."""
    empty = place.folder / "empty"
    empty.mkdir()
    status, message = place.set_up(PIP_INDEX_URL=empty.as_uri(), PIP_EXTRA_INDEX_URL=place.usual)
    assert status == 0, message
    place.set_up(PIP_INDEX_URL=empty.as_uri())
    assert not place.made.exists()


def test_options() -> None:
    access = {"index-url": ["a"], "extra-index-url": ["b", "c"], "default-timeout": ["9"]}
    options = options_of(access, install.INDICES + install.CONNECTION)
    assert options == ["--index-url", "a", "--extra-index-url", "b", "--extra-index-url", "c",
                       "--timeout", "9"]  # fmt: skip


def test_every_package_of_the_runtime_has_its_hashes() -> None:
    lines = read_requirements(runtime_folder.REQUIREMENTS)
    assert len(lines) > 10
    # A file for each of three platforms and three Pythons, or fewer for several of them: libigl has
    # one for 3.11 and one for all later Pythons.
    for line in lines:
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})(?= |$)", line)
        assert len(hashes) in (1, 3, 6, 9), line
        assert len(set(hashes)) == len(hashes)
    (torch,) = [line for line in lines if line.startswith("torch==")]
    pinned = runtime_folder.REQUIREMENTS.with_name(pins.TORCH_FOR_PROCESSORS)
    (processors,) = read_requirements(pinned)
    assert processors.split(" ")[0] == f"{torch.split(' ')[0]}+cpu"
    assert "--hash=sha256:" in processors
    assert not set(re.findall(r"sha256:\w+", torch)) & set(re.findall(r"sha256:\w+", processors))


def test_the_installer_says_json(place: Place) -> None:
    _, message = place.set_up()
    lines = [line for line in message.splitlines() if line.startswith(install.STATUS)]
    assert json.loads(lines[-1].removeprefix(install.STATUS))["fraction"] == 1.0
