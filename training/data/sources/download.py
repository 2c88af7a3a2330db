"""Fetching packages with apt, which Debian and Ubuntu bring; nothing is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onet_core.errors import OnetError


@dataclass(frozen=True)
class Package:
    """A package as apt knows it.

    size: bytes to download.
    """

    name: str
    version: str
    size: int


def find_package(folder: Path, name: str) -> Path | None:
    """The newest file of a package in a folder, or None."""
    found = sorted(folder.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def look_up(name: str) -> Package | None:
    """What apt knows of a package, or None where its sources do not have it. Raises OnetError."""
    shown = _run([_program("apt-cache"), "show", "--no-all-versions", name])
    if shown.returncode:
        return None
    fields = dict(
        line.split(": ", 1) for line in shown.stdout.splitlines() if ": " in line and line[0] != " "
    )
    if not fields.get("Size", "").isdigit():
        return None
    return Package(name, fields.get("Version", ""), int(fields["Size"]))


def download(package: Package, folder: Path) -> Path:
    """Fetches a package into a folder. Raises OnetError, with apt's own words."""
    folder.mkdir(parents=True, exist_ok=True)
    done = _run([_program("apt-get"), "download", package.name], folder)
    path = find_package(folder, package.name)
    if done.returncode or path is None:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        detail = said[0] if said else f"apt-get ended with status {done.returncode}"
        raise OnetError(f"Could not download {package.name}: {detail}.")
    return path


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise OnetError(
            f"There is no {name} here: download the .deb files of the packages by hand, from a "
            "Debian or Ubuntu system or its website, into one folder."
        )
    return path


def _run(command: Sequence[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise OnetError(f"Could not run {command[0]}: {error.strerror or error}.") from error
