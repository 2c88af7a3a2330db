"""Sets the runtime up and removes it, in a process of its own that can be watched and cancelled."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import bpy

from onet_core.engine.client import Answer, Event, Progress
from onet_core.errors import Cancelled, EngineError, OnetError
from onet_core.sentences import NOTHING, Sentence

from . import install as install_runtime
from .folder import BUNDLED_WHEELS, REQUIREMENTS, current_folder
from .pins import torch_of

# What has to be importable in the end, beside torch.
MODULES = ("numpy", "scipy", "trimesh", "PIL", "safetensors", "fast_simplification", "igl")
BUILDS = (
    ("CPU", "Processor", "Works on every machine"),
    (
        "CUDA",
        "NVIDIA graphics card",
        "Also runs on the processor. On Linux the usual package index has this build; on Windows "
        "fill in PyTorch's Index, with the address that PyTorch's website gives for your card",
    ),
    ("MPS", "Apple graphics", "For Macs with Apple's own chips; also runs on the processor"),
)
GIBIBYTE = 2**30
# Fetched and unpacked; the libraries for NVIDIA cards are most of it.
SPACE = {"small": 3 * GIBIBYTE, "cuda": 12 * GIBIBYTE}
# Windows' limit, and the longest path below the environment's folder, which is torch's.
LONGEST_PATH = 259
LONGEST_INSIDE = len(r"\Lib\site-packages") + 173
# What is fetched, in gigabytes, and how long that takes at 50 megabits a second with unpacking.
FETCHED = {"CPU": (0.2, 2), "MPS": (0.2, 2), "CUDA": (3.0, 12)}
SECONDS_TO_CANCEL = 15.0
LOG_NAME = "setup.log"


class SetupJob:
    """A set-up or removal under way; used like a `Job` of the worker's client."""

    def __init__(self, command: list[str], folder: Path, log: Path) -> None:
        self.log = log
        self._folder = folder
        self._unread = ""
        self._message = NOTHING
        self._error: OnetError | None = None
        self._answer: Answer | None = None
        self._cancelled_at: float | None = None
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as file:
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    cwd=log.parent,
                    env={**os.environ, "PYTHONIOENCODING": "utf-8"},
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            self._reader = log.open(encoding="utf-8", errors="replace")
        except OSError as error:
            raise EngineError(
                "The runtime can't be set up in {folder}: {error}.",
                folder=log.parent,
                error=error.strerror,
            ) from error

    @property
    def done(self) -> bool:
        """Whether `poll` has seen the end."""
        return self._answer is not None or self._error is not None

    def poll(self, wait: float = 0.0) -> list[Event]:
        """What happened since the last call, oldest first; waits at most `wait` seconds."""
        if self.done:
            return []
        if wait:
            time.sleep(wait)
        status = self._child.poll()  # asked first: what it has written by then is all there is
        lines = (self._unread + self._reader.read()).split("\n")
        self._unread = lines.pop()
        events = []
        for line in lines:
            if line.startswith(install_runtime.STATUS):
                status_line: dict[str, Any] = json.loads(line.removeprefix(install_runtime.STATUS))
                if "error" in status_line:
                    self._message = Sentence.from_json(status_line["error"])
                if "stage" in status_line:
                    stage = Sentence.from_json(status_line["stage"])
                    events.append(Event("progress", stage, status_line["fraction"]))
        if status is not None:
            events.append(self._end(status))
        elif (
            self._cancelled_at is not None
            and time.monotonic() - self._cancelled_at > SECONDS_TO_CANCEL
        ):
            self._child.kill()
        return events

    def _end(self, status: int) -> Event:
        self._reader.close()
        if self._child.stdin is not None:
            self._child.stdin.close()
        if status == 0:
            self._answer = Answer({"folder": str(self._folder)})
            return Event("result")
        if self._cancelled_at is not None:
            self._error = Cancelled()
        else:
            unknown = Sentence(
                "Setting up stopped unexpectedly (status {status}): try again.", status=status
            )
            self._error = EngineError(self._message or unknown)
        if status not in (install_runtime.FAILED, install_runtime.CANCELLED):
            # It was killed and could not clean up; what it leaves is large, so not in this thread.
            threading.Thread(
                target=shutil.rmtree, args=(self._folder, True), daemon=True, name="onet clean-up"
            ).start()
        return Event("error")

    def cancel(self) -> None:
        """Asks it to stop and to delete its unfinished work."""
        if self._cancelled_at is None and not self.done:
            self._cancelled_at = time.monotonic()
            assert self._child.stdin is not None
            self._child.stdin.close()

    def result(self, on_progress: Progress | None = None, timeout: float | None = None) -> Answer:
        """Waits for the end; `Answer.values["folder"]` is the environment. Raises its error."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.done:
            for event in self.poll(wait=0.1):
                if event.kind == "progress" and on_progress is not None:
                    on_progress(str(event.stage), event.fraction)
            if deadline is not None and time.monotonic() > deadline:
                self.cancel()
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer


def needs_network() -> bool:
    """Whether setting up fetches anything: the full build brings all along."""
    return not BUNDLED_WHEELS.is_dir()


def cost_of(build: str, from_network: bool = True) -> Sentence:
    """The sentence on size and time that stands beside the button. build: one of `BUILDS`."""
    if not from_network:
        return Sentence(
            "ONet needs its own Python with PyTorch. It came with this build: about a minute, 2 GB "
            "on the disk."
        )
    size, minutes = FETCHED[build]
    return Sentence(
        "ONet needs its own Python with PyTorch: fetches {size:g} GB, once, in about {minutes} "
        "minutes.",
        size=size,
        minutes=minutes,
    )


def start_setup(
    home: Path,
    *,
    python: str = "",
    build: str = "CPU",
    torch_index: str = "",
    requirements: Path = REQUIREMENTS,
    modules: tuple[str, ...] = MODULES,
    wheels: Path | None = None,
) -> SetupJob:
    """Starts to make the runtime in a folder of `home`.

    python: the interpreter that the environment is made of, Blender's own where empty; build: one
    of `BUILDS`; torch_index: where torch is fetched from, see `pins.torch_of`; wheels: a folder to
    install from without a network, by default what the full build brings along.
    Raises EngineError, before anything is written, where it can't work.
    """
    if wheels is None and BUNDLED_WHEELS.is_dir():
        wheels = BUNDLED_WHEELS
    interpreter = Path(bpy.path.abspath(python)) if python else Path(sys.executable)
    folder = current_folder(home, requirements)
    assert_possible(folder, interpreter, build, torch_index, wheels)
    command = [str(interpreter), "-I", "-u", install_runtime.__file__, "--folder", str(folder)]
    command += ["--requirements", str(requirements), "--modules", *modules]
    if wheels is not None:
        command += ["--wheels", str(wheels)]
    else:
        torch, index = torch_of(sys.platform, build, torch_index, requirements)
        command += ["--torch", torch, "--torch-index", index, "--build", build]
    return SetupJob(command, folder, home / LOG_NAME)


def start_removal(home: Path) -> SetupJob:
    """Starts to delete all runtimes in `home`; raises EngineError where it can't."""
    command = [sys.executable, "-I", "-u", install_runtime.__file__, "--remove", str(home)]
    return SetupJob(command, home, home / LOG_NAME)


