"""The meshes of games and simulators, read as parts: .md2 and .pmd here, .ac, .3ds, .md3 and .ase
by Assimp."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError, OnetError

from ..build.folder import read_triangles
from ..build.normalise import GREY, Triangles, make_triangles

_MD2_MAGIC = 0x32504449
_PMD_MAGIC = b"PSMD"
_PMD_VERSION = 4
# Of a vertex: place and normal; bones and their weights; two coordinates for each texture.
_PMD_PLACE, _PMD_NORMAL, _PMD_BONES, _PMD_TEXTURE = 12, 12, 20, 8


@dataclass(frozen=True, eq=False)
class Part:
    """One mesh of a file in the file's coordinates: vertices (V, 3), faces (F, 3), one colour."""

    name: str
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    colour: tuple[int, int, int]


def read_shape(path: Path, without: Collection[int] = ()) -> Triangles:
    """A file's surface in its own coordinates; without: the parts left out, counted from 0.

    Raises InputError where the file can't be read or nothing is left of it.
    """
    if path.suffix.lower() == ".obj" and not without:
        return read_triangles(path)
    parts = [part for index, part in enumerate(read_parts(path)) if index not in without]
    if not parts:
        raise InputError(f"{path.name} has no faces.")
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])
    return make_triangles(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([np.tile(part.colour, (len(part.faces), 1)) for part in parts]),
    )


def read_parts(path: Path) -> list[Part]:
    """All meshes of a file, in the order of its tree.

    Raises InputError where it can't be read, OnetError where Assimp is not installed.
    """
    suffix = path.suffix.lower()
    if suffix == ".md2":
        # Assimp refuses files without drawing commands, which newer exporters leave out.
        return [_read_md2(path)]
    if suffix == ".pmd":
        return [_read_pmd(path)]
    if suffix == ".ac":
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / "polygons.ac"
            copy.write_text(_without_lines(path), encoding="latin-1")
            return _read_by_assimp(copy, path.name)
    return _read_by_assimp(path, path.name)


def _read_by_assimp(path: Path, title: str) -> list[Part]:
    try:
        import assimp_py
    except ImportError as error:
        raise OnetError(
            "Reading these meshes needs assimp-py: install the project with its extra `sources`."
        ) from error
    try:
        scene = assimp_py.import_file(str(path), assimp_py.Process_Triangulate)
    except (RuntimeError, ValueError, OSError) as error:
        raise InputError(f"{title} can't be read as a mesh: {error}.") from error
    found = []
    for node, matrix in _nodes(scene.root_node, np.eye(4)):
        for index in node.mesh_indices:
            mesh = scene.meshes[index]
            indices = np.asarray(mesh.indices, dtype=np.int64)
            if mesh.num_faces == 0 or len(indices) != 3 * mesh.num_faces:
                continue
            vertices = np.asarray(mesh.vertices, dtype=np.float64).reshape(-1, 3)
            faces = indices.reshape(-1, 3)
            if np.linalg.det(matrix[:3, :3]) < 0:
                faces = faces[:, ::-1]
            found.append(
                Part(
                    node.name,
                    vertices @ matrix[:3, :3].T + matrix[:3, 3],
                    faces,
                    _colour(scene.materials, mesh.material_index),
                )
            )
    return found


def _read_md2(path: Path) -> Part:
    """The first frame of a Quake II model; its faces are clockwise, which is turned."""
    content = path.read_bytes()
    try:
        header = np.frombuffer(content, "<i4", 17)
        if header[0] != _MD2_MAGIC or header[1] != 8:
            raise ValueError("it is of another format")
        vertex_count, face_count = int(header[6]), int(header[8])
        face_start, frame_start = int(header[13]), int(header[14])
        faces = np.frombuffer(content, "<u2", 6 * face_count, face_start).reshape(-1, 6)[:, :3]
        scale, move = np.frombuffer(content, "<f4", 6, frame_start).reshape(2, 3)
        # The frame's name, 16 bytes, lies between.
        packed = np.frombuffer(content, "u1", 4 * vertex_count, frame_start + 40).reshape(-1, 4)
    except ValueError as error:
        raise InputError(f"{path.name} can't be read as a mesh: {error}.") from error
    vertices = packed[:, :3] * scale.astype(np.float64) + move
    return Part(path.stem, vertices, faces[:, ::-1].astype(np.int64), (GREY, GREY, GREY))


