"""Where the file of the network is that finds objects, and how it gets there: with consent only.

The file is of others, the release of rembg, which keeps it since 2020 (U²-Net by Xuebin Qin et al.,
Apache-2.0). It is neither shipped nor trained here; this version is known by its hash, and no other
is used. Imports the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError, OnetError

NAME = "u2netp.onnx"
ADDRESS = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2netp.onnx"
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
SIZE = 4_574_861
MEGABYTES = 5
"""What is fetched, rounded up, for sentences."""

VARIABLE = "ONET_CUT_OUT"
"""Names another place for the file."""

_PIECE, _SECONDS = 2**16, 30.0

Progress = Callable[[str, float], None]


def network_file() -> Path:
    """Where the shell and Python have the file; Blender keeps one among its own files."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    return _user_folder() / "onet" / NAME


def _user_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def is_there(file: Path) -> bool:
    """Whether the file is there with its size; its content is checked when it is read."""
    try:
        return file.stat().st_size == SIZE
    except OSError:
        return False


def content_of(file: Path) -> bytes:
    """The file's bytes; raises InputError where it is missing or another one."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(
            "The network that cuts objects out is not here: fetch it ({size} MB) in Blender's "
            "panel or with `onet fetch-cut-out`, or give a mask.",
            size=MEGABYTES,
        ) from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise InputError(
            "{file} is damaged or another file than {name}: fetch it again.", file=file, name=NAME
        )
    return content


def fetch(file: Path, source: str = ADDRESS, progress: Progress | None = None) -> None:
    """Fetches the file from an address, or takes it from a path, whole or not at all.

    Only called where the user has agreed. Raises OnetError where it can't be had, is another one,
    or can't be written.
    """
    address = source if "://" in source else Path(source).absolute().as_uri()
    content = bytearray()
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer:
            while len(content) <= SIZE and (piece := answer.read(_PIECE)):
                content += piece
                if progress is not None:
                    progress("fetch", min(1.0, len(content) / SIZE))
    except (OSError, ValueError) as error:
        raise OnetError(
            "{source} can't be reached: {reason}. Fetch it with a browser and give its path.",
            source=source,
            reason=str(getattr(error, "reason", "") or error).rstrip("."),
        ) from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise OnetError(
            "What came from {source} is not the file that this version knows: nothing was kept.",
            source=source,
        )
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(file)
    except OSError as error:
        raise OnetError(
            "Could not write {path}: {reason}.", path=file, reason=error.strerror or error
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
