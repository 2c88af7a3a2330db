"""What made what: where the results of many inputs go, and which of them are there already.

A folder of results has a record, `.onet-results.json`, which names for each result its source, the
settings and the content that was written. Runs go by it: they give a source the same name every
time, never take their own results for inputs, and know a result that is whole and up to date from
one that is cut off, was changed by hand, or is somebody else's. An entry is written before its
result is put in place, so that no result is ever there without one. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .errors import OnetError
from .files import SCRATCH, is_left, is_whole, scratch_name

RECORD = ".onet-results"
SUFFIX = ".json"
VERSION = 1
PIECE = 2**20
# Bytes of a result's name without its ending: file systems allow 255 with all.
LONGEST_STEM = 200

# What a result on disk can be.
MISSING, DONE, OUTDATED, EDITED, DAMAGED, FOREIGN = (
    "missing",
    "done",
    "outdated",
    "edited",
    "damaged",
    "foreign",
)


@dataclass(frozen=True)
class Origin:
    """What a result is made from.

    key: names the source, see `ResultFolder.key_of`.
    stem: of the result's name.
    settings: all that the result depends on beside the source.
    path: the source, where it is a file.
    """

    key: str
    stem: str
    settings: Mapping[str, Any]
    path: Path | None = None


@dataclass(frozen=True)
class Entry:
    """A line of the record: a result and what it was made from.

    settings: the digest of what `settings` of the record holds in full.
    size, sha256: of the result as it was written.
    source_time: nanoseconds.
    """

    source: str
    settings: str
    size: int
    sha256: str
    source_size: int = 0
    source_time: int = 0
    source_sha256: str = ""


class ResultFolder:
    """A folder of results with what earlier runs have recorded in it.

    part: for one of several machines that share the folder, the name of its own record; all of
    them are read. Nothing is written before the first result.
    """

    def __init__(self, folder: Path, part: str = "") -> None:
        self.folder = folder
        self._record = folder / f"{RECORD}{part}{SUFFIX}"
        self._own: dict[str, Entry] = {}
        self._settings: dict[str, Mapping[str, Any]] = {}
        # First the files, then the records: what another machine adds meanwhile is recorded.
        self._there = {name.casefold() for name in _names(folder)}
        self._entries: dict[str, Entry] = {}
        for name in _names(folder):
            if name.startswith(RECORD) and name.endswith(SUFFIX):
                self._read(folder / name)

    def _read(self, path: Path) -> None:
        """Takes over the entries of a record; one that is damaged is no record."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            names = {item.name for item in fields(Entry)}
            for name, given in content["results"].items():
                if Path(name).name != name or not set(given) <= names:
                    raise ValueError(name)
                self._entries[name] = Entry(**given)
                if path == self._record:
                    self._own[name] = self._entries[name]
            if path == self._record:
                self._settings = dict(content["settings"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return

    def key_of(self, path: Path) -> str:
        """How the record names a file: relative to the folder, so that both can move together."""
        try:
            return Path(os.path.relpath(path.resolve(), self.folder.resolve())).as_posix()
        except (OSError, ValueError, RuntimeError):  # another drive, or a link in a circle
            return path.absolute().as_posix()

    def is_result(self, path: Path) -> bool:
        """Whether a file is one of the results recorded here."""
        try:
            return path.name in self._entries and path.resolve().parent == self.folder.resolve()
        except (OSError, RuntimeError):
            return False

    def targets(
        self,
        origins: Sequence[Origin],
        suffix: str,
        inputs: Iterable[Path] = (),
        *,
        overwrite: bool = False,
    ) -> list[Path]:
        """Where each result goes: <stem>.<suffix>, with a number where that name is taken.

        A source keeps the name that it has in the record. Taken are the inputs' own files, results
        of other sources, and, unless they are to be overwritten, files that are no results. Case
        does not tell names apart, since it does not on every system. Of new sources, one whose stem
        is unlike all others gets the plain name first.
        """
        ending = f".{suffix}".casefold()
        held = {
            entry.source: name
            for name, entry in self._entries.items()
            if name.casefold().endswith(ending)
        }
        wanted = {origin.key for origin in origins}
        taken = _files_in(self.folder, inputs)
        for source, name in held.items():
            if source in wanted or (self.folder / name).exists():
                taken.add(name.casefold())
        if not overwrite:
            recorded = {name.casefold() for name in self._entries}
            for name in self._there - recorded:
                if name.endswith(ending) and is_whole(self.folder / name):
                    taken.add(name)
        stems = [_shortened(origin.stem) for origin in origins]
        found: dict[int, str] = {
            number: held[origin.key]
            for number, origin in enumerate(origins)
            if origin.key in held and _is_stem_of(stems[number], held[origin.key])
        }
        waiting = []
        for number, stem in enumerate(stems):
            name = f"{stem}.{suffix}"
            if number in found:
                continue
            if name.casefold() in taken:
                waiting.append(number)
                continue
            taken.add(name.casefold())
            found[number] = name
        for number in waiting:
            count, stem = 2, stems[number]
            while f"{stem}-{count}.{suffix}".casefold() in taken:
                count += 1
            found[number] = f"{stem}-{count}.{suffix}"
            taken.add(found[number].casefold())
        return [self.folder / found[number] for number in range(len(origins))]

    def state(self, target: Path, origin: Origin) -> str:
        """What there is at a target: `MISSING`, `DONE`, `OUTDATED` (made from another content or
        with other settings), `EDITED` (whole, but not as it was made), `DAMAGED`, or `FOREIGN`."""
        try:
            size = target.stat().st_size
        except OSError:
            return MISSING
        entry = self._entries.get(target.name)
        if entry is None:
            return FOREIGN if is_whole(target) else DAMAGED
        if size != entry.size or digest_of(target) != entry.sha256:
            return EDITED if is_whole(target) else DAMAGED
        return DONE if self.is_current(target, origin) else OUTDATED

    def is_current(self, target: Path, origin: Origin) -> bool:
        """Whether the record of a target names this source, as it is now, and these settings."""
        entry = self._entries.get(target.name)
        if entry is None or entry.source != origin.key:
            return False
        if entry.settings != _digest(origin.settings):
            return False
        if origin.path is None:
            return True
        try:
            found = origin.path.stat()
        except OSError:
            return False
        if found.st_size != entry.source_size:
            return False
        # Copying a folder gives its files new times.
        same_time = found.st_mtime_ns == entry.source_time
        return same_time or digest_of(origin.path) == entry.source_sha256

    def scratch(self) -> Path:
        """A new folder beside the results, for a file that is not finished; raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        made = self.folder / scratch_name()
        made.mkdir()
        return made

    def put(self, written: Path, target: Path, origin: Origin) -> None:
        """Records a finished file as the result of its source, then puts it in place.

        Raises OSError where one of both can't be done.
        """
        settings = _digest(origin.settings)
        source: dict[str, Any] = {}
        if origin.path is not None:
            found = origin.path.stat()
            source = {
                "source_size": found.st_size,
                "source_time": found.st_mtime_ns,
                "source_sha256": digest_of(origin.path),
            }
        entry = Entry(origin.key, settings, written.stat().st_size, digest_of(written), **source)
        self._settings[settings] = dict(origin.settings)
        self._own[target.name] = self._entries[target.name] = entry
        self._write()
        os.replace(written, target)

    def _write(self) -> None:
        used = {entry.settings for entry in self._own.values()}
        content = {
            "version": VERSION,
            "settings": {name: self._settings[name] for name in sorted(used & set(self._settings))},
            "results": {name: asdict(entry) for name, entry in sorted(self._own.items())},
        }
        unfinished = self._record.with_name(scratch_name())
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                json.dump(content, file, indent=0, default=str)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, self._record)
        finally:
            unfinished.unlink(missing_ok=True)

    def clear_remains(self) -> None:
        """Removes what killed runs have left unfinished; those that still run keep theirs."""
        for name in _names(self.folder):
            path = self.folder / name
            if not name.startswith(SCRATCH) or not is_left(path):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits; raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def make_folder(folder: Path) -> None:
    """Makes a folder for results where it is missing. Raises OnetError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OnetError(
            "The folder {folder} can't be made: {reason}.", folder=folder, reason=reason
        ) from error


def _digest(settings: Mapping[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (OSError, ValueError):
        return []


def _files_in(folder: Path, paths: Iterable[Path]) -> set[str]:
    """The names, whatever their case, of those paths that lie in a folder."""
    found = set()
    for path in paths:
        try:
            if path.resolve().parent == folder.resolve():
                found.add(path.resolve().name.casefold())
        except (OSError, ValueError, RuntimeError):
            continue
    return found


def _shortened(stem: str) -> str:
    while len(os.fsencode(stem)) > LONGEST_STEM:
        stem = stem[:-1]
    return stem


def _is_stem_of(stem: str, name: str) -> bool:
    """Whether a name is that of a stem, with or without a number."""
    rest = Path(name).stem.removeprefix(stem)
    return name.startswith(stem) and (not rest or (rest[0] == "-" and rest[1:].isdigit()))
