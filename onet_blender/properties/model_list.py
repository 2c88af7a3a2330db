"""The models on disk, as the items of a menu. Reads the files' headers only."""

from __future__ import annotations

import time
import zlib
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_iface

from onet_core.kinds import KINDS
from onet_core.models.catalogue import DEFAULTS, ModelEntry, list_models
from onet_core.models.description import ModelDescription

from ..pictures import thumbnails
from ..runtime.chosen import runtime
from ..scene.pieces import in_background

AUTOMATIC = "AUTO"
GENERATED = "NONE"
NETWORK_KINDS = {kind.identifier: kind.name for kind in KINDS if kind.default_model}
SECONDS_BETWEEN_LISTINGS = 2.0
# Once, for the first list; without a window nobody looks and scripts want all at once.
SECONDS_TO_WAIT, SECONDS_IN_BACKGROUND = 0.2, 5.0
# In the panel; the menu's tooltips name all.
MOST_CATEGORIES = 4

# identifier, name, description, icon, number
Item = tuple[str, str, str, int | str, int]

# Blender keeps no reference to the strings of dynamic items: these must stay alive.
_items: dict[str, list[Item]] = {}


class _Listing:
    """What is known of the models, looked up in a thread: a folder may lie on a slow share."""

    def __init__(self) -> None:
        self.entries: list[ModelEntry] | None = None
        self.looked_at = float("-inf")
        self._folders: tuple[Path, ...] = ()
        self._looking: Future[list[ModelEntry]] | None = None

    def look(self, folders: tuple[Path, ...]) -> None:
        """Begins to look, unless that goes on already; waits only where nothing is known yet."""
        if self._looking is None or folders != self._folders:
            self._looking, self._folders = in_background(partial(list_models, folders)), folders
        patience = SECONDS_TO_WAIT if self.entries is None else 0.0
        wait([self._looking], SECONDS_IN_BACKGROUND if bpy.app.background else patience)
        if self._looking.done():
            self.entries = self._looking.result()
            self._looking, self.looked_at = None, time.monotonic()


_listing = _Listing()


def listed_models() -> list[ModelEntry]:
    """The shipped models and those of the user's folder, looked up at most every two seconds.

    Does not wait for a disk that is slow: what is not known yet is listed when it is.
    """
    if time.monotonic() - _listing.looked_at > SECONDS_BETWEEN_LISTINGS:
        _listing.look(runtime().folders)
    return list_models((), shipped_only=True) if _listing.entries is None else _listing.entries


def forget_listing() -> None:
    """Has the next call look at the disk again, for example after a change of the folder."""
    global _listing
    _listing = _Listing()


def model_items(kind: str) -> list[Item]:
    """The models that read inputs of this kind (IMAGE, POINTS, VOXELS, or NONE for generators)."""
    icons: dict[str, int | str] = {"": "NONE"}
    items: list[Item] = []
    for entry in listed_models():
        described = entry.description
        if described is not None and described.input_kind == NETWORK_KINDS[kind]:
            title = described.title or entry.name
            about = about_model(described)
            icon = thumbnails.of_model(entry.picture) if kind == GENERATED else "NONE"
            items.append((entry.name, title, about, icon, stable_number(entry.name)))
            icons[entry.name] = icon
    about = "The model that suits this kind of input best"
    items.insert(0, (AUTOMATIC, "Automatic", about, icons[taken_automatically(kind)], 0))
    _items[kind] = items
    return items


def about_model(described: ModelDescription) -> str:
    """What a model learned from and fails at, and the licence of its weights."""
    known = ", ".join(described.categories) or "anything"
    fails = f"{described.limits} " if described.limits else ""
    return f"Learned from: {known}. {fails}Licence: {described.licence or 'unknown'}"


def about_chosen(kind: str, chosen: str) -> str:
    """What the panel says about the chosen model for this kind of input, translated.

    Of the licence only the name; the menu's tooltips have all of it. chosen: a model's name, or
    AUTOMATIC for the one that would be taken, which is then named. Empty where there is none.
    """
    wanted = taken_automatically(kind) if chosen == AUTOMATIC else chosen
    found = next((entry for entry in listed_models() if entry.name == wanted), None)
    if found is None or found.description is None:
        return ""
    described = found.description
    known = ", ".join(described.categories[:MOST_CATEGORIES]) or pgettext_iface("anything")
    more = len(described.categories) - MOST_CATEGORIES
    if more > 0:
        known = pgettext_iface("{some} and {count} more").format(some=known, count=more)
    message = pgettext_iface("Learned from: {known}. Licence: {licence}").format(
        known=known, licence=described.licence.partition(";")[0] or pgettext_iface("unknown")
    )
    if chosen == AUTOMATIC:
        title = described.title or found.name
        message = f"{pgettext_iface('Uses the model {model}').format(model=title)}. {message}"
    return message


def taken_automatically(kind: str) -> str:
    """The name of the model that the worker takes where none is chosen, empty for none."""
    wanted = NETWORK_KINDS[kind]
    names = [
        entry.name
        for entry in listed_models()
        if entry.description is not None and entry.description.input_kind == wanted
    ]
    return DEFAULTS[wanted] if DEFAULTS[wanted] in names else next(iter(names), "")


def stable_number(name: str) -> int:
    """What a .blend file stores for a model: the same wherever and beside whatever it lies."""
    return 1 + zlib.crc32(name.encode()) % (2**31 - 1)
