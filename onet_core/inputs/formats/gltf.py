"""glTF 2.0: .glb and .gltf, triangles and points, quantised, Draco-compressed and instanced.

Written from the specification (Khronos, glTF 2.0); Draco by the package DracoPy. No external file
is read but buffers beside the .gltf.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from ...colours import to_srgb
from ...errors import Damage, InputError
from ..content import Content, checked
from ..limits import MOST_UNPACKED, bounded, optional_package, read_bytes, reason_of

_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_POINTS, _TRIANGLES, _STRIP, _FAN = 0, 4, 5, 6
# Of all instances together: 10 million take 0.5 GB.
_MOST_VERTICES = 10_000_000
_MOST_NODES = 100_000
_MOST_PARTS = 20_000
# Of zeros that no buffer holds, as a file may claim them for what is replaced later.
_MOST_ZEROS = 1_000_000
_DRACO = "KHR_draco_mesh_compression"
_MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
_INSTANCES = "EXT_mesh_gpu_instancing"

Json = dict[str, Any]
# Vertices (V, 3), triangles (F, 3) and linear colours (V, 3) from 0 to 1 or None.
Part = tuple[NDArray[np.float64], NDArray[np.int64], "NDArray[np.float64] | None"]


def read(path: Path, kind: str) -> Content:
    """All parts of the scene in its coordinates, y up."""
    try:
        content = _File(path).content()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, struct.error,
            OverflowError, RecursionError, binascii.Error) as error:  # fmt: skip
        raise InputError(
            "{name} is damaged or not a glTF file: {reason}.",
            name=path.name,
            reason=reason_of(error),
        ) from error
    return checked(content, path.name)


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


class _File:
    """The document and buffers of a file."""

    def __init__(self, path: Path) -> None:
        self._path, self._name = path, path.name
        document, self._binary = _document_and_binary(read_bytes(path))
        self._json: Json = json.loads(document.decode("utf-8-sig"))
        if not isinstance(self._json, dict):
            raise Damage("it is no object")
        version = str(self._json.get("asset", {}).get("version", "2.0"))
        if not version.startswith("2"):
            raise Damage("it is of version {version}, not 2", version=version[:20])
        self._buffers: dict[int, bytes] = {}
        self._parts: dict[int, list[Part]] = {}

    def content(self) -> Content:
        """The scene's parts joined. Its triangles, or where it has none its points."""
        vertices, faces, colours = [], [], []
        total = 0
        places: dict[int, list[NDArray[np.float64]]] = {}
        for mesh, matrix in self._placed():
            places.setdefault(mesh, []).append(matrix)
        for mesh, listed in places.items():
            # All copies of a mesh at once: files may have thousands.
            # Instances at one place are one.
            matrices = np.stack(list({matrix.tobytes(): matrix for matrix in listed}.values()))
            is_mirror = np.linalg.det(matrices[:, :3, :3]) < 0
            for points, triangles, painted in self._mesh(mesh):
                first, count = total, len(points)
                total += bounded(self._name, "vertices", len(matrices) * count, _MOST_VERTICES)
                bounded(self._name, "vertices", total, _MOST_VERTICES)
                copies = np.einsum("kij,nj->kni", matrices[:, :3, :3], points)
                vertices.append((copies + matrices[:, None, :3, 3]).reshape(-1, 3))
                turned = np.where(is_mirror[:, None, None], triangles[:, ::-1], triangles)
                starts = first + count * np.arange(len(matrices))
                faces.append((turned + starts[:, None, None]).reshape(-1, 3))
                colours.append(None if painted is None else np.tile(painted, (len(matrices), 1)))
        if not vertices:
            raise InputError("{name} has no meshes.", name=self._name)
        painted_at_all = None
        if any(part is not None for part in colours):
            # Parts without colours are white where others have some.
            linear = [
                np.ones((len(points), 3)) if part is None else part
                for points, part in zip(vertices, colours, strict=True)
            ]
            srgb = to_srgb(np.clip(np.concatenate(linear), 0, 1))
            painted_at_all = np.round(srgb * 255).astype(np.uint8)
        return Content(np.concatenate(vertices), np.concatenate(faces), painted_at_all)

    def _placed(self) -> list[tuple[int, NDArray[np.float64]]]:
        """The meshes of the scene, each with its place (4, 4), once for every instance."""
        nodes: list[Json] = self._json.get("nodes", [])
        bounded(self._name, "nodes", len(nodes), _MOST_NODES)
        scenes = self._json.get("scenes")
        if scenes:
            roots = scenes[self._json.get("scene", 0)].get("nodes", [])
        else:
            inner = {child for node in nodes for child in node.get("children", ())}
            roots = [number for number in range(len(nodes)) if number not in inner]
        if not nodes:
            return [(mesh, np.eye(4)) for mesh in range(len(self._json.get("meshes", [])))]
        matrices = _places_of(nodes)
        placed: list[tuple[int, NDArray[np.float64]]] = []
        level = [int(number) for number in roots]
        seen: set[int] = set()
        while level:
            if len(set(level)) < len(level) or not seen.isdisjoint(level) or min(level) < 0:
                raise Damage("a node is below two others or below itself")
            seen.update(level)
            below = [(number, child) for number in level
                     for child in nodes[number].get("children", ())]  # fmt: skip
            if len({child for _, child in below}) < len(below):
                raise Damage("a node is below two others or below itself")
            if below:
                parents, children = np.array(below, dtype=np.int64).T
                matrices[children] = matrices[parents] @ matrices[children]
            for number in level:
                node = nodes[number]
                if "mesh" not in node:
                    continue
                instances = node.get("extensions", {}).get(_INSTANCES)
                if instances is None:
                    placed.append((int(node["mesh"]), matrices[number]))
                else:
                    copies = matrices[number] @ self._instances(instances["attributes"])
                    placed += [(int(node["mesh"]), copy) for copy in copies]
                bounded(self._name, "instances", len(placed), _MOST_NODES)
            level = [child for _, child in below]
        return placed

    def _instances(self, attributes: Json) -> NDArray[np.float64]:
        """The places (N, 4, 4) of the copies of a mesh."""
        read = {name: self._accessor(number) for name, number in attributes.items()
                if name in ("TRANSLATION", "ROTATION", "SCALE")}  # fmt: skip
        count = min((len(values) for values in read.values()), default=0)
        bounded(self._name, "instances", count, _MOST_NODES)
        given = {name: values[:count] for name, values in read.items()}
        return _matrices(
            given.get("TRANSLATION", np.zeros((count, 3))),
            given.get("ROTATION", np.tile([0.0, 0, 0, 1], (count, 1))),
            given.get("SCALE", np.ones((count, 3))),
        )

    def _mesh(self, number: int) -> list[Part]:
        if number < 0:
            raise Damage("a mesh has a negative number")
        if number not in self._parts:
            primitives = self._json["meshes"][number]["primitives"]
            bounded(self._name, "parts", len(primitives), _MOST_PARTS)
            parts, vertices = [], 0
            for primitive in primitives:
                part = self._primitive(primitive)
                if part is not None:
                    parts.append(part)
                    vertices = bounded(
                        self._name, "vertices", vertices + len(part[0]), _MOST_VERTICES
                    )
            self._parts[number] = parts
        return self._parts[number]

    def _primitive(self, primitive: Json) -> Part | None:
        """A part; None for lines."""
        mode = primitive.get("mode", _TRIANGLES)
        if mode not in (_POINTS, _TRIANGLES, _STRIP, _FAN):
            return None
        packed = primitive.get("extensions", {}).get(_DRACO)
        if packed is not None:
            return self._draco(packed)
        attributes = primitive["attributes"]
        points = self._accessor(attributes["POSITION"])
        colours = None
        if "COLOR_0" in attributes:
            colours = self._accessor(attributes["COLOR_0"])[:, :3]
        order = np.arange(len(points))
        if "indices" in primitive:
            order = self._accessor(primitive["indices"]).astype(np.int64).reshape(-1)
        if mode == _POINTS:
            return points, np.zeros((0, 3), dtype=np.int64), colours
        if mode == _TRIANGLES:
            faces = order[: len(order) // 3 * 3].reshape(-1, 3)
        elif mode == _STRIP:
            faces = np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
            faces[1::2] = faces[1::2, [1, 0, 2]]
        else:
            faces = np.stack([np.full(len(order) - 2, order[0]), order[1:-1], order[2:]], axis=1)
        if len(faces) and not 0 <= faces.min() <= faces.max() < len(points):
            raise Damage("faces point at vertices that are not there")
        return points, faces, colours

    def _draco(self, packed: Json) -> Part:
        library = optional_package("DracoPy", "DracoPy", self._name)
        content = self._view(packed["bufferView"])
        try:
            mesh = library.decode(bytes(content))
        except Exception as error:  # the library raises whatever a damaged stream makes it raise
            raise Damage("its Draco-compressed part is damaged") from error
        points = np.asarray(mesh.points, dtype=np.float64).reshape(-1, 3)
        found = getattr(mesh, "faces", None)
        faces = np.zeros((0, 3)) if found is None else np.asarray(found).reshape(-1, 3)
        colours = getattr(mesh, "colors", None)
        if colours is not None and "COLOR_0" in packed.get("attributes", {}):
            colours = np.asarray(colours)
            scale = np.iinfo(colours.dtype).max if colours.dtype.kind == "u" else 1
            colours = colours[:, :3].astype(np.float64) / scale
        else:
            colours = None
        return points, faces.astype(np.int64), colours

    def _accessor(self, number: int) -> NDArray[np.float64]:
        """The values (N, width) of an accessor, normalised where it says so."""
        if number < 0:
            raise Damage("an accessor has a negative number")
        accessor = self._json["accessors"][number]
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
        content = self._view(view)
        stride = int(self._json["bufferViews"][view].get("byteStride", 0)) or kind.itemsize * width
        needed = start + stride * (count - 1) + kind.itemsize * width if count else 0
        if start < 0 or stride < kind.itemsize * width or needed > len(content):
            raise Damage("an accessor reaches beyond its buffer")
        return np.ndarray((count, width), kind, content, start, (stride, kind.itemsize))

    def _view(self, number: int) -> bytes:
        if number < 0:
            raise Damage("a view has a negative number")
        view = self._json["bufferViews"][number]
        packed = [extension for extension in _MESHOPT if extension in view.get("extensions", {})]
        if packed:
            raise InputError(
                "{name} is compressed by {extension}, which is not read: save it without.",
                name=self._name, extension=packed[0],
            )  # fmt: skip
        start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        content = self._buffer(int(view["buffer"]))
        if start < 0 or length < 0 or start + length > len(content):
            raise Damage("a view reaches beyond its buffer")
        return memoryview(content)[start : start + length]  # type: ignore[return-value]

    def _buffer(self, number: int) -> bytes:
        if number not in self._buffers:
            uri = self._json["buffers"][number].get("uri")
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


def _places_of(nodes: list[Json]) -> NDArray[np.float64]:
    """The matrices (N, 4, 4) of nodes, by their matrix or by translation, rotation and scale."""

    def column(key: str, default: list[float]) -> NDArray[np.float64]:
        listed = [node.get(key, default) for node in nodes]
        return np.array(listed, dtype=np.float64).reshape(len(nodes), len(default))

    places = _matrices(
        column("translation", [0, 0, 0]), column("rotation", [0, 0, 0, 1]),
        column("scale", [1, 1, 1]),
    )  # fmt: skip
    for number, node in enumerate(nodes):
        if "matrix" in node:
            places[number] = np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    return places


def _matrices(
    translations: NDArray[np.float64],
    rotations: NDArray[np.float64],
    scales: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Matrices (N, 4, 4) of translations (N, 3), quaternions (N, 4), x y z w, and scales (N, 3)."""
    x, y, z, w = rotations.T
    length = x * x + y * y + z * z + w * w
    s = np.where(length > 0, 2 / np.where(length > 0, length, 1), 0)
    matrices = np.zeros((len(rotations), 4, 4))
    matrices[:, :3, :3] = np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ]
    ).transpose(2, 0, 1)
    matrices[:, :3, :3] *= scales[:, None, :]
    matrices[:, :3, 3] = translations
    matrices[:, 3, 3] = 1
    return matrices
