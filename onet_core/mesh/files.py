"""Meshes in files: .ply, .obj, .glb, .off and .stl.

A file is written beside its final name and then put in place in one step, so that nobody ever
sees half a mesh. PLY, OBJ, OFF and STL hold the mesh's own coordinates, untouched. GLB is y-up by
its specification: a mesh from a frame with another axis up is turned (z-up: (x, y, z) becomes
(x, z, -y), front towards +z as that specification wants it).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..colours import to_linear
from ..errors import InputError, OnetError
from ..files import scratch_name
from ..inputs.frame import network_to_up
from ..sentences import Sentence
from .mesh import Mesh, is_far

# trimesh is imported where it is used: most files that are written need none, and it takes a while.
if TYPE_CHECKING:
    import trimesh

# It logs the tracebacks of errors that are raised, and reported in one sentence, anyway.
logging.getLogger("trimesh").addHandler(logging.NullHandler())

# So many lines of text are made at once: enough that Python's own work is small, few to hold.
_LINES = 20_000


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when the block ends well, else is removed.

    Raises OnetError where the folder can't be written.
    """
    # Not from tempfile, whose files only their owner may read.
    temporary = path.with_name(scratch_name())
    try:
        with temporary.open("xb") as file:
            yield file
        os.replace(temporary, path)
    except OSError as error:
        raise OnetError(
            "Could not write {path}: {error}.", path=path, error=error.strerror or error
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_mesh(mesh: Mesh, path: str | Path, *, up_axis: str = "z") -> Sentence | None:
    """Writes a mesh with its normals and colours; the suffix of `path` says the format.

    up_axis: the vertical of the mesh's own frame, only used for .glb. Normals and colours are kept
    in PLY, OBJ and GLB; OFF and STL have no agreed place for them. Coordinates are double precision
    where single precision would lose detail (small things far from the origin); in GLB the place
    is a node's. STL can't hold it: the mesh is then centred, which the returned sentence says.
    Raises OnetError for an unknown format, an empty mesh or a folder that can't be written.
    """
    path = Path(path)
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise OnetError(
            "Can't write {name}: choose one of the formats {formats}.",
            name=path.name,
            formats=", ".join(MESH_FORMATS),
        )
    if mesh.is_empty:
        raise OnetError("Can't write {name}: the mesh has no faces.", name=path.name)
    if not np.isfinite(mesh.vertices).all():
        raise OnetError(
            "Can't write {name}: the mesh has vertices that are not finite.", name=path.name
        )
    is_moved = path.suffix.lower() == ".stl" and is_far(mesh.vertices)
    middle = (mesh.vertices.min(0) + mesh.vertices.max(0)) / 2
    if is_moved:
        away = np.eye(4)
        away[:3, 3] = -middle
        mesh = mesh.transformed(away)
    with replacing(path) as file:
        write(mesh, file, up_axis)
    if not is_moved:
        return None
    return Sentence(
        "STL can't hold a place this far from the origin: the mesh was moved by {x:.3f}, {y:.3f}, "
        "{z:.3f}",
        x=-middle[0], y=-middle[1], z=-middle[2],
    )  # fmt: skip


def read_mesh(path: str | Path) -> Mesh:
    """Reads the triangles of a .ply, .obj, .stl, .off, .glb or .gltf, all parts of a scene joined.

    Coordinates are the file's own; colours, sRGB, are read where vertices have them. Raises
    InputError for files that are missing, damaged, or without faces.
    """
    from ..inputs.load import read_input

    path = Path(path)
    content = read_input(path, "voxels")
    if content.points is None or content.faces is None:
        raise InputError("{name} has no faces.", name=path.name)
    if not np.isfinite(content.points).all():
        raise InputError("{name} has vertices that are not finite numbers.", name=path.name)
    return Mesh(content.points, content.faces, colours=content.colours)


Result = TypeVar("Result")


def load_with_trimesh(path: Path, take: Callable[[trimesh.Scene], Result]) -> Result:
    """What `take` gets out of a file's scene; InputError where the file can't be read.

    Nothing is merged or dropped, save what trimesh's readers never keep.
    """
    if not path.is_file():
        raise InputError("There is no file {path}.", path=path)
    import trimesh

    try:
        with np.errstate(all="ignore"):
            return take(trimesh.load_scene(path, process=False))
    except Exception as error:  # trimesh's readers raise whatever a damaged file makes them raise
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise InputError(
            "{name} can't be read as a mesh: {error}.", name=path.name, error=detail
        ) from error


def _write_ply(mesh: Mesh, file: BinaryIO, up_axis: str) -> None:
    kind, name = ("<f4", "float") if not is_far(mesh.vertices) else ("<f8", "double")
    columns = [("x", kind, name), ("y", kind, name), ("z", kind, name)]
    values: list[NDArray] = [mesh.vertices]
    if mesh.normals is not None:
        columns += [(axis, "<f4", "float") for axis in ("nx", "ny", "nz")]
        values.append(mesh.normals)
    if mesh.colours is not None:
        columns += [(colour, "u1", "uchar") for colour in ("red", "green", "blue")]
        values.append(mesh.colours)
    vertices = np.empty(len(mesh.vertices), [(column, kind) for column, kind, _ in columns])
    for (column, _, _), value in zip(columns, np.concatenate(values, axis=1).T, strict=True):
        vertices[column] = value
    faces = np.empty(len(mesh.faces), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"] = 3
    faces["corners"] = mesh.faces
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}"]
    header += [f"property {name} {column}" for column, _, name in columns]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    file.write("".join(f"{line}\n" for line in header).encode("ascii"))
    file.write(vertices.tobytes())
    file.write(faces.tobytes())


def _write_obj(mesh: Mesh, file: BinaryIO, up_axis: str) -> None:
    digits = "%.9g" if not is_far(mesh.vertices) else "%.17g"
    line = f"v {digits} {digits} {digits}"
    rows = mesh.vertices
    if mesh.colours is not None:
        # The common extension of the format: colours behind the coordinates, from 0 to 1.
        line += " %.4g %.4g %.4g"
        rows = np.concatenate([rows, mesh.colours / 255], axis=1)
    _write_lines(file, rows, line)
    corners = mesh.faces + 1
    if mesh.normals is None:
        _write_lines(file, corners, "f %d %d %d")
    else:
        _write_lines(file, mesh.normals, "vn %.6g %.6g %.6g")
        _write_lines(file, np.repeat(corners, 2, axis=1), "f %d//%d %d//%d %d//%d")


def _write_off(mesh: Mesh, file: BinaryIO, up_axis: str) -> None:
    digits = "%.9g" if not is_far(mesh.vertices) else "%.17g"
    file.write(f"OFF\n{len(mesh.vertices)} {len(mesh.faces)} 0\n".encode("ascii"))
    _write_lines(file, mesh.vertices, f"{digits} {digits} {digits}")
    _write_lines(file, mesh.faces, "3 %d %d %d")


def _write_lines(file: BinaryIO, rows: NDArray, line: str) -> None:
    """One line for each row of an array (N, C); `np.savetxt`, which makes them one by one, takes
    three to four times as long."""
    for first in range(0, len(rows), _LINES):
        some = rows[first : first + _LINES]
        file.write(((line + "\n") * len(some) % tuple(some.ravel().tolist())).encode("ascii"))


def _write_stl(mesh: Mesh, file: BinaryIO, up_axis: str) -> None:
    from trimesh.exchange.stl import export_stl

    file.write(export_stl(_as_trimesh(mesh)))


def _write_glb(mesh: Mesh, file: BinaryIO, up_axis: str) -> None:
    import trimesh
    from trimesh.exchange.gltf import export_glb

    if up_axis != "y":
        turn = np.eye(4)
        # A front that faces -y in Blender's frame faces +z in glTF, where the network's faces -z.
        turn[:3, :3] = np.diag([-1, 1, -1]) @ network_to_up(up_axis).T
        mesh = mesh.transformed(turn)
    place = np.eye(4)
    if is_far(mesh.vertices):
        # The buffers of the format are single precision, the place of a node is not.
        place[:3, 3] = (mesh.vertices.min(0) + mesh.vertices.max(0)) / 2
        away = np.eye(4)
        away[:3, 3] = -place[:3, 3]
        mesh = mesh.transformed(away)
    scene = trimesh.Scene()
    scene.add_geometry(_as_trimesh(mesh, linear_colours=True), transform=place)
    file.write(export_glb(scene, include_normals=True))


def _as_trimesh(mesh: Mesh, *, linear_colours: bool = False) -> trimesh.Trimesh:
    import trimesh

    colours = mesh.colours
    if colours is not None and linear_colours:
        # glTF's vertex colours are linear, ours are sRGB.
        colours = np.round(to_linear(colours / 255) * 255).astype(np.uint8)
    return trimesh.Trimesh(
        mesh.vertices,
        mesh.faces,
        vertex_normals=mesh.normals,
        vertex_colors=colours,
        process=False,
    )


_WRITERS: dict[str, Callable[[Mesh, BinaryIO, str], None]] = {
    ".ply": _write_ply,
    ".obj": _write_obj,
    ".glb": _write_glb,
    ".off": _write_off,
    ".stl": _write_stl,
}
MESH_FORMATS = tuple(suffix[1:] for suffix in _WRITERS)
