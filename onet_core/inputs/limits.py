"""How large an input may be: checked before memory is taken for what a file claims to hold."""

from __future__ import annotations

import importlib
import struct
from pathlib import Path
from types import ModuleType

from ..errors import InputError, OnetError
from ..files import reason_of_system
from ..sentences import Sentence

# Files beyond this are not read at all.
MOST_BYTES = 4 * 2**30
# What compressed or described content may become. Above what any of our cases needed (5 million
# points of 24 bytes, 512 cells along each axis), below what a machine of 8 GB has free.
MOST_UNPACKED = 512 * 2**20
MOST_POINTS = 50_000_000
MOST_CELLS = 512 * 2**20
# With 4 bytes each in memory; cameras and phones have up to 200 million.
MOST_PIXELS = 210_000_000
# How archives begin (zip, gzip, 7z, rar, xz), and formats that are archives themselves.
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b\x08", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\0")
_PACKED = (".npz", ".npy", ".spz", ".raw")


def read_bytes(path: Path) -> bytes:
    """A file's content; InputError where it is missing, too large or can't be read."""
    assert_file(path)
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise too_large(path.name, "bytes", size, MOST_BYTES)
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def assert_file(path: Path) -> None:
    """Raises InputError where there is no ordinary file of that name."""
    try:
        if path.is_file():
            return
    except (OSError, ValueError) as error:
        raise InputError(
            "{path} can't be read: {reason}.", path=path, reason=reason_of(error)
        ) from error
    raise InputError("There is no file {path}.", path=path)


def assert_no_stand_in(head: bytes, name: str, suffix: str = "") -> None:
    """Raises InputError where a file begins like what is downloaded in the place of another."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<head")):
        raise InputError(
            "{name} is a web page: download the file itself from that page.", name=name
        )
    if start.startswith(b"version https://git-lfs"):
        raise InputError(
            "{name} is only a pointer of Git LFS: fetch the file itself by `git lfs pull`.",
            name=name,
        )
    if suffix not in _PACKED and head.startswith(_ARCHIVES):
        raise InputError("{name} is a packed archive: unpack it first.", name=name)


def unreadable(path: Path, error: OSError) -> InputError:
    return InputError("{name} can't be read: {reason}.", name=path.name, reason=reason_of(error))


def reason_of(error: Exception) -> OnetError | Sentence | str:
    """Why a file can't be read, as half a sentence: ours can be translated, others are one line."""
    if isinstance(error, OnetError):
        return error
    if isinstance(error, OSError):
        return reason_of_system(error)
    if isinstance(error, KeyError):
        return Sentence("it lacks {part}", part=error)
    lines = str(error).splitlines()
    if isinstance(error, (struct.error, EOFError)) or not lines:
        return Sentence("it ends too early")
    return lines[0]


def bounded(name: str, what: str, count: int, limit: int) -> int:
    """The count, where it is within the limit; InputError names both. what: "points", "cells"."""
    if not 0 <= count <= limit:
        raise too_large(name, what, count, limit)
    return count


def too_large(name: str, what: str, count: int, limit: int) -> InputError:
    # Numbers beyond any sense have thousands of digits.
    shown = f"{count:,}" if -(10**30) < count < 10**30 else "more than 10^30"
    return InputError(
        "{name} claims {count} {what}; at most {limit:,} are read.",
        name=name, count=shown, what=what, limit=limit,
    )  # fmt: skip


def optional_package(module: str, package: str, name: str) -> ModuleType:
    """A package that only some formats need; InputError says how to get it where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            "{name} needs the Python package {package}: run `pip install {package}` in the Python "
            "that runs the networks.",
            name=name, package=package,
        ) from error  # fmt: skip
