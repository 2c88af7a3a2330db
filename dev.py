#!/usr/bin/env python3
"""One command for each thing a developer does: `python3 dev.py demo|test|lint|bench|gallery|...`.

Standard library only. The first call makes the virtual environments that it needs:

.venv           the library, the training code and their tools (the add-on's "runtime")
.venv-bpy-X.Y   Blender X.Y as a Python module, without torch, as in a real Blender

Both live beside this file and are made anew when `pyproject.toml` or `constraints.txt` change.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
BLENDER_VERSIONS = {
    "4.2": ("bpy==4.2.23", "numpy==1.26.4"),
    "4.5": ("bpy==4.5.15", "numpy==1.26.4"),
    "5.0": ("bpy==5.0.1", "numpy==1.26.4"),
}
BLENDER_PYTHON = (3, 11)  # the Python that these versions of Blender were built for
NO_CARD = 2  # what `dev.py gpu` exits with where there is none
CHECKED = [
    "onet_core",
    "onet_blender",
    "training",
    "tests",
    "benchmarks",
    "dev.py",
    "build_addon.py",
]


# Of the models at hand, those that generate shapes.
LIST_GENERATORS = """
from onet_core.models.catalogue import list_models
for entry in list_models():
    if entry.description is not None and entry.description.input_kind == "none":
        print(entry.name)
"""


# Commands that run beside each other print one after the other.
PRINTING = threading.Lock()


class Failed(Exception):
    """A step did not work; the message says which."""


def say(message: str) -> None:
    print(f"\033[1m==> {message}\033[0m" if sys.stdout.isatty() else f"==> {message}", flush=True)


def run(
    *command: str | Path, env: dict[str, str] | None = None, step: str = "", kept: bool = False
) -> None:
    """Runs a command in the repository; raises Failed where it fails.

    kept: its output is printed in one piece at the end, for commands that run beside others.
    """
    words = [str(word) for word in command]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    result = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **(env or {})}, check=False, **(streams if kept else {})
    )
    if kept:
        with PRINTING:
            sys.stdout.buffer.write(result.stdout)
            sys.stdout.flush()
    if result.returncode != 0:
        raise Failed(step or f"{' '.join(words[:4])} ... ended with status {result.returncode}")


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    if platform.system() == "Windows":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def find_python(version: tuple[int, int]) -> str | None:
    """An interpreter of exactly this version on this machine, or None."""
    if sys.version_info[:2] == version:
        return sys.executable
    name = f"python{version[0]}.{version[1]}"
    found = shutil.which(name)
    if found is None and platform.system() == "Windows" and shutil.which("py"):
        probe = subprocess.run(
            ["py", f"-{version[0]}.{version[1]}", "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
            check=False,
        )
        found = probe.stdout.strip() or None
    return found


def environment(path: Path, interpreter: str, requirements: list[list[str]]) -> Path:
    """Makes or renews a virtual environment; returns its interpreter.

    requirements: groups of pip arguments, installed in order.
    """
    python = python_of(path)
    text = (ROOT / "pyproject.toml").read_bytes() + (ROOT / "constraints.txt").read_bytes()
    wanted = hashlib.sha256(text + repr(requirements).encode()).hexdigest()
    stamp = path / "made-by-dev.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    say(f"Setting up {path.name} (once; a few minutes)")
    if not python.exists():
        run(interpreter, "-m", "venv", path)
    for group in requirements:
        run(
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *group,
            step=f"Installing {' '.join(group)} into {path.name} did not work",
        )
    stamp.write_text(wanted)
    return python


def runtime() -> Path:
    """The interpreter with torch and everything else."""
    if sys.version_info < (3, 11):  # noqa: UP036 -- whoever runs this may have any Python
        raise Failed(f"Python 3.11 or newer is needed, this is {platform.python_version()}")
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    # torch first and by its exact version, so that no other package chooses a build.
    torch = next(
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line.startswith("torch==")
    )
    return environment(
        ROOT / ".venv", sys.executable, [[torch], [*constraints, "--editable", ".[dev]"]]
    )


def blender(version: str) -> Path | None:
    """The interpreter with Blender as a module, or None (said aloud) where it can't be had."""
    interpreter = find_python(BLENDER_PYTHON)
    if interpreter is None:
        say(
            f"SKIPPED Blender {version}: its module needs Python 3.11, which is not on this machine"
        )
        return None
    return environment(
        ROOT / f".venv-bpy-{version}", interpreter, [[*BLENDER_VERSIONS[version], "pytest==9.2.0"]]
    )


def demo() -> None:
    """Reconstructs the shipped inputs in headless Blender and renders a sheet."""
    python = runtime()
    bpy_python = blender("5.0")
    if bpy_python is None:
        raise Failed("The demo runs Blender as a Python module: install Python 3.11 and try again")
    out = ROOT / "out" / "demo"
    out.mkdir(parents=True, exist_ok=True)
    inputs = ROOT / "examples"
    env = {"PYTHONPATH": str(ROOT)}
    say("Reconstructing a picture, a scan and a voxel model in headless Blender")
    run(
        bpy_python,
        ROOT / "onet_blender" / "batch.py",
        "--",
        *("--input", inputs, "--output", out, "--format", "glb"),
        *("--faces", "8000", "--refinement-steps", "10", "--overwrite", "--runtime", python),
        env=env,
    )
    say("Rendering the contact sheet (a minute or two)")
    sheet = ROOT / "out" / "demo.png"
    run(bpy_python, ROOT / "examples" / "contact_sheet.py", "--", inputs, out, sheet, env=env)
    say("Done. Look at:")
    for path in [sheet, sheet.with_suffix(".blend"), *sorted(out.glob("*.glb"))]:
        print(f"    {path}")


