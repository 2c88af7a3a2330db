"""Moving meshes in files: a .glb with morph targets that plays, or numbered meshes."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inputs.frame import network_to_up
from ..mesh.files import replacing
from ..mesh.mesh import Mesh

_FLOAT, _UNSIGNED = 5126, 5125
_VERTICES, _CORNERS = 34962, 34963


def write_moving_glb(
    mesh: Mesh,
    moves: NDArray[np.floating],
    seconds: Sequence[float],
    path: Path,
    up_axis: str = "z",
) -> None:
    """Writes a mesh with a morph target for each frame, and keys that play them.

    moves: (T, V, 3) from the mesh's vertices; seconds: (T,) when. glTF is y-up, see
    `mesh.files.write_mesh`. Places are single precision, about the mesh's middle, where a node is.
    Raises OnetError for a folder that can't be written.
    """
    turn = np.eye(3)
    if up_axis != "y":
        turn = np.diag([-1.0, 1.0, -1.0]) @ network_to_up(up_axis).T
    vertices = np.asarray(mesh.vertices, dtype=np.float64) @ turn.T
    middle = (vertices.min(0) + vertices.max(0)) / 2
    parts = _Parts()
    primitive: dict[str, Any] = {
        "attributes": {"POSITION": parts.add((vertices - middle).astype("<f4"), _VERTICES, True)},
        "indices": parts.add(np.asarray(mesh.faces, dtype="<u4").ravel(), _CORNERS),
        "targets": [
            {"POSITION": parts.add((move @ turn.T).astype("<f4"), _VERTICES, True)}
            for move in moves
        ],
    }
    times = parts.add(np.asarray(seconds, dtype="<f4"), None, True)
    # At its own time a target counts in full, at the others not at all.
    weights = parts.add(np.eye(len(moves), dtype="<f4").ravel())
    document = {
        "asset": {"version": "2.0", "generator": "ONet"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": middle.tolist()}],
        "meshes": [{"primitives": [primitive], "weights": [1.0] + [0.0] * (len(moves) - 1)}],
        "animations": [
            {
                "samplers": [{"input": times, "output": weights, "interpolation": "LINEAR"}],
                "channels": [{"sampler": 0, "target": {"node": 0, "path": "weights"}}],
            }
        ],
        **parts.described(),
    }
    text = json.dumps(document, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 4)
    body = parts.joined()
    with replacing(path) as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(body)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", len(body), b"BIN\0") + body)


class _Parts:
    """The arrays of a .glb, and what its document says about them."""

    def __init__(self) -> None:
        self._bytes: list[bytes] = []
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._size = 0

    def add(self, values: NDArray[Any], target: int | None = None, bounds: bool = False) -> int:
        """Adds an array (N,) or (N, 3); the number of its accessor. bounds: are stated too."""
        data = np.ascontiguousarray(values).tobytes()
        view = {"buffer": 0, "byteOffset": self._size, "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        accessor: dict[str, Any] = {
            "bufferView": len(self._views),
            "componentType": _UNSIGNED if values.dtype.kind == "u" else _FLOAT,
            "count": len(values),
            "type": "SCALAR" if values.ndim == 1 else "VEC3",
        }
        if bounds:
            rows = values.reshape(len(values), -1)
            accessor["min"], accessor["max"] = rows.min(0).tolist(), rows.max(0).tolist()
        self._views.append(view)
        self._accessors.append(accessor)
        self._bytes.append(data)
        self._size += len(data)
        return len(self._accessors) - 1

    def described(self) -> dict[str, Any]:
        """Buffers, views and accessors."""
        return {
            "buffers": [{"byteLength": self._size}],
            "bufferViews": self._views,
            "accessors": self._accessors,
        }

    def joined(self) -> bytes:
        """All of them; each is whole numbers of four bytes."""
        return b"".join(self._bytes)
