"""What a user who trains on meshes of their own asks for, held against what can be done.

Loads neither PyTorch nor Lightning: mistakes show at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from onet_core.errors import InputError, OnetError
from onet_core.files import scratch_name
from onet_core.models.catalogue import PRETRAINED, default_model, find_model, user_models
from onet_core.models.description import ModelDescription
from onet_core.settings import Settings

from ...data.build.source import find_meshes
from .split import assigned

MINUTES = 60.0


@dataclass(frozen=True)
class Wish:
    """What the user asked for.

    input_kind: as a model description names it.
    minutes, steps: how long to train, one of them.
    initial: a model's name or file to begin from, "none" for a fresh network, "" for the shipped
        model of that kind where there is one.
    workers: processes that build and load.
    licence: of the meshes, "" for not known.
    resolution: of the meshes that choose and measure; Blender's own if not given.
    views: pictures per mesh, for networks that read pictures.
    """

    source: Path
    input_kind: str
    name: str
    minutes: float = MINUTES
    steps: int | None = None
    initial: str = ""
    up_axis: str = "auto"
    workers: int = 1
    licence: str = ""
    resolution: int = Settings.resolution
    views: int = 24
    points: int = 100_000

    @property
    def key(self) -> str:
        """The name as file names and menus have it."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")


def initial_model(wish: Wish) -> tuple[Path, ModelDescription] | None:
    """The model to begin from, or None. Raises ModelError where it can't be used."""
    if wish.initial == "none":
        return None
    if wish.initial:
        entry = find_model(wish.initial, wish.input_kind)
    else:
        try:
            entry = default_model(wish.input_kind)
        except OnetError:
            return None
    return (entry.path, entry.description) if entry.description is not None else None


def checked(wish: Wish, work: Path) -> tuple[tuple[Path, ModelDescription] | None, Path]:
    """The model to begin from, and the file that the weights will go to.

    Makes the folders of both. Raises OnetError where the wish can't be fulfilled, before hours have
    passed.
    """
    if not wish.key:
        raise InputError(f"The name {wish.name!r} has no letter or digit to make a file name of.")
    if (PRETRAINED / f"{wish.key}.safetensors").exists():
        raise InputError(
            f"The name {wish.name!r} is that of a model that ships: choose another one."
        )
    if (wish.steps is not None and wish.steps < 1) or wish.minutes <= 0:
        raise InputError("Training takes at least 1 step, or more than 0 minutes.")
    assigned((str(path) for path in find_meshes(wish.source)), {})  # too few is known at once
    begun = initial_model(wish)
    target = user_models() / f"{wish.key}.safetensors"
    if target.is_dir():
        raise InputError(f"{target} is a folder: choose another name, or remove it.")
    for folder in (work, target.parent):
        assert_writable(folder)
    return begun, target


def assert_writable(folder: Path) -> None:
    """Makes the folder where it is missing; raises OnetError where no file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = folder / scratch_name()
        try:
            scratch.write_bytes(b"\0")
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise OnetError(
            f"Nothing can be written to the folder {folder}: {error.strerror or error}. "
            "--work names another place for dataset and run, ONET_MODELS one for the result."
        ) from error
