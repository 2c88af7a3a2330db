"""Makes the runtime: a virtual environment with exactly the packages of a requirements file.

Runs as a process of its own, under the Python that the environment is made of, and imports nothing
but the standard library. `setup` starts it, reads what it prints (lines that begin with `STATUS`
carry how far it is, as JSON, with sentences as `onet_core.sentences.Sentence.from_json` reads them;
all others are for the log), and ends it by closing its standard input, which also happens when
Blender dies. No half-made environment stays: only one with a stamp, written last, is whole.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

STATUS = "ONET "
STAMP = "onet-runtime.json"
CANCELLED = 3
FAILED = 2
OLDEST_PYTHON = (3, 11)
SECONDS_TO_REMOVE = 5.0
# Settings of pip: where packages are, and how to get there.
INDICES = ("index-url", "extra-index-url", "find-links")
CONNECTION = ("proxy", "cert", "client-cert", "trusted-host", "timeout", "default-timeout")
KNOWN_TO_PIP = {f"PIP_{name.upper().replace('-', '_')}" for name in INDICES + CONNECTION}
KNOWN_TO_PIP.add("PIP_CONFIG_FILE")
PROBE = """
import importlib, json, platform, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
torch = importlib.import_module("torch")
print(json.dumps({"python": platform.python_version(), "torch": torch.__version__}))
"""
# What pip says, and what that means to the user; the first that is found counts.
MEANINGS = (
    (
        r"No space left on device|\[Errno 28\]|\[WinError 112\]|not enough space",
        "The disk is full: make room for the runtime, or choose another folder.",
    ),
    (
        r"Failed to establish a new connection|NameResolutionError|Temporary failure in name"
        r"|ConnectTimeout|Read timed out|ProxyError|Network is unreachable|getaddrinfo failed",
        "The package index can't be reached: check the network, then press Set Up again.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "The package index can't be trusted (its certificate is not accepted): check the network.",
    ),
    (
        r"No matching distribution found for (?P<name>\S+)",
        "There is no {name} for this Python ({python}) and this machine: choose another Python.",
    ),
    (
        r"\[Errno 13\]|Permission denied|\[WinError 5\]|Read-only file system",
        "The folder can't be written to: choose another folder for the runtime.",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES|BadZipFile|is invalid|has an invalid wheel",
        "A package arrived damaged: press Set Up again.",
    ),
)


class SetupError(Exception):
    """The runtime could not be made; the message says why, for the user.

    template, values: as of `onet_core.errors.OnetError`.
    """

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template.format(**values) if values else template)
        self.sentence = sentence(template, **values)


class Cancelled(Exception):
    """Nobody wants the runtime any more."""


_child: subprocess.Popen[str] | None = None
_cancelled = threading.Event()


def sentence(template: str, **values: object) -> dict[str, Any]:
    """A sentence as JSON: what the user reads once it is translated and filled in."""
    return {"template": template, "values": {name: str(value) for name, value in values.items()}}


def tell(fraction: float, template: str, **values: object) -> None:
    """Says how far it is: 0 to 1, and a few words for the user."""
    stage = sentence(template, **values)
    print(STATUS + json.dumps({"stage": stage, "fraction": round(fraction, 3)}), flush=True)


def install(
    folder: Path,
    requirements: Path,
    modules: list[str],
    wheels: Path | None = None,
    torch: str = "",
    torch_index: str = "",
    build: str = "CPU",
) -> None:
    """Makes the environment in `folder`, replacing what is there.

    requirements: lines `name==version --hash=sha256:...`, see `pin_runtime.py`; modules: what must
    be importable in the end, beside torch; wheels: where the packages lie, the network stays unused
    then, and so do the hashes; torch, torch_index: see `pins.torch_of`; build: CPU, CUDA or MPS.
    Raises SetupError and Cancelled; `folder` does not exist then.
    """
    wanted = read_requirements(requirements)
    try:
        tell(0.0, "Making the environment")
        remove(folder)
        # Without pip: once made, the runtime stays as it is.
        venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(folder)
        python = python_of(folder)
        pip = [str(python), "-I", str(bundled_pip() / "pip")]
        command = [*pip, "--isolated", "install", "--no-user", "--only-binary", ":all:"]
        command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        command += ["--no-compile", "--retries", "2"]
        if wheels is not None:
            command += ["--no-index", "--find-links", str(wheels)]
            install_all(command, folder, [line.split(" ")[0] for line in wanted])
        else:
            fetch(command, access_of(pip), folder, wanted, torch, torch_index, build)
        tell(0.97, "Trying it")
        found = json.loads(run([str(python), "-I", "-c", PROBE, *modules])[-1])
        stamp = {**found, "base": sys.base_prefix}
        unfinished = folder / f".{STAMP}"
        unfinished.write_text(json.dumps(stamp), encoding="utf-8")
        unfinished.replace(folder / STAMP)
    except BaseException as error:
        remove(folder)
        if isinstance(error, OSError):
            raise (meaning_of(str(error)) or SetupError("{error}.", error=error)) from error
        raise


def fetch(
    pip: list[str],
    access: dict[str, list[str]],
    folder: Path,
    wanted: list[str],
    torch: str,
    index: str,
    build: str,
) -> None:
    """Installs everything from the network, torch first.

    What is pinned with a hash may come from any index, that of the user's configuration too: the
    bytes are the same. Where torch has no hash, only the address that was given is asked.
    """
    others = [line for line in wanted if not line.startswith("torch==")]
    anywhere = options_of(access, INDICES + CONNECTION)
    hashed = [*pip, "--no-deps", "--require-hashes", *anywhere]
    if "--hash=" in torch:
        hashed += ["--extra-index-url", index] if index else []
        others = [torch, *others]
    elif torch:
        tell(0.05, "Fetching PyTorch")
        # Without what it depends on: that comes with the others.
        places = [*options_of(access, CONNECTION), "--index-url", index] if index else anywhere
        install_all([*pip, "--no-deps", *places], folder, [torch])
    if build == "CPU" and brings_cuda(folder):
        raise SetupError(
            "The index has brought a build for NVIDIA cards, which was not asked for: choose "
            "that build of PyTorch, or another index."
        )
    install_all(hashed, folder, others)
    if torch and build == "CUDA":
        # NVIDIA's libraries, in exactly the versions that this build of torch names.
        install_all([*pip, *anywhere], folder, [torch.split(" ")[0]])


def read_requirements(path: Path) -> list[str]:
    """The requirements of a file, one a line, with their hashes."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def brings_cuda(folder: Path) -> bool:
    """Whether the torch in an environment is a build for NVIDIA cards."""
    for found in folder.glob("**/site-packages/torch/version.py"):
        if re.search(r"^cuda\b.*=\s*['\"]", found.read_text(encoding="utf-8"), re.MULTILINE):
            return True
    return False