def assert_possible(
    folder: Path, interpreter: Path, build: str, torch_index: str, wheels: Path | None
) -> None:
    """Raises EngineError with what the user can do, where setting up is bound to fail."""
    if not interpreter.is_file():
        raise EngineError("There is no Python at {python}: choose another one.", python=interpreter)
    if wheels is None:
        if not bpy.app.online_access:
            raise EngineError(
                "Setting up fetches PyTorch from the internet, which Blender's preferences don't "
                "allow (System > Network): allow online access, or install the full build."
            )
        assert_obtainable(platform.system(), build, torch_index)
    if os.name == "nt" and len(str(folder)) + LONGEST_INSIDE > LONGEST_PATH and not _long_paths():
        raise EngineError(
            "{folder} is too long a path for Windows to hold PyTorch: choose a shorter folder "
            "for the runtime, for example C:\\onet.",
            folder=folder,
        )
    there = next(place for place in folder.parents if place.is_dir())
    bundled = wheels is not None
    need = SPACE["cuda" if not bundled and build == "CUDA" else "small"]
    free = shutil.disk_usage(there).free
    if free < need:
        raise EngineError(
            "The runtime needs {need:.0f} GB on the disk of {folder}, where {free:.1f} GB are "
            "free: make room, or choose another folder.",
            need=need / GIBIBYTE,
            folder=there,
            free=free / GIBIBYTE,
        )


def assert_obtainable(system: str, build: str, torch_index: str) -> None:
    """Raises EngineError where this build of PyTorch is not to be had. system: "Windows" etc."""
    if (build == "MPS") != (system == "Darwin") and build != "CPU":
        name = {"Darwin": "macOS"}.get(system, system)
        raise EngineError(
            "PyTorch has no such build for {system}: choose another one.", system=name
        )
    if build == "CUDA" and system == "Windows" and not torch_index:
        raise EngineError(
            "The usual package index has no build for NVIDIA cards for Windows: fill in "
            "PyTorch's Index, with the address that PyTorch's website gives for your card."
        )
    if torch_index and not torch_index.startswith("https://"):
        raise EngineError("PyTorch's Index has to be an address that begins with https://.")


def _long_paths() -> bool:
    """Whether this Windows is set to allow long paths."""
    import winreg  # Windows only

    key = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:  # type: ignore[attr-defined]
            return bool(winreg.QueryValueEx(opened, "LongPathsEnabled")[0])  # type: ignore[attr-defined]
    except FileNotFoundError:
        return False
