"""The file of a pack: many meshes, compressed; reading it needs nothing but NumPy."""

from __future__ import annotations

import itertools
import json
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FIELDS = ("id", "category", "split", "source", "group", "method")


@dataclass(frozen=True, eq=False)
class PackedShape:
    """A shape of a packed file.

    vertices: (V, 3) uint16, 0 to 65535 along the longest edge.
    faces: (F, 3) int64, outwards as the source has them.
    colours: (F, 3) uint8 sRGB.
    row: a text for each of FIELDS.
    """

    vertices: NDArray[np.uint16]
    faces: NDArray[np.int64]
    colours: NDArray[np.uint8]
    row: dict[str, str]


def encode(shapes: Iterable[PackedShape]) -> bytes:
    """Shapes as the bytes of a pack. Faces and vertices change their order, colours lose 3 bits."""
    vertices, faces, colours, palettes, rows, sizes = [], [], [], [], [], []
    for shape in shapes:
        ordered = _ordered(shape)
        palette, index = np.unique(ordered.colours >> 3, axis=0, return_inverse=True)
        vertices.append(np.diff(ordered.vertices.astype(np.int64), axis=0, prepend=0))
        faces.append(_below_highest(ordered.faces))
        colours.append(index.reshape(-1))
        palettes.append(palette)
        rows.append([shape.row[field] for field in FIELDS])
        sizes.append((len(ordered.vertices), len(ordered.faces), len(palette)))
    parts = [
        np.array(sizes, dtype="<i8").tobytes(),
        json.dumps({"fields": FIELDS, "rows": rows}).encode(),
        _planes(_zigzag(np.concatenate(vertices)), 4),
        _planes(_zigzag(np.concatenate(faces)), 4),
        _planes(np.concatenate(colours)[:, None], 2),
        _planes(np.concatenate(palettes), 1),
    ]
    packed = [lzma.compress(part, preset=9) for part in parts]
    header = json.dumps({"pack": 1, "parts": [len(part) for part in packed]}).encode()
    return b"".join([len(header).to_bytes(4, "little"), header, *packed])


def read_pack(path: Path) -> list[PackedShape]:
    """The shapes of a pack.

    Raises ValueError where the file is none, OSError where it can't be read.
    """
    data = memoryview(path.read_bytes())
    try:
        start = 4 + int.from_bytes(data[:4], "little")
        header = json.loads(bytes(data[4:start]))
        ends = np.cumsum([start, *header["parts"]]).tolist()
        pieces = [data[low:high] for low, high in itertools.pairwise(ends)]
        with ThreadPool(len(pieces)) as threads:
            parts = threads.map(lzma.decompress, pieces)
        sizes = np.frombuffer(parts[0], dtype="<i8").reshape(-1, 3)
        text = json.loads(parts[1])
    except (lzma.LZMAError, json.JSONDecodeError, UnicodeDecodeError, KeyError) as error:
        raise ValueError(f"{path} is no pack of shapes: {error}") from error
    deltas = _unzigzag(_columns(parts[2], 3, 4))
    codes = _unzigzag(_columns(parts[3], 3, 4))
    index = _columns(parts[4], 1, 2)[:, 0]
    palette = _columns(parts[5], 3, 1)
    shapes = []
    v, f, c = 0, 0, 0
    for row, (vertices, faces, colours) in zip(text["rows"], sizes.tolist(), strict=True):
        paint = palette[c : c + colours][index[f : f + faces]].astype(np.uint8)
        shapes.append(
            PackedShape(
                deltas[v : v + vertices].cumsum(axis=0).astype(np.uint16),
                _from_below_highest(codes[f : f + faces]),
                ((paint << 3) | (paint >> 2)).astype(np.uint8),
                dict(zip(text["fields"], row, strict=True)),
            )
        )
        v, f, c = v + vertices, f + faces, c + colours
    return shapes


def _ordered(shape: PackedShape) -> PackedShape:
    """The same mesh, each face next to its neighbours and vertices in order of first use.

    Differences between what follows each other are then small.
    """
    corners = shape.vertices[shape.faces].astype(np.int64)
    order = _along_edges(shape.faces, _morton(corners.sum(axis=1) // 3))
    faces = shape.faces[order]
    used, first, index = np.unique(faces.reshape(-1), return_index=True, return_inverse=True)
    rank = np.empty(len(used), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(used))
    faces = rank[index].reshape(-1, 3)
    # Each face from its newest corner on, so that the other two are known most of the time.
    turn = faces.argmax(axis=1)
    faces = np.take_along_axis(faces, (turn[:, None] + np.arange(3)) % 3, axis=1)
    vertices = shape.vertices[used[np.argsort(first)]]
    return PackedShape(vertices, faces, shape.colours[order], shape.row)


def _along_edges(faces: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order of faces in which most share an edge with the one before: (F,).

    codes: (F,), in whose order connected parts begin.
    """
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1), axis=-1)
    keys = (edges[..., 0] * (faces.max() + 1) + edges[..., 1]).reshape(-1)
    by_key = np.argsort(keys, kind="stable")
    same = keys[by_key[1:]] == keys[by_key[:-1]]
    partner = np.full(len(keys), -1)
    partner[by_key[1:][same]] = by_key[:-1][same] // 3
    partner[by_key[:-1][same]] = by_key[1:][same] // 3
    neighbours = partner.reshape(-1, 3).tolist()
    done = bytearray(len(faces))
    order: list[int] = []
    for start in np.argsort(codes, kind="stable").tolist():
        stack = [start]
        while stack:
            face = stack.pop()
            if face >= 0 and not done[face]:
                done[face] = 1
                order.append(face)
                stack.extend(neighbours[face])
    return np.array(order)


def _morton(points: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places (N, 3) of 16 bits along a curve that keeps neighbours together: (N,)."""
    codes = np.zeros(len(points), dtype=np.int64)
    for bit in range(16):
        for axis in range(3):
            codes |= ((points[:, axis] >> bit) & 1) << (3 * bit + axis)
    return codes


def _below_highest(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Corners (F, 3) as how far each is below the next new number, after all corners before it."""
    flat = faces.reshape(-1)
    highest = np.maximum.accumulate(np.concatenate([[-1], flat[:-1]]))
    return (highest + 1 - flat).reshape(-1, 3)


def _from_below_highest(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Undoes `_below_highest`: a code of 0 or less is a new highest number."""
    flat = codes.reshape(-1)
    growth = np.where(flat <= 0, 1 - flat, 0)
    highest = growth.cumsum() - growth - 1
    return (highest + 1 - flat).reshape(-1, 3)


def _zigzag(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Small numbers of both signs -> small numbers from 0 on."""
    return np.where(values < 0, -2 * values - 1, 2 * values)


def _unzigzag(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return (values >> 1) ^ -(values & 1)


def _planes(values: NDArray[np.integer], size: int) -> bytes:
    """Columns (N, C) one after the other, each as all its low bytes, then the next, and so on."""
    columns = np.ascontiguousarray(values.T).astype(f"<u{size}")
    split = columns.view(np.uint8).reshape(len(columns), -1, size)
    return np.ascontiguousarray(split.transpose(0, 2, 1)).tobytes()


def _columns(data: bytes, count: int, size: int) -> NDArray[np.int64]:
    """Undoes `_planes`: (N, count)."""
    split = np.frombuffer(data, dtype=np.uint8).reshape(count, size, -1)
    columns = np.ascontiguousarray(split.transpose(0, 2, 1)).view(f"<u{size}")[..., 0]
    return columns.T.astype(np.int64)