def access_of(pip: list[str]) -> dict[str, list[str]]:
    """How the user's own configuration of pip reaches the packages: indices, proxy, certificates.

    Networks without a way to the usual index have their own; all other settings, which could change
    what is installed, are left out.
    """
    found: dict[str, list[str]] = {}
    for line in run([*pip, "config", "list"], cleaned=False, quiet=True):
        named = re.match(r"\S*?\.([a-z-]+)='(.*)'$", line)
        if named and named[1] in INDICES + CONNECTION:
            # The environment comes last, and counts.
            found[named[1]] = named[2].replace("\\n", " ").split()
    return found


def options_of(access: dict[str, list[str]], names: tuple[str, ...]) -> list[str]:
    """Settings of pip as options of its command line."""
    return [
        word
        for name in names
        for value in access.get(name, ())
        for word in (f"--{name.replace('default-timeout', 'timeout')}", value)
    ]


def bundled_pip() -> Path:
    """The wheel of pip that comes with every Python; pip runs from it without being unpacked."""
    # Systems that pack their own Python keep the wheels elsewhere.
    elsewhere = sysconfig.get_config_var("WHEEL_PKG_DIR")
    library = Path(sysconfig.get_path("stdlib"))
    for folder in (Path(elsewhere) if elsewhere else library, library / "ensurepip" / "_bundled"):
        wheels = sorted(folder.glob("pip-*.whl"))
        if wheels:
            return wheels[-1]
    raise SetupError("{python} comes without pip: choose another Python.", python=sys.executable)


def install_all(pip: list[str], folder: Path, wanted: list[str]) -> None:
    """Installs requirements, which are written into the folder; tells which one pip is at."""
    seen = 0

    def follow(line: str) -> None:
        nonlocal seen
        words = line.split()
        if line.startswith(("Collecting ", "Processing ")):
            seen += 1
            # A requirement, or the path of a wheel.
            name = re.split("[=<>!~]", words[1])[0] if words[0] == "Collecting" else wheel_of(line)
            tell(0.1 + 0.6 * min(1.0, seen / len(wanted)), "Fetching {name}", name=name)
        elif line.startswith("Downloading ") and len(words) > 2:
            fraction = 0.1 + 0.6 * min(1.0, seen / len(wanted))
            tell(fraction, "Fetching {name}", name=f"{wheel_of(line)} {' '.join(words[2:4])}")
        elif line.startswith("Installing collected packages"):
            tell(0.75, "Unpacking (a minute or two)")

    listed = folder / "requirements.txt"
    listed.write_text("\n".join([*wanted, ""]), encoding="utf-8")
    run([*pip, "--requirement", str(listed)], follow)


