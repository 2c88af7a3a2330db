"""glTF 2.0: .glb and .gltf, triangles and points, quantised, Draco-compressed and instanced.

Written from the specification (Khronos, glTF 2.0); Draco by the package DracoPy. No external file
is read but buffers beside the .gltf.
"""

from __future__ import annotations

import binascii
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....colours import to_srgb
from ....errors import Damage, InputError
from ...content import Content, checked
from ...limits import bounded, optional_package, reason_of
from .buffers import Buffers, Json
from .pose import morphed, skinned

_POINTS, _TRIANGLES, _STRIP, _FAN = 0, 4, 5, 6
# Of all instances together: 10 million take 0.5 GB.
_MOST_VERTICES = 10_000_000
_MOST_NODES = 100_000
_MOST_PARTS = 20_000
_DRACO = "KHR_draco_mesh_compression"
_INSTANCES = "EXT_mesh_gpu_instancing"

# Vertices (V, 3), triangles (F, 3) and linear colours (V, 3) from 0 to 1 or None.
Part = tuple[NDArray[np.float64], NDArray[np.int64], "NDArray[np.float64] | None"]
# The number of a mesh, that of the skin that moves it or -1, and the weights of morph targets.
_Shape = tuple[int, int, tuple[float, ...]]


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


class _File:
    """The document and buffers of a file."""

    def __init__(self, path: Path) -> None:
        self._buffers = Buffers(path)
        self._json, self._name = self._buffers.document, path.name
        self._places = np.zeros((0, 4, 4))

    def content(self) -> Content:
        """The scene's parts joined. Its triangles, or where it has none its points."""
        vertices, faces, colours = [], [], []
        total = 0
        places: dict[_Shape, list[NDArray[np.float64]]] = {}
        for shape, matrix in self._placed():
            places.setdefault(shape, []).append(matrix)
        for shape, listed in places.items():
            # All copies of a mesh at once: files may have thousands.
            # Instances at one place are one.
            matrices = np.stack(list({matrix.tobytes(): matrix for matrix in listed}.values()))
            is_mirror = np.linalg.det(matrices[:, :3, :3]) < 0
            for points, triangles, painted in self._mesh(shape):
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

    def _placed(self) -> list[tuple[_Shape, NDArray[np.float64]]]:
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
            count = len(self._json.get("meshes", []))
            return [((mesh, -1, ()), np.eye(4)) for mesh in range(count)]
        self._places = matrices = _places_of(nodes)
        placed: list[tuple[_Shape, NDArray[np.float64]]] = []
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
                weights = tuple(float(weight) for weight in node.get("weights", ()))
                shape = (int(node["mesh"]), int(node.get("skin", -1)), weights)
                instances = node.get("extensions", {}).get(_INSTANCES)
                if shape[1] >= 0:
                    # Bones say where it is, not the node.
                    placed.append((shape, np.eye(4)))
                elif instances is None:
                    placed.append((shape, matrices[number]))
                else:
                    copies = matrices[number] @ self._instances(instances["attributes"])
                    placed += [(shape, copy) for copy in copies]
                bounded(self._name, "instances", len(placed), _MOST_NODES)
            level = [child for _, child in below]
        return placed

    def _instances(self, attributes: Json) -> NDArray[np.float64]:
        """The places (N, 4, 4) of the copies of a mesh."""
        read = {name: self._buffers.accessor(number) for name, number in attributes.items()
                if name in ("TRANSLATION", "ROTATION", "SCALE")}  # fmt: skip
        count = min((len(values) for values in read.values()), default=0)
        bounded(self._name, "instances", count, _MOST_NODES)
        given = {name: values[:count] for name, values in read.items()}
        return _matrices(
            given.get("TRANSLATION", np.zeros((count, 3))),
            given.get("ROTATION", np.tile([0.0, 0, 0, 1], (count, 1))),
            given.get("SCALE", np.ones((count, 3))),
        )

    def _mesh(self, shape: _Shape) -> list[Part]:
        number, skin, weights = shape
        if number < 0:
            raise Damage("a mesh has a negative number")
        mesh = self._json["meshes"][number]
        bounded(self._name, "parts", len(mesh["primitives"]), _MOST_PARTS)
        weights = weights or tuple(float(weight) for weight in mesh.get("weights", ()))
        bones = self._bones(skin) if skin >= 0 else None
        parts, vertices = [], 0
        for primitive in mesh["primitives"]:
            part = self._primitive(primitive)
            if part is None:
                continue
            parts.append((self._posed(part[0], primitive, weights, bones), *part[1:]))
            vertices = bounded(self._name, "vertices", vertices + len(part[0]), _MOST_VERTICES)
        return parts

    def _bones(self, number: int) -> NDArray[np.float64]:
        """What the bones of a skin do to vertices, (J, 4, 4)."""
        skin = self._json["skins"][number]
        joints = np.array(skin["joints"], dtype=np.int64)
        if len(joints) and not 0 <= joints.min() <= joints.max() < len(self._places):
            raise Damage("a skin names bones that are not there")
        bones = self._places[joints]
        if "inverseBindMatrices" not in skin:
            return bones
        inverse = self._buffers.accessor(skin["inverseBindMatrices"])[: len(joints)]
        return bones @ inverse.reshape(-1, 4, 4).transpose(0, 2, 1)

    def _posed(
        self,
        points: NDArray[np.float64],
        primitive: Json,
        weights: tuple[float, ...],
        bones: NDArray[np.float64] | None,
    ) -> NDArray[np.float64]:
        """The vertices (V, 3) of a part where morph targets and bones move them."""
        moving = [(target["POSITION"], weight)
                  for target, weight in zip(primitive.get("targets", ()), weights, strict=False)
                  if weight and "POSITION" in target]  # fmt: skip
        if moving:
            targets = [self._buffers.accessor(number) for number, _ in moving]
            points = morphed(points, targets, [weight for _, weight in moving])
        attributes = primitive["attributes"]
        if bones is None or not {"JOINTS_0", "WEIGHTS_0"} <= set(attributes):
            return points
        if _DRACO in primitive.get("extensions", {}):
            return points
        joints, shares = (
            self._buffers.accessor(attributes[name]) for name in ("JOINTS_0", "WEIGHTS_0")
        )
        return skinned(points, joints, shares, bones)

    def _primitive(self, primitive: Json) -> Part | None:
        """A part; None for lines."""
        mode = primitive.get("mode", _TRIANGLES)
        if mode not in (_POINTS, _TRIANGLES, _STRIP, _FAN):
            return None
        packed = primitive.get("extensions", {}).get(_DRACO)
        if packed is not None:
            return self._draco(packed)
        attributes = primitive["attributes"]
        points = self._buffers.accessor(attributes["POSITION"])
        colours = None
        if "COLOR_0" in attributes:
            colours = self._buffers.accessor(attributes["COLOR_0"])[:, :3]
        order = np.arange(len(points))
        if "indices" in primitive:
            order = self._buffers.accessor(primitive["indices"]).astype(np.int64).reshape(-1)
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
        content = self._buffers.view(packed["bufferView"])
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
