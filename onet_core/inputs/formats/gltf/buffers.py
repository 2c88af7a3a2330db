"""The document of a glTF file and the numbers in its buffers, which may be in files beside it."""

from __future__ import annotations

import base64
import json
import os
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from ....errors import Damage, InputError
from ...limits import MOST_UNPACKED, bounded, read_bytes

_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
# Of zeros that no buffer holds, as a file may claim them for what is replaced later.
_MOST_ZEROS = 1_000_000
_MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")

Json = dict[str, Any]


def _document_and_binary(content: bytes) -> tuple[bytes, bytes]:
    """The JSON of a .gltf or .glb, and the first binary chunk, empty where there is none."""
    if not content.startswith(b"glTF"):
        return content, b""
    _, version, _ = struct.unpack_from("<4sII", content)
    if version != 2:
        raise Damage("it is of version {version}, not 2", version=version)
    place, document, binary = 12, b"", b""
    while place + 8 <= len(content):
        length, chunk = struct.unpack_from("<I4s", content, place)
        body = content[place + 8 : place + 8 + length]
        if len(body) < length:
            raise Damage("it is cut off")
        if chunk == b"JSON":
            document = body
        elif chunk == b"BIN\0" and not binary:
            binary = body
        place += 8 + length
    return document, binary


class Buffers:
    """The document and buffers of a file.

    document: its JSON.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._name = path, path.name
        document, self._binary = _document_and_binary(read_bytes(path))
        self.document: Json = json.loads(document.decode("utf-8-sig"))
        if not isinstance(self.document, dict):
            raise Damage("it is no object")
        version = str(self.document.get("asset", {}).get("version", "2.0"))
        if not version.startswith("2"):
            raise Damage("it is of version {version}, not 2", version=version[:20])
        self._buffers: dict[int, bytes] = {}

    def accessor(self, number: int) -> NDArray[np.float64]:
        """The values (N, width) of an accessor, normalised where it says so."""
        if number < 0:
            raise Damage("an accessor has a negative number")
        accessor = self.document["accessors"][number]
        kind, width = np.dtype(_TYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        count = int(accessor["count"])
        bounded(self._name, "bytes", count * width * 8, MOST_UNPACKED)
        values: NDArray[Any]
        if "bufferView" in accessor:
            start = int(accessor.get("byteOffset", 0))
            values = self._strided(accessor["bufferView"], start, count, kind, width)
        else:
            values = np.zeros((bounded(self._name, "zeros", count, _MOST_ZEROS), width), kind)
        if "sparse" in accessor:
            values = self._with_sparse(values, accessor["sparse"], kind)
        if not accessor.get("normalized") or kind.kind == "f":
            return values.astype(np.float64)
        return np.maximum(values.astype(np.float64) / np.iinfo(kind).max, -1)

    def _with_sparse(self, values: NDArray[Any], sparse: Json, kind: np.dtype) -> NDArray[Any]:
        changed, count = np.array(values), int(sparse["count"])
        bounded(self._name, "values", count, len(values))
        indices, replaced = sparse["indices"], sparse["values"]
        where = self._strided(
            indices["bufferView"], int(indices.get("byteOffset", 0)), count,
            np.dtype(_TYPES[indices["componentType"]]), 1,
        )  # fmt: skip
        start = int(replaced.get("byteOffset", 0))
        changed[where.reshape(-1).astype(np.int64)] = self._strided(
            replaced["bufferView"], start, count, kind, values.shape[1]
        )
        return changed

    def _strided(
        self, view: int, start: int, count: int, kind: np.dtype, width: int
    ) -> NDArray[Any]:
        content = self.view(view)
        stride = (
            int(self.document["bufferViews"][view].get("byteStride", 0)) or kind.itemsize * width
        )
        needed = start + stride * (count - 1) + kind.itemsize * width if count else 0
        if start < 0 or stride < kind.itemsize * width or needed > len(content):
            raise Damage("an accessor reaches beyond its buffer")
        return np.ndarray((count, width), kind, content, start, (stride, kind.itemsize))

    def view(self, number: int) -> bytes:
        if number < 0:
            raise Damage("a view has a negative number")
        view = self.document["bufferViews"][number]
        packed = [extension for extension in _MESHOPT if extension in view.get("extensions", {})]
        if packed:
            raise InputError(
                "{name} is compressed by {extension}, which is not read: save it without.",
                name=self._name, extension=packed[0],
            )  # fmt: skip
        start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        content = self.buffer(int(view["buffer"]))
        if start < 0 or length < 0 or start + length > len(content):
            raise Damage("a view reaches beyond its buffer")
        return memoryview(content)[start : start + length]  # type: ignore[return-value]

    def buffer(self, number: int) -> bytes:
        """All bytes of a buffer."""
        if number not in self._buffers:
            uri = self.document["buffers"][number].get("uri")
            self._buffers[number] = self._binary if uri is None else self._external(str(uri))
        return self._buffers[number]

    def _external(self, uri: str) -> bytes:
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2])
        # As written, without its percent signs, and with the slashes of other systems.
        for written in (uri, unquote(uri), unquote(uri).replace("\\", "/")):
            inner = Path(written)
            if ":" in uri or inner.is_absolute() or ".." in inner.parts or "\0" in written:
                break
            if os.path.lexists(self._path.parent / inner):
                return read_bytes(self._path.parent / inner)
        raise InputError(
            "{name} names the file {uri}, which is not beside it.", name=self._name, uri=uri[:80]
        )
