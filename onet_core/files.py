"""Files as they lie on disk: which can be read at all, and which are whole. Standard library only.

Asked before anything is opened: opening a pipe waits for ever.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import re
import secrets
import socket
import stat
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .errors import InputError
from .sentences import Sentence

# How the names of files and folders begin that are not finished.
SCRATCH = ".onet-part."
# Unfinished files of another machine: nobody works on one result for so long.
_SECONDS_UNTIL_LEFT = 24 * 3600.0
_PIECE = 2**16
# What the list of an archive's entries may take: some 20,000 of them.
MOST_OF_DIRECTORY = 2 * 2**20
# How many bytes of a binary STL come before its triangles, and how many each of these has.
_STL_HEADER, _STL_TRIANGLE = 84, 50
_REASONS = {
    errno.ELOOP: Sentence("it is a link that leads in a circle"),
    errno.ENAMETOOLONG: Sentence("its name is too long"),
    errno.EACCES: Sentence("there is no permission to read it"),
    errno.EPERM: Sentence("there is no permission to read it"),
}


def reason_of_system(error: OSError) -> Sentence:
    """What an operating system's error says, as half a sentence."""
    return _REASONS.get(error.errno or 0) or Sentence(str(error.strerror or error))


def refusal(path: Path) -> Sentence | None:
    """Why a path can't be read as a file, as half a sentence; None where it can.

    Does not open it, so that pipes and devices are refused without waiting for them.
    """
    try:
        found = path.stat()
    except OSError as error:
        if error.errno == errno.ENOENT:
            if path.is_symlink():
                return Sentence("it is a link to a file that is not there")
            return Sentence("there is no such file")
        return reason_of_system(error)
    except (ValueError, RuntimeError):  # a NUL character; a circle of links
        return Sentence("its name can't be that of a file")
    if stat.S_ISDIR(found.st_mode):
        if not os.access(path, os.R_OK | os.X_OK):
            return _REASONS[errno.EACCES]
        return Sentence("it is a folder")
    if not stat.S_ISREG(found.st_mode):
        return Sentence("it is no file but a pipe or a device")
    if not os.access(path, os.R_OK):
        return _REASONS[errno.EACCES]
    return Sentence("it is empty") if found.st_size == 0 else None


def assert_readable(path: Path) -> None:
    """Raises InputError where a path can't be read as a file."""
    reason = refusal(path)
    if reason is not None:
        raise InputError("{path} can't be read: {reason}.", path=path, reason=reason)


def expand(sources: Sequence[str], suffixes: Sequence[str]) -> list[Path]:
    """The files that files, folders and patterns mean, in order, each once.

    What can't be read is among them, see `refusal`. Raises InputError where a folder has no file
    with one of the suffixes.
    """
    found: dict[str, Path] = {}
    for source in sources:
        path, inside = Path(source), [Path(source)]
        if is_folder(path):
            # Why a folder can't be read is said with the reasons of the files.
            with contextlib.suppress(OSError):
                inside = named(path, suffixes)
            if not inside:
                raise InputError(
                    "There are no files in {folder} that could be inputs.", folder=path
                )
        elif not os.path.lexists(source) and glob.has_magic(source):
            matches = map(Path, sorted(glob.glob(source, recursive=True)))
            inside = [match for match in matches if not is_folder(match)] or inside
        for item in inside:
            found.setdefault(_resolved(item), item)
    return list(found.values())


def _resolved(path: Path) -> str:
    try:
        return str(path.resolve())
    except (OSError, ValueError, RuntimeError):
        return str(path)


def named(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """All of a folder, by name, that ends with one of the suffixes; not the hidden, not folders.

    What can't be read is among them, see `refusal`. Raises OSError where the folder can't be.
    """
    return [
        item
        for item in sorted(folder.iterdir())
        if item.suffix.lower() in suffixes and not item.name.startswith(".") and not is_folder(item)
    ]


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; never raises."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError, RuntimeError):
        return False


def is_special(path: Path) -> bool:
    """Whether there is something at a path that is neither file nor folder: a pipe, a device."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError, RuntimeError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def is_on_network(path: str) -> bool:
    """Whether a full path is that of a share on Windows, where asking for it reveals who asks."""
    return sys.platform == "win32" and path.replace("/", "\\").startswith("\\\\")


def is_whole(path: Path) -> bool:
    """Whether a mesh file (.glb, .ply, .stl, .obj, .off, .blend) has a beginning and an end.

    A quick look at both, which finds empty files and those that were cut off; other formats are
    whole where they are not empty.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return True  # not ours to judge
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_PIECE)
            file.seek(max(0, size - 64))
            tail = file.read()
    except OSError:
        return True
    if not head.strip(b"\0"):
        return False
    match path.suffix.lower():
        case ".glb":
            return head[:4] == b"glTF" and int.from_bytes(head[8:12], "little") == size
        case ".ply":
            return _is_whole_ply(head, tail, size)
        case ".stl":
            if head.lstrip()[:5] == b"solid" and b"endsolid" in tail:
                return True
            return size == _STL_HEADER + _STL_TRIANGLE * int.from_bytes(head[80:84], "little")
        case ".obj":
            # Faces come last.
            return b"v " in head and b"\nf " in b"\n" + tail and tail.endswith(b"\n")
        case ".off":
            return b"OFF" in head[:16] and tail.endswith(b"\n")
        case ".blend":
            plain = head[:7] == b"BLENDER" and b"ENDB" in tail
            # Zstandard with a table of its frames at the end, as Blender writes it.
            packed = head[:4] == b"\x28\xb5\x2f\xfd" and tail.endswith(b"\xb1\xea\x92\x8f")
            return plain or packed or head[:2] == b"\x1f\x8b"
    return True