def gallery() -> None:
    """Makes the pictures of the README: the demo's sheet, and shapes of all generators."""
    demo()
    python, bpy_python = runtime(), blender("5.0")
    assert bpy_python is not None  # else the demo would have failed
    out = ROOT / "out" / "gallery"
    shutil.rmtree(out, ignore_errors=True)
    listed = subprocess.run(
        [str(python), "-c", LIST_GENERATORS], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    batch = [ROOT / "onet_blender" / "batch.py", "--"]
    shared = ["--resolution", "128", "--faces", "8000", "--runtime", python]
    env = {"PYTHONPATH": str(ROOT)}
    for name in listed:
        say(f"Inventing shapes: {name}")
        given = ["--model", name, "--output", out / f"{name}-1", *shared]
        run(bpy_python, *batch, "generate", "--seed", "1", "--count", "5", *given, env=env)
    name = listed[0]
    say(f"A morph: {name}")
    given = ["--model", name, "--output", out / f"{name}-2-morph", *shared]
    run(bpy_python, *batch, "morph", "--seeds", "1", "4", "--steps", "5", *given, env=env)
    say("Rendering")
    docs = ROOT / "docs"
    run(bpy_python, ROOT / "examples" / "shapes_sheet.py", "--", out, docs / "shapes.png")
    shutil.copyfile(ROOT / "out" / "demo.png", docs / "demo.png")
    say(f"Done. Look at {docs / 'demo.png'} and {docs / 'shapes.png'}")


def lint(kept: bool = False) -> None:
    """ruff and mypy over everything."""
    python = runtime()
    say("Lint: ruff")
    present = [name for name in CHECKED if (ROOT / name).exists()]
    run(python, "-m", "ruff", "check", *present, kept=kept)
    say("Types: mypy")
    run(python, "-m", "mypy", kept=kept)


def test() -> None:
    """Lint, the library's tests, the add-on's tests in each Blender, and a real window.

    The library's and the add-on's run beside each other where there are two cores.
    """
    python = runtime()
    cores = os.cpu_count() or 1
    # Each lane computes with its share of the cores: threads that wait for each other cost most.
    shared = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, cores // 2)))}
    env = {"ONET_RUNTIME_PYTHON": str(python), "PYTHONPATH": str(ROOT)}
    failures: list[str] = []

    def attempt(step: str, action: Callable[[], None]) -> None:
        start = time.monotonic()
        say(step)
        try:
            action()
        except Failed as error:
            print(f"FAILED: {error}", flush=True)
            failures.append(step)
        say(f"{step}: {time.monotonic() - start:.0f} s")

    def library() -> None:
        tests = ("tests/core", "tests/training")
        attempt("Lint and types", partial(lint, kept=True))
        attempt(
            "Tests of the library and of the training code",
            partial(run, python, "-m", "pytest", *tests, env=shared, kept=True),
        )

    def add_on() -> None:
        for version in BLENDER_VERSIONS:
            attempt(f"Tests of the add-on in Blender {version}", partial(in_blender, version))

    def in_blender(version: str) -> None:
        bpy_python = blender(version)
        if bpy_python is not None:
            run(bpy_python, "-m", "pytest", "tests/blender", env={**env, **shared}, kept=True)

    with ThreadPoolExecutor(min(2, cores)) as lanes:
        for lane in [lanes.submit(library), lanes.submit(add_on)]:
            lane.result()
    attempt(
        "Tests in a real Blender window",
        partial(run, python, "-m", "pytest", "-rs", "tests/gui", env=env),
    )
    if failures:
        raise Failed("These steps failed: " + "; ".join(failures))
    say("All tests passed")


def bench() -> None:
    """Every benchmark in its quick mode."""
    python = runtime()
    for script in sorted((ROOT / "benchmarks").glob("*.py")):
        if not script.name.startswith("_"):
            say(f"Benchmark {script.stem}")
            run(python, script, "--quick")


def gpu() -> None:
    """Tests and times of this machine's graphics card, as a report; status 2 without a card."""
    result = subprocess.run(
        [str(runtime()), str(ROOT / "benchmarks" / "_gpu.py")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    if result.returncode == NO_CARD:
        sys.exit(NO_CARD)
    if result.returncode != 0:
        raise Failed("Some steps failed: the report says which")


def set_up() -> None:
    """Only makes the environments."""
    runtime()
    for version in BLENDER_VERSIONS:
        blender(version)


def main() -> int:
    tasks = {
        "demo": demo,
        "gallery": gallery,
        "test": test,
        "lint": lint,
        "bench": bench,
        "gpu": gpu,
        "environment": set_up,
    }
    parser = argparse.ArgumentParser(
        description="Sets this project up; runs its demo, tests, linters and benchmarks."
    )
    parser.add_argument(
        "task",
        choices=tasks,
        help="; ".join(
            f"{name}: {(task.__doc__ or '').splitlines()[0]}" for name, task in tasks.items()
        ),
    )
    start = time.monotonic()
    try:
        tasks[parser.parse_args().task]()
    except Failed as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"({time.monotonic() - start:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
