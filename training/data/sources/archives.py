"""Reading single files out of Debian packages and of the zips in them, without installing them.

Only members that are asked for by their exact name are read, and they are written where the caller
says: a name inside an archive never chooses a path.
"""

from __future__ import annotations

import lzma
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from onet_core.errors import InputError, OnetError

# More than any member that is wanted: what is larger is not the package that was meant.
LARGEST_MEMBER = 4 << 30
LARGEST_MESH = 256 << 20
_AR_MAGIC = b"!<arch>\n"
_AR_HEADER = 60
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    lzma.LZMAError,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
)


def extract_package(package: Path, wanted: Mapping[str, Path]) -> set[str]:
    """Writes members of a .deb, named by their path from the root such as `usr/share/x`.

    Returns the names that were found. Raises InputError where the package is damaged or a member is
    absurdly large, OnetError where the disk can't be written.
    """
    found: set[str] = set()
    try:
        with _open_data(package) as data:
            for member in data:
                name = member.name.removeprefix("./")
                if name not in wanted or not member.isfile():
                    continue
                if member.size > LARGEST_MEMBER:
                    raise InputError(f"{package.name} is damaged: {name} is too large.")
                source = data.extractfile(member)
                if source is None:
                    raise InputError(f"{package.name} is damaged: {name} has no content.")
                _write(source, wanted[name])
                found.add(name)
                if len(found) == len(wanted):
                    break
    except _DAMAGE as error:
        raise InputError(f"{package.name} can't be read as a Debian package: {error}.") from error
    return found


@contextmanager
def open_zip(path: Path, title: str) -> Iterator[zipfile.ZipFile]:
    """A zip, whatever its suffix. Raises InputError, with the title, where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _DAMAGE as error:
        raise InputError(f"{title} can't be read as a zip: {error}.") from error


def extract_zipped(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    """Writes one member of a zip. Raises InputError where it is missing or absurdly large."""
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise InputError(f"There is no {name} in the package's archive.") from error
    if info.file_size > LARGEST_MESH:
        raise InputError(f"{name} is too large: {info.file_size >> 20} MiB.")
    # zipfile never yields more than the size that the directory of the zip gives.
    with archive.open(info) as source:
        _write(source, target)


def _write(source: IO[bytes], target: Path) -> None:
    try:
        file = target.open("wb")
    except OSError as error:
        raise OnetError(f"Could not write {target}: {error.strerror or error}.") from error
    with file:
        shutil.copyfileobj(source, file, 1 << 20)


@contextmanager
def _open_data(package: Path) -> Iterator[tarfile.TarFile]:
    """The tar with a package's files, read as a stream."""
    with package.open("rb") as file:
        if file.read(len(_AR_MAGIC)) != _AR_MAGIC:
            raise InputError(f"{package.name} is not a Debian package.")
        while header := file.read(_AR_HEADER):
            if len(header) < _AR_HEADER:
                break
            name = header[:16].decode("ascii").strip().rstrip("/")
            size = int(header[48:58])
            if name in ("data.tar", "data.tar.xz", "data.tar.gz", "data.tar.bz2"):
                with tarfile.open(fileobj=file, mode="r|*") as data:
                    yield data
                return
            if name == "data.tar.zst":
                with _unpacked_by_dpkg(package) as data:
                    yield data
                return
            file.seek(size + size % 2, 1)
    raise InputError(f"{package.name} is damaged: it has no files in it.")


@contextmanager
def _unpacked_by_dpkg(package: Path) -> Iterator[tarfile.TarFile]:
    """As Ubuntu packs them: with zstd, which Python learns to read in 3.14 only."""
    tool = shutil.which("dpkg-deb")
    if tool is None:
        raise InputError(
            f"{package.name} is compressed with zstd, which needs the program dpkg-deb to unpack: "
            "install dpkg, or take the package from Debian."
        )
    command = [tool, "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as data:
                yield data
        finally:
            process.kill()
