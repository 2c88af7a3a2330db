"""Datablocks that are found again after a while, under another name too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

from onet_core.errors import InputError

OBJECT, SCENE = "OBJECT", "SCENE"

Known = Mapping[tuple[str, str], int]
"""By type and name what Blender tells datablocks apart by, as long as a file is open."""


def known_by(*blocks: bpy.types.ID | None) -> Known:
    """Which datablocks stand for their names at the moment; for `object_now` and `scene_now`."""
    return {(block.id_type, block.name): block.session_uid for block in blocks if block is not None}


def object_now(name: str, known: Known) -> bpy.types.Object | None:
    """The object that had this name; None where it is gone, or where the name is empty."""
    return _found(bpy.data.objects, name, known.get((OBJECT, name)))


def scene_now(name: str, known: Known) -> bpy.types.Scene | None:
    """The scene that had this name; None where it is gone."""
    return _found(bpy.data.scenes, name, known.get((SCENE, name)))


def scene_of(name: str, known: Known | None = None) -> bpy.types.Scene:
    """The scene that has that name, or had it when it became known, to put objects into.

    Raises InputError where it is gone or belongs to another file.
    """
    scene = scene_now(name, known or {})
    if scene is None:
        raise InputError(
            "The scene {name} is gone: there is no place for what was made.", name=name
        )
    if not scene.is_editable:
        raise InputError(
            "The scene {name} is linked from another file: choose one of this file.", name=name
        )
    return scene


def _found(blocks: Any, name: str, uid: int | None) -> Any:
    named = blocks.get(name) if name else None
    if uid is None or (named is not None and named.session_uid == uid):
        return named
    return next((block for block in blocks if block.session_uid == uid), None)
