"""MagicaVoxel's .vox: all models at their places, with the palette's colours. z is up.

Written from the format's description (ephtracy/voxel-model).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Damage, InputError
from ..content import Content
from ..limits import MOST_CELLS, bounded, read_bytes, reason_of
from ..volumes import VoxelGrid

# Where a file has no palette the colours do not matter: grey.
_GREY = 192
_MOST_PLACED, _MOST_CHUNKS = 20_000_000, 300_000


def read(path: Path, kind: str) -> Content:
    """The models of a file that are shown, as one grid, a cell one unit wide."""
    try:
        return Content(grid=_grid(read_bytes(path), path.name))
    except (struct.error, ValueError, KeyError, IndexError, OverflowError) as error:
        raise InputError(
            "{name} is damaged or not a MagicaVoxel file: {reason}.", name=path.name,
            reason=reason_of(error),
        ) from error  # fmt: skip


def _grid(content: bytes, name: str) -> VoxelGrid:
    if not content.startswith(b"VOX "):
        raise Damage("it does not begin with VOX")
    sizes, models, nodes, hidden = [], [], {}, set()
    palette: NDArray[np.uint8] | None = None
    for number, (chunk, body) in enumerate(_chunks(content, 8)):
        bounded(name, "chunks", number + 1, _MOST_CHUNKS)
        if chunk == b"SIZE":
            sizes.append(struct.unpack_from("<3i", body))
        elif chunk == b"XYZI":
            count = struct.unpack_from("<I", body)[0]
            if 4 * count > len(body) - 4:
                raise Damage("it ends in the middle of its voxels")
            models.append(np.frombuffer(body, np.uint8, 4 * count, 4).reshape(-1, 4))
        elif chunk == b"RGBA":
            palette = np.frombuffer(body, np.uint8, 1024).reshape(256, 4)[:, :3]
        elif chunk in (b"nTRN", b"nGRP", b"nSHP"):
            place, node = _node(chunk, body)
            nodes[place] = node
        elif chunk == b"LAYR":
            layer = struct.unpack_from("<i", body)[0]
            if _dictionary(body, 4)[0].get("_hidden") == "1":
                hidden.add(layer)
    if not models:
        raise Damage("it has no voxels")
    placed = list(_placed(nodes, hidden, len(models)))
    total = bounded(name, "voxels", sum(len(models[model]) for model, _, _ in placed), _MOST_PLACED)
    if not total:
        raise Damage("it has no voxels")
    places, shades = [], []
    for model, turn, shift in placed:
        cells = models[model]
        # The middle of a model is what is placed and turned.
        middle = np.array(sizes[model] if model < len(sizes) else (0, 0, 0)) // 2
        offset = 0.5 if nodes else 0.0
        moved = (cells[:, :3].astype(np.float64) + offset - (middle if nodes else 0)) @ turn.T
        places.append(np.floor(moved + shift).astype(np.int64))
        shades.append(cells[:, 3])
    joined, shade = np.concatenate(places), np.concatenate(shades)
    low = joined.min(0)
    extent = np.ptp(joined, axis=0) + 1
    bounded(name, "cells", int(np.prod(extent, dtype=object)), MOST_CELLS)
    numbers = np.ravel_multi_index(tuple((joined - low).T), tuple(extent))
    numbers, first = np.unique(numbers, return_index=True)
    occupied = np.zeros(extent, dtype=bool)
    occupied.reshape(-1)[numbers] = True
    colours = np.full((len(numbers), 3), _GREY, dtype=np.uint8)
    if palette is not None:
        colours = palette[shade[first].astype(np.int64) - 1]
    return VoxelGrid(occupied, low.astype(np.float64), 1.0, colours)


def _chunks(content: bytes, place: int) -> Iterator[tuple[bytes, bytes]]:
    """All chunks, those inside MAIN included."""
    while place + 12 <= len(content):
        name, size, _ = struct.unpack_from("<4sII", content, place)
        body = content[place + 12 : place + 12 + size]
        if len(body) < size:
            raise Damage("it is cut off")
        yield name, body
        # The children of MAIN follow it directly.
        place += 12 + size


def _node(chunk: bytes, body: bytes) -> tuple[int, dict[str, Any]]:
    """A node of the scene: its number, its children or models, and of transforms where it is."""
    number = struct.unpack_from("<i", body)[0]
    entries, place = _dictionary(body, 4)
    is_hidden = entries.get("_hidden") == "1"
    if chunk == b"nTRN":
        child, _, layer, frames = struct.unpack_from("<4i", body, place)
        frame, _ = _dictionary(body, place + 16) if frames > 0 else ({}, 0)
        shift = np.array([float(word) for word in frame.get("_t", "0 0 0").split()])
        turn = _turn(int(frame["_r"])) if "_r" in frame else np.eye(3)
        found = {"children": [child], "turn": turn, "shift": shift, "layer": layer}
        return number, {**found, "is_hidden": is_hidden}
    count = struct.unpack_from("<i", body, place)[0]
    if not 0 <= count <= len(body):
        raise Damage("a node has an impossible number of children")
    if chunk == b"nGRP":
        children = list(struct.unpack_from(f"<{count}i", body, place + 4))
        return number, {"children": children, "is_hidden": is_hidden}
    # Several models are the frames of an animation: the first is what is seen.
    models = [struct.unpack_from("<i", body, place + 4)[0]] if count else []
    return number, {"models": models, "is_hidden": is_hidden}


def _dictionary(body: bytes, place: int) -> tuple[dict[str, str], int]:
    count = struct.unpack_from("<i", body, place)[0]
    if not 0 <= count <= len(body):
        raise Damage("a node has an impossible number of entries")
    words, place = [], place + 4
    for _ in range(2 * count):
        size = struct.unpack_from("<i", body, place)[0]
        if size < 0:
            raise Damage("a text has a negative length")
        words.append(body[place + 4 : place + 4 + size].decode("latin-1"))
        place += 4 + size
    return dict(zip(words[::2], words[1::2], strict=True)), place


def _turn(bits: int) -> NDArray[np.float64]:
    """A turn packed into a byte: the columns of the entries of two rows, and three signs."""
    first, second = bits & 3, bits >> 2 & 3
    if first > 2 or second > 2 or first == second:
        raise Damage("a rotation is not valid")
    matrix = np.zeros((3, 3))
    for row, column in enumerate((first, second, 3 - first - second)):
        matrix[row, column] = -1 if bits >> (4 + row) & 1 else 1
    return matrix


def _placed(
    nodes: dict[int, dict[str, Any]], hidden: set[int], count: int
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Every model that is shown with its turn (3, 3) and shift (3,).

    hidden: layers that are not shown. Without a scene all models are as they are.
    """
    if not nodes:
        for model in range(count):
            yield model, np.eye(3), np.zeros(3)
        return
    waiting = [(0, np.eye(3), np.zeros(3))]
    visits = 0
    while waiting:
        number, turn, shift = waiting.pop()
        visits += 1
        if visits + len(waiting) > 200_000:
            raise Damage("its scene goes round in circles")
        node = nodes[number]
        if node["is_hidden"] or node.get("layer", -1) in hidden:
            continue
        if "turn" in node:
            shift = turn @ node["shift"] + shift
            turn = turn @ node["turn"]
        for model in node.get("models", ()):
            if not 0 <= model < count:
                raise Damage("a node names a model that is not there")
            yield model, turn, shift
        waiting += [(child, turn, shift) for child in node.get("children", ())]
