"""The models on disk, as the items of a menu. Reads the files' headers only."""

from __future__ import annotations

import time
import zlib

from onet_core.models.catalogue import ModelEntry, list_models
from onet_core.models.description import ModelDescription

from .runtime import runtime

AUTOMATIC = "AUTO"
NETWORK_KINDS = {"IMAGE": "image", "POINTS": "points", "VOXELS": "voxels", "NONE": "none"}
SECONDS_BETWEEN_LISTINGS = 2.0

# identifier, name, description, icon, number
Item = tuple[str, str, str, str, int]

_listing: tuple[float, list[ModelEntry]] = (float("-inf"), [])
# Blender keeps no reference to the strings of dynamic items: these must stay alive.
_items: dict[str, list[Item]] = {}


def listed_models() -> list[ModelEntry]:
    """The shipped models and those of the user's folder, looked up at most every two seconds."""
    global _listing
    when, entries = _listing
    if time.monotonic() - when > SECONDS_BETWEEN_LISTINGS:
        entries = list_models(runtime().folders)
        _listing = (time.monotonic(), entries)
    return entries


def forget_listing() -> None:
    """Has the next call look at the disk again, for example after a change of the folder."""
    global _listing
    _listing = (float("-inf"), [])


def model_items(kind: str) -> list[Item]:
    """The models that read inputs of this kind (IMAGE, POINTS, VOXELS, or NONE for generators)."""
    items: list[Item] = [
        (AUTOMATIC, "Automatic", "The model that suits this kind of input best", "NONE", 0)
    ]
    for entry in listed_models():
        described = entry.description
        if described is not None and described.input_kind == NETWORK_KINDS[kind]:
            title = described.title or entry.name
            about = about_model(described)
            items.append((entry.name, title, about, "NONE", stable_number(entry.name)))
    _items[kind] = items
    return items


def about_model(described: ModelDescription) -> str:
    """What a model learned from, and the licence of its weights."""
    known = ", ".join(described.categories) or "anything"
    return f"Learned from: {known}. Licence: {described.licence or 'unknown'}"


def about_listed(name: str) -> str:
    """`about_model` of a model by its name, empty where it is not listed."""
    described = [entry.description for entry in listed_models() if entry.name == name]
    return about_model(described[0]) if described and described[0] is not None else ""


def stable_number(name: str) -> int:
    """What a .blend file stores for a model: the same wherever and beside whatever it lies."""
    return 1 + zlib.crc32(name.encode()) % (2**31 - 1)