def _read_pmd(path: Path) -> Part:
    """A model as the engine of 0 A.D. keeps it, in the pose that it was made in; its faces are
    clockwise, which is turned."""
    content = path.read_bytes()
    try:
        if content[:4] != _PMD_MAGIC:
            raise ValueError("it is of another format")
        version, _, vertex_count, textures = (int(n) for n in np.frombuffer(content, "<u4", 4, 4))
        if version != _PMD_VERSION:
            raise ValueError("it is of another version")
        size = _PMD_PLACE + _PMD_NORMAL + _PMD_TEXTURE * textures + _PMD_BONES
        start = 20
        rows = np.frombuffer(content, "u1", vertex_count * size, start).reshape(-1, size)
        vertices = np.ascontiguousarray(rows[:, :_PMD_PLACE]).view("<f4").astype(np.float64)
        start += vertex_count * size
        face_count = int(np.frombuffer(content, "<u4", 1, start)[0])
        faces = np.frombuffer(content, "<u2", 3 * face_count, start + 4).reshape(-1, 3)
        if face_count and faces.max() >= vertex_count:
            raise ValueError("its faces name vertices that it lacks")
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path.name} can't be read as a mesh: {error}.") from error
    return Part(path.stem, vertices, faces[:, ::-1].astype(np.int64), (GREY, GREY, GREY))


def _without_lines(path: Path) -> str:
    """The text of an AC3D file with its polygons only: Assimp's binding refuses lines, and vertices
    that no polygon uses where an object has no other."""
    lines = iter(path.read_text(encoding="latin-1").splitlines())
    kept: list[str] = []
    vertices: list[str] = []
    try:
        for line in lines:
            if line.startswith("numvert"):
                vertices = [line] + [next(lines) for _ in range(int(line.split()[1]))]
                continue
            if not line.startswith("numsurf"):
                kept.append(line)
                continue
            surfaces = []
            for _ in range(int(line.split()[1])):
                surface = [next(lines)]
                while not surface[-1].lstrip().startswith("refs"):
                    surface.append(next(lines))
                count = int(surface[-1].split()[1])
                surface += [next(lines) for _ in range(count)]
                # The low bits of the flags tell polygons (0) from lines.
                if int(surface[0].split()[1], 16) & 0xF == 0 and count >= 3:
                    surfaces.append(surface)
            if surfaces:
                kept += vertices
                kept.append(f"numsurf {len(surfaces)}")
                kept += [line for surface in surfaces for line in surface]
    except (StopIteration, ValueError, IndexError) as error:
        raise InputError(f"{path.name} can't be read as a mesh: it is damaged.") from error
    return "\n".join(kept) + "\n"


def _nodes(node: Any, above: NDArray[np.float64]) -> Iterator[tuple[Any, NDArray[np.float64]]]:
    matrix = above @ np.asarray(node.transformation, dtype=np.float64).reshape(4, 4)
    yield node, matrix
    for child in node.children:
        yield from _nodes(child, matrix)


def _colour(materials: Any, index: int) -> tuple[int, int, int]:
    material = materials[index] if 0 <= index < len(materials) else {}
    paint = material.get("COLOR_DIFFUSE")
    if paint is None or len(paint) < 3:
        return (GREY, GREY, GREY)
    red, green, blue = (round(255 * min(max(float(value), 0.0), 1.0)) for value in paint[:3])
    return (red, green, blue)
