"""Which models there are. Standard library only, so that Blender can list them without torch."""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError
from ..files import is_special
from ..kinds import KINDS
from ..sentences import NOTHING, Sentence
from .description import ModelDescription

PRETRAINED = Path(__file__).resolve().parent.parent / "pretrained"
HEADER_KEY = "onet"
USER_FOLDER_VARIABLE = "ONET_MODELS"
# A network of a thousand tensors takes 100 KB; more would keep Blender's panel waiting.
LARGEST_HEADER = 2**20
# The shipped model that is taken for an input where none is named.
DEFAULTS = {kind.name: kind.default_model for kind in KINDS if kind.default_model}


@dataclass(frozen=True)
class ModelEntry:
    """A weights file that was found: its description, or what is wrong with it."""

    name: str
    path: Path
    description: ModelDescription | None
    error: Sentence = NOTHING

    @property
    def picture(self) -> Path:
        """Where a picture of what it generates may lie: beside the weights."""
        return self.path.with_suffix(".png")


def read_description(path: Path) -> ModelDescription:
    """The description in a safetensors header, without reading the weights.

    Raises ModelError, in one sentence, for files that are missing, cut off, damaged, or not ours.
    """
    if is_special(path):  # opening it would wait for ever
        raise ModelError("{path} can't be read: it is no file but a pipe or a device.", path=path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            if not 2 <= length <= min(LARGEST_HEADER, size - 8):
                raise ModelError("{name} is not a weights file, or it is cut off.", name=path.name)
            header = json.loads(file.read(length))
    except OSError as error:
        raise ModelError(
            "{path} can't be read: {error}.", path=path, error=error.strerror or error
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(
            "{name} is not a weights file (its header is damaged).", name=path.name
        ) from error
    if not isinstance(header, dict):
        raise ModelError("{name} is not a weights file (its header is damaged).", name=path.name)
    metadata = header.pop("__metadata__", None)
    try:
        end = max(int(tensor["data_offsets"][1]) for tensor in header.values())
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        raise ModelError(
            "{name} is not a weights file (its header is damaged).", name=path.name
        ) from error
    if end != size - 8 - length:
        raise ModelError(
            "{name} is cut off or has something behind it; get it again.", name=path.name
        )
    if not isinstance(metadata, dict) or not isinstance(metadata.get(HEADER_KEY), str):
        raise ModelError(
            "{name} holds weights, but not of an occupancy network made by this project.",
            name=path.name,
        )
    return ModelDescription.from_json(metadata[HEADER_KEY])


def user_models() -> Path:
    """The folder of the user's own models, whether it is there or not.

    Training puts weights there, and everything that lists models looks there. It is where the
    system keeps users' data, unless the variable ONET_MODELS names another place.
    """
    named = os.environ.get(USER_FOLDER_VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "onet" / "models"


def list_models(folders: Sequence[Path] = (), *, shipped_only: bool = False) -> list[ModelEntry]:
    """The models that ship, then those of `folders` and of `user_models()`, by file name.

    A file that can't be used is listed with its error. A name counts once: the first one wins.
    shipped_only: leaves out all but the first, which lie on a disk that is there.
    """
    entries: dict[str, ModelEntry] = {}
    for folder in (PRETRAINED,) if shipped_only else (PRETRAINED, *folders, user_models()):
        for path in _weights_in(folder):
            if path.stem in entries:
                continue
            try:
                entries[path.stem] = ModelEntry(path.stem, path, read_description(path))
            except ModelError as error:
                entries[path.stem] = ModelEntry(path.stem, path, None, error.sentence)
    return list(entries.values())


def _weights_in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.safetensors"))
    except (OSError, ValueError):  # no folder, or one that can't be read
        return []


def find_model(
    name_or_path: str | Path, input_kind: str | None = None, folders: Sequence[Path] = ()
) -> ModelEntry:
    """The model of that name, or the weights file of that path.

    input_kind: what it must read. Raises ModelError where there is none, or it reads another kind.
    """
    path = Path(name_or_path)
    if path.suffix.lower() in (".pt", ".pth"):
        if not path.is_file():
            raise ModelError("There is no weights file {path}.", path=path)
        return ModelEntry(path.stem, path, None)
    if path.suffix.lower() == ".safetensors" or path.parent != Path():
        entry = ModelEntry(path.stem, path, read_description(path))
    else:
        entries = list_models(folders)
        found = [entry for entry in entries if entry.name == str(name_or_path)]
        if not found:
            names = ", ".join(entry.name for entry in entries)
            raise ModelError(
                "There is no model {name!r}; there are: {names}.",
                name=str(name_or_path),
                names=names or Sentence("none"),
            )
        (entry,) = found
    if entry.description is None:
        raise ModelError(entry.error)
    if input_kind is not None and entry.description.input_kind != input_kind:
        suited = [
            other.name
            for other in list_models(folders)
            if other.description is not None and other.description.input_kind == input_kind
        ]
        raise ModelError(
            "The model {name!r} works on {own_kind!r}, not on {kind!r}; suited are: {names}.",
            name=entry.name,
            own_kind=entry.description.input_kind,
            kind=input_kind,
            names=", ".join(suited) or Sentence("none"),
        )
    return entry


def default_model(input_kind: str, folders: Sequence[Path] = ()) -> ModelEntry:
    """The model that is taken for an input kind where none is named.

    The shipped default, else the first model of that kind. Raises ModelError where there is none,
    or where the default is there but can't be used.
    """
    entries = list_models(folders)
    for entry in entries:
        if entry.name == DEFAULTS.get(input_kind) and entry.description is None:
            raise ModelError(entry.error)
    usable = [
        entry
        for entry in entries
        if entry.description is not None and entry.description.input_kind == input_kind
    ]
    preferred = [entry for entry in usable if entry.name == DEFAULTS.get(input_kind)]
    if not usable:
        raise ModelError(
            "There is no model for inputs of kind {kind!r}; install one.",
            kind=input_kind,
        )
    return (preferred or usable)[0]
