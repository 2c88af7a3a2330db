"""Where the runtime lies that "Set Up" makes, and which of those that are there is whole.

Each set of pinned packages has a folder of its own, so that an upgrade of the extension finds the
runtime of the version before beside the place of its own. The stamp is written last: a folder
without one is half-made and never used.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import bpy

from .install import STAMP, python_of

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# The full build has the packages with it.
BUNDLED_WHEELS = Path(__file__).parents[1] / "wheels-runtime"
EXTENSION_PREFIX = "bl_ext."


@dataclass(frozen=True)
class Installed:
    """A whole runtime.

    current: whether it has the versions that this extension was tested with.
    """

    folder: Path
    current: bool

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_of(self.folder)


def home(chosen: str = "") -> Path:
    """The folder of all runtimes: the chosen one, else the extension's own in the user's files."""
    if chosen:
        return Path(bpy.path.abspath(chosen))
    package = (__package__ or "").rpartition(".")[0]
    if package.startswith(EXTENSION_PREFIX):
        return Path(bpy.utils.extension_path_user(package, path="runtime"))
    # Run from a checkout it is no extension and has no such folder.
    return Path(bpy.utils.user_resource("DATAFILES", path="onet")) / "runtime"


def current_folder(home: Path, requirements: Path = REQUIREMENTS) -> Path:
    """The folder of the runtime with these versions. Short: Windows limits the length of paths."""
    return home / hashlib.sha256(requirements.read_bytes()).hexdigest()[:8]


def find_installed(home: Path, requirements: Path = REQUIREMENTS) -> Installed | None:
    """The runtime with these versions, else one of another version, else None."""
    wanted = current_folder(home, requirements)
    if _is_whole(wanted):
        return Installed(wanted, True)
    if not home.is_dir():
        return None
    others = [folder for folder in home.iterdir() if _is_whole(folder)]
    newest = max(others, key=lambda folder: (folder / STAMP).stat().st_mtime, default=None)
    return Installed(newest, False) if newest is not None else None


def _is_whole(folder: Path) -> bool:
    """Whether it was finished, and the Python that it was made of is still on this machine."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    # Blender's own Python goes when that Blender is removed.
    return python_of(folder).is_file() and Path(str(stamp.get("base"))).is_dir()
