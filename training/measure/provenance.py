"""What a report says about its own making: the command, the commit, the version of the data."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import click

from onet_core import __version__

LABEL_FILES = ("points.npz", "pointcloud.npz")


def command_text(module: str, context: click.Context) -> str:
    """The command that is being run, without defaults, and files by their names only."""
    words = ["python", "-m", module]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if value in (None, (), parameter.default):
            continue
        if isinstance(value, tuple):
            words += [word for one in value for word in (parameter.opts[0], str(one))]
            continue
        # Where a file lies on this machine is of no use to others.
        text = Path(str(value)).name if _is_path(value) else str(value)
        if isinstance(parameter, click.Argument):
            words.append(text)
        elif isinstance(value, bool):
            words += (parameter.opts if value else parameter.secondary_opts)[:1]
        else:
            words += [parameter.opts[0], text]
    return shlex.join(words)


def _is_path(value: object) -> bool:
    return isinstance(value, Path) or (isinstance(value, str) and Path(value).is_absolute())


def commit_text() -> str:
    """The checked out commit, marked where files were changed; else the version."""

    def ask(*words: str) -> str | None:
        try:
            result = subprocess.run(
                ["git", *words],
                cwd=Path(__file__).parent,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            return None
        return result.stdout.strip() if result.returncode == 0 else None

    commit = ask("rev-parse", "--short=12", "HEAD")
    if not commit:
        return f"version {__version__}"
    changed = ask("status", "--porcelain", "--untracked-files=no")
    return f"{commit}, with uncommitted changes" if changed else commit


def data_version(root: Path, shapes: Sequence[tuple[str, str]]) -> str:
    """A fingerprint of the labels of the listed shapes, (category, name).

    From the names and the checksums that the .npz files carry, so that nothing has to be read in
    full. Files that are missing or damaged count as such.
    """
    digest = hashlib.sha256()
    for category, name in shapes:
        digest.update(f"{category}/{name}\n".encode())
        for file in LABEL_FILES:
            try:
                with zipfile.ZipFile(root / category / name / file) as archive:
                    for member in archive.infolist():
                        digest.update(f"{member.filename} {member.CRC:08x}\n".encode())
            except (OSError, zipfile.BadZipFile):
                digest.update(b"unreadable\n")
    return digest.hexdigest()[:12]