def wheel_of(line: str) -> str:
    """The package's name in a line of pip's about a wheel."""
    found = re.search(r"([^/\\\s-]+)-[^/\\\s]*\.whl", line)
    return found[1] if found else "packages"


def run(
    command: list[str],
    follow: Callable[[str], None] | None = None,
    *,
    cleaned: bool = True,
    quiet: bool = False,
) -> list[str]:
    """The lines that a command prints; raises SetupError with the reason where it fails.

    cleaned: without the user's settings of pip, else with those of `access_of` only; quiet:
    nothing of it goes into the log.
    """
    global _child
    if _cancelled.is_set():
        raise Cancelled
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.upper().startswith(("PYTHON", "__PYVENV", "PIP_"))
        or (not cleaned and key.upper() in KNOWN_TO_PIP)
    }
    if cleaned:
        # That of the whole machine too, which --isolated leaves in.
        environment["PIP_CONFIG_FILE"] = os.devnull
    _child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=environment,
        start_new_session=os.name != "nt",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    if _cancelled.is_set():
        end_child()
    lines = []
    assert _child.stdout is not None
    for line in _child.stdout:
        lines.append(line.strip())
        if not quiet:
            print(line.rstrip(), flush=True)
        if follow is not None:
            follow(line.strip())
    status = _child.wait()
    if _cancelled.is_set():
        raise Cancelled
    if status:
        text = "\n".join(lines)
        last = lines[-1] if lines else "no reason given"
        raise meaning_of(text) or SetupError(
            "Setting up stopped (status {status}): {error}", status=status, error=last
        )
    return lines


def end_child() -> None:
    """Ends the command that is under way, with all that it has started."""
    if _child is None or _child.poll() is not None:
        return
    if os.name == "nt":
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(_child.pid)], capture_output=True, check=False
        )
    else:
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.killpg(_child.pid, signal.SIGKILL)


def meaning_of(text: str) -> SetupError | None:
    """The error for what a failed command has printed; None where there is none."""
    for pattern, meaning in MEANINGS:
        found = re.search(pattern, text)
        if found:
            python = ".".join(str(number) for number in sys.version_info[:2])
            return SetupError(meaning, python=python, **found.groupdict())
    return None


def python_of(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def remove(folder: Path) -> None:
    """Takes a folder away, the stamp first; raises OSError where it stays."""
    (folder / STAMP).unlink(missing_ok=True)
    deadline = time.monotonic() + SECONDS_TO_REMOVE
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError:
            # A process that has just been ended may hold its files a moment longer.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def watch_input() -> None:
    """Runs in a thread: whoever started this has closed the pipe, or is gone."""
    # Not `sys.stdin`: the interpreter can't end while a thread holds its lock.
    while os.read(0, 4096):
        pass
    _cancelled.set()
    end_child()


def refuse(error: SetupError, status: int = FAILED) -> NoReturn:
    print(STATUS + json.dumps({"error": error.sentence}), flush=True)
    sys.exit(status)


def remove_all(home: Path) -> None:
    """Deletes every environment below a folder, whole or not."""
    folders = [folder for folder in home.iterdir() if (folder / "pyvenv.cfg").is_file()]
    for number, folder in enumerate(folders):
        tell(number / len(folders), "Removing")
        remove(folder)


def lock(home: Path) -> BinaryIO:
    """The lock over a folder, held until the process ends; raises SetupError where it is taken."""
    file = (home / ".lock").open("ab")
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise SetupError("Another Blender is setting up the runtime: wait for it.") from error
    return file


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--remove", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--requirements", type=Path)
    parser.add_argument("--modules", nargs="*", default=[])
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--torch", default="")
    parser.add_argument("--torch-index", default="")
    parser.add_argument("--build", default="CPU")
    options = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(str(number) for number in sys.version_info[:2])
        refuse(
            SetupError(
                "ONet needs Python 3.11 or newer, but {python} is Python {version}.",
                python=sys.executable,
                version=found,
            )
        )
    home = options.remove or options.folder.parent
    try:
        held = lock(home)
        if options.remove:
            remove_all(home)
            tell(1.0, "Done")
            return
        # Only now: a set-up that another Blender has begun is not this one's to end.
        threading.Thread(target=watch_input, daemon=True).start()
        given = {name: value for name, value in vars(options).items() if name != "remove"}
        install(**given)
    except Cancelled:
        refuse(SetupError("Cancelled."), CANCELLED)
    except SetupError as error:
        refuse(error)
    except OSError as error:
        refuse(meaning_of(str(error)) or SetupError("{error}.", error=error))
    held.close()
    tell(1.0, "Done")


if __name__ == "__main__":
    main()