# Bytes of the types of PLY's properties.
_PLY_SIZES = {
    **dict.fromkeys((b"char", b"uchar", b"int8", b"uint8"), 1),
    **dict.fromkeys((b"short", b"ushort", b"int16", b"uint16"), 2),
    **dict.fromkeys((b"int", b"uint", b"int32", b"uint32", b"float", b"float32"), 4),
    **dict.fromkeys((b"double", b"float64"), 8),
}


def _is_whole_ply(head: bytes, tail: bytes, size: int) -> bool:
    """Whether as much follows the header as it announces, lists having three entries or more."""
    header, end, _ = head.partition(b"end_header\n")
    if not head.startswith(b"ply") or not end:
        return False
    least, count = 0, 0
    for line in header.splitlines():
        match line.split():
            case [b"element", _, number] if number.isdigit():
                count = int(number)
            case [b"property", b"list", length, kind, _]:
                least += count * (_PLY_SIZES.get(length, 1) + 3 * _PLY_SIZES.get(kind, 1))
            case [b"property", kind, _]:
                least += count * _PLY_SIZES.get(kind, 1)
    if b"format ascii" in header:
        return tail.endswith(b"\n")
    return size >= len(header) + len(end) + least


# The end of a zip archive, with the size of its directory; that of one with 64-bit numbers, and
# where that is.
_ZIP_END = struct.Struct("<4s8xI4x2x")
_ZIP_END_64 = struct.Struct("<4s36xQ8x")
_ZIP_WHERE = struct.Struct("<4s4xQ4x")


def size_of_directory(path: Path) -> int:
    """How many bytes a zip archive says that the list of its entries takes; 0 for other files.

    Asked before it is read: that takes a second for 100,000 entries. Raises OSError where the file
    can't be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = max(0, size - _PIECE - _ZIP_END.size)
        file.seek(start)
        tail = file.read()
        place = tail.rfind(b"PK\5\6")
        if place < 0 or len(tail) - place < _ZIP_END.size:
            return 0
        listed = int(_ZIP_END.unpack_from(tail, place)[1])
        where = place - _ZIP_WHERE.size
        if where < 0 or tail[where : where + 4] != b"PK\6\7":
            return listed
        file.seek(min(size, _ZIP_WHERE.unpack_from(tail, where)[1]))
        end = file.read(_ZIP_END_64.size)
        if len(end) < _ZIP_END_64.size or not end.startswith(b"PK\6\6"):
            return listed
        return max(listed if listed < 2**32 - 1 else 0, int(_ZIP_END_64.unpack(end)[1]))


def scratch_name() -> str:
    """A new name for a file or folder of this process that is not finished yet."""
    return f"{SCRATCH}{_host()}.{os.getpid()}.{secrets.token_hex(4)}.part"


def is_left(path: Path) -> bool:
    """Whether what has a `scratch_name` belongs to no run any more."""
    host, _, rest = path.name.removeprefix(SCRATCH).partition(".")
    process = rest.partition(".")[0]
    # Windows has no way to ask for a process that does no harm.
    if host == _host() and process.isdigit() and sys.platform != "win32":
        return not _runs(int(process))
    try:
        return time.time() - path.lstat().st_mtime > _SECONDS_UNTIL_LEFT
    except OSError:
        return False


def _host() -> str:
    return "".join(letter for letter in socket.gethostname() if letter.isalnum())[:16] or "here"


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def numbers_in_order(name: str) -> list[tuple[int, str]]:
    """By what names are sorted so that the numbers in them count as numbers: 2 comes before 10."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
