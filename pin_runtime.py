#!/usr/bin/env python3
"""Pins the runtime's packages: `python3 pin_runtime.py`, after a change of constraints.txt.

Asks pip, for each platform and Python that the extension is built for, which wheels of the versions
in constraints.txt it would install, and writes their hashes into onet_blender/runtime:
requirements.txt for all packages from the usual index, requirements-torch-cpu.txt for Linux' build
of PyTorch for processors, which only PyTorch's own index has. Nothing is downloaded or installed.
Where PyTorch's index can't be reached, the hashes in that file stay as they are.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from build_addon import PLATFORMS, normalised, pins

ROOT = Path(__file__).resolve().parent
FOLDER = ROOT / "onet_blender" / "runtime"
PYTHONS = ("3.11", "3.12", "3.13")
PYTORCH_FOR_PROCESSORS = "https://download.pytorch.org/whl/cpu"
HEAD = """\
# What "Set Up" in the preferences installs: exactly these versions, those of constraints.txt, and
# exactly these files. Written by pin_runtime.py.
"""
HEAD_OF_TORCH = """\
# PyTorch for Linux without NVIDIA's libraries, from PyTorch's own index. Written by pin_runtime.py.
"""


def hashes_of(
    requirements: list[str], platform: str, python: str, index: str = ""
) -> dict[str, set[str]]:
    """SHA-256 by name of the wheels that pip would install; raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps"]
        command += ["--ignore-installed", "--only-binary", ":all:", "--python-version", python]
        command += ["--target", scratch, "--report", str(report)]
        for tag in PLATFORMS[platform]:
            command += ["--platform", tag]
        command += ["--index-url", index] if index else []
        subprocess.run([*command, *requirements], check=True)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {
        normalised(item["metadata"]["name"]): {
            item["download_info"]["archive_info"]["hashes"]["sha256"]
        }
        for item in found
    }


def line_of(requirement: str, hashes: set[str]) -> str:
    """A requirement with its hashes, as pip reads it."""
    return " \\\n".join([requirement, *(f"    --hash=sha256:{one}" for one in sorted(hashes))])


def main() -> None:
    wanted = pins(ROOT)
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    tested = dict(re.findall(r"^([^=\s]+)==(\S+)", constraints, re.MULTILINE))
    versions = {normalised(name): version for name, version in tested.items()}
    names = {name: versions[name] for name in wanted}
    hashes: dict[str, set[str]] = {name: set() for name in names}
    listed = [f"{name}=={version}" for name, version in names.items()]
    for platform in PLATFORMS:
        for python in PYTHONS:
            for name, found in hashes_of(listed, platform, python).items():
                hashes[name] |= found
            print(f"{platform}, Python {python}: {len(listed)} packages", flush=True)
    lines = [line_of(f"{name}=={version}", hashes[name]) for name, version in names.items()]
    text = "\n".join([HEAD.rstrip(), *lines, ""])
    (FOLDER / "requirements.txt").write_text(text, encoding="utf-8", newline="\n")
    torch = f"torch=={names['torch']}+cpu"
    built: set[str] = set()
    try:
        for python in PYTHONS:
            found = hashes_of([torch], "linux-x64", python, PYTORCH_FOR_PROCESSORS)
            built |= found["torch"]
    except subprocess.CalledProcessError:
        print(f"{PYTORCH_FOR_PROCESSORS} can't be reached: its hashes stay as they are.")
        return
    text = f"{HEAD_OF_TORCH}{line_of(torch, built)}\n"
    (FOLDER / "requirements-torch-cpu.txt").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
