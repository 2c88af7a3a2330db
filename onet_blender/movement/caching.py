"""Keyed shape keys to a mesh cache: a file beside the scene that Blender and others play."""

from __future__ import annotations

import math
import struct
from contextlib import suppress
from pathlib import Path

import bpy
import numpy as np

from onet_core.errors import InputError, OnetError
from onet_core.mesh.files import replacing

from ..morph.baking import curves_of
from ..scene.scene_io import column

ENDING = ".pc2"
_HEAD, _VERSION = b"POINTCACHE2", 1


def moves(item: bpy.types.Object | None) -> bool:
    """Whether an object is a mesh whose shape keys have animation curves."""
    if item is None or item.type != "MESH" or item.data.shape_keys is None:
        return False
    data = item.data.shape_keys.animation_data
    return data is not None and data.action is not None


def to_cache(item: bpy.types.Object, path: Path) -> int:
    """Writes where an object's vertices are at each frame of its shape keys' curves, as PC2.

    The shape keys are replaced by a Mesh Cache modifier that plays the file. Returns how many
    frames were written. Raises OnetError where it has no such curves or the file can't be written;
    then nothing is changed.
    """
    if not moves(item):
        raise InputError("{name} has no shape keys that move.", name=item.name)
    mesh, curves = item.data, curves_of(item.data.shape_keys)
    reaches = [tuple(curve.range()) for curve in curves]
    start = math.floor(min(first for first, _ in reaches))
    end = math.ceil(max(last for _, last in reaches))
    blocks = list(mesh.shape_keys.key_blocks)
    rest = column(blocks[0].data, "co", 3, np.float32)
    moved = {
        block.path_from_id("value"): column(block.data, "co", 3, np.float32)
        - column(block.relative_key.data, "co", 3, np.float32)
        for block in blocks[1:]
        if not block.mute
    }
    keyed = {curve.data_path: curve for curve in curves}
    values = {block.path_from_id("value"): float(block.value) for block in blocks[1:]}
    count = end - start + 1
    try:
        with replacing(path) as file:
            file.write(struct.pack("<12siiffi", _HEAD, _VERSION, len(rest), start, 1.0, count))
            for frame in range(start, end + 1):
                places = rest.copy()
                for name, move in moved.items():
                    value = keyed[name].evaluate(frame) if name in keyed else values[name]
                    if value:
                        places += np.float32(value) * move
                file.write(places.astype("<f4").tobytes())
    except OSError as error:
        raise OnetError(
            "Could not write {path}: {reason}.", path=path, reason=error.strerror or error
        ) from error
    item.shape_key_clear()
    mesh.vertices.foreach_set("co", rest.ravel())
    mesh.update()
    cache = item.modifiers.new("Movement", "MESH_CACHE")
    # First, as shape keys come before all modifiers.
    item.modifiers.move(len(item.modifiers) - 1, 0)
    cache.cache_format, cache.frame_start = "PC2", start
    cache.filepath = _kept(path)
    return count


def _kept(path: Path) -> str:
    """A file as a scene names it: from where that was saved, if both are on one drive."""
    if bpy.data.filepath:
        with suppress(ValueError):
            return str(bpy.path.relpath(str(path)))
    return str(path)
