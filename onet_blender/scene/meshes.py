"""New meshes from arrays, in pieces that do not hold Blender up.

Whatever needs no Blender is computed before, in any thread: what is left is copying.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from .pieces import Pieces, Room, all_at_once, in_background

# The name of the attribute that holds a mesh's colours.
COLOURS = "Color"
# And the one that holds the normals of points, as their file stated them.
NORMALS = "normal"
# And the one that holds the ways from points to the scanners that saw them.
SIGHTS = "to_scanner"
# Up to this many faces Blender finds the edges itself, at once; half a million take it 0.1 s.
MOST_FACES_AT_ONCE = 50_000


@dataclass(frozen=True, eq=False)
class MeshArrays:
    """A mesh of triangles as Blender keeps it.

    vertices: (V, 3) float32.
    faces: (F, 3) int32.
    colours: (V, 4) sRGB, 0 to 1, or None.
    edges: (E, 2) int32, None for small meshes.
    corner_edges: (3 F,) int32, the edge from each corner to the next one of its face, None for
        small meshes.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colours: NDArray[np.float32] | None = None
    edges: NDArray[np.int32] | None = None
    corner_edges: NDArray[np.int32] | None = None

    @classmethod
    def of(
        cls, vertices: NDArray[Any], faces: NDArray[Any], colours: NDArray[np.uint8] | None = None
    ) -> MeshArrays:
        """From vertices (V, 3), triangles (F, 3), and colours (V, 3) sRGB or None."""
        rgba = None
        if colours is not None:
            rgba = np.ones((len(colours), 4), dtype=np.float32)
            np.divide(colours, np.float32(255), out=rgba[:, :3])
        faces = np.ascontiguousarray(faces, dtype=np.int32)
        edges = edges_of(faces) if len(faces) > MOST_FACES_AT_ONCE else (None, None)
        return cls(np.ascontiguousarray(vertices, dtype=np.float32), faces, rgba, *edges)

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        parts = (self.vertices, self.faces, self.colours, self.edges, self.corner_edges)
        return sum(part.nbytes for part in parts if part is not None)


def edges_of(faces: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """edges and corner_edges of `MeshArrays`, for triangles (F, 3)."""
    start, end = faces.astype(np.int64).ravel(), np.roll(faces, -1, axis=1).ravel()
    low, high = np.minimum(start, end), np.maximum(start, end)
    keys, corner_edges = np.unique(low << 32 | high, return_inverse=True)
    edges = np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1)
    return edges.astype(np.int32), corner_edges.ravel().astype(np.int32)


def make_mesh(
    name: str,
    vertices: NDArray[Any],
    faces: NDArray[Any],
    colours: NDArray[np.uint8] | None = None,
    smooth: bool = True,
) -> bpy.types.Mesh:
    """A mesh: vertices (V, 3), triangles (F, 3), colours (V, 3) sRGB or None."""
    return all_at_once(
        mesh_in_pieces(name, lambda: MeshArrays.of(vertices, faces, colours), smooth)
    )


def mesh_in_pieces(
    name: str, compute: Callable[[], MeshArrays], smooth: bool = True
) -> Pieces[bpy.types.Mesh]:
    """`make_mesh` of what `compute` returns, which it does in a thread of its own."""
    arrays = in_background(compute)
    yield arrays
    mesh = bpy.data.meshes.new(name)
    try:
        for _ in _fill(mesh, arrays.result(), smooth):
            yield None
    except BaseException:
        discard([mesh])
        raise
    return mesh


def discard(meshes: Sequence[bpy.types.Mesh]) -> None:
    """Takes meshes away that nobody will use."""
    for mesh in meshes:
        with suppress(ReferenceError):  # a step back has taken it away
            bpy.data.meshes.remove(mesh)


def fill_mesh(mesh: bpy.types.Mesh, arrays: MeshArrays, smooth: bool = True) -> None:
    """Gives an empty mesh its geometry."""
    for _ in _fill(mesh, arrays, smooth):
        pass


def _fill(mesh: bpy.types.Mesh, arrays: MeshArrays, smooth: bool) -> Iterator[None]:
    """Does it in pieces."""
    mesh.vertices.add(len(arrays.vertices))
    # Written as attributes, arrays are copied whole; by their older names, number by number.
    mesh.attributes["position"].data.foreach_set("vector", arrays.vertices.ravel())
    if len(arrays.faces):
        yield from _fill_faces(mesh, arrays, smooth)
    if arrays.colours is not None:
        attribute = mesh.color_attributes.new(COLOURS, "BYTE_COLOR", "POINT")
        attribute.data.foreach_set("color_srgb", arrays.colours.ravel())


def _fill_faces(mesh: bpy.types.Mesh, arrays: MeshArrays, smooth: bool) -> Iterator[None]:
    count = len(arrays.faces)
    mesh.loops.add(3 * count)
    mesh.attributes[".corner_vert"].data.foreach_set("value", arrays.faces.ravel())
    if arrays.edges is not None:
        mesh.edges.add(len(arrays.edges))
        mesh.attributes[".edge_verts"].data.foreach_set("value", arrays.edges.ravel())
        mesh.attributes[".corner_edge"].data.foreach_set("value", arrays.corner_edges)
    yield
    mesh.polygons.add(count)
    # Only number by number: 25 ms for half a million.
    mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * count, 3, dtype=np.int32))
    yield
    mesh.update(calc_edges=arrays.edges is None)
    if smooth:
        mesh.shade_smooth()
    else:
        mesh.shade_flat()


def vectors_of(attributes: Any, name: str, count: int) -> NDArray[np.float32] | None:
    """What points were imported with, as `NORMALS` or `SIGHTS`: (count, 3)."""
    kept = attributes.get(name)
    if kept is None or (kept.data_type, kept.domain) != ("FLOAT_VECTOR", "POINT"):
        return None
    vectors = Room.empty((count, 3), np.float32)
    kept.data.foreach_get("vector", vectors.ravel())
    return vectors


def turned_normals(normals: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float64]:
    """Normals (N, 3) of points under an affine map, unit vectors or zeros."""
    turned = normals @ np.array(matrix.to_3x3().inverted_safe(), dtype=np.float64)
    lengths = np.linalg.norm(turned, axis=1, keepdims=True)
    return turned / np.where(lengths > 0, lengths, 1)


def turned_parts(
    parts: Sequence[NDArray[np.float32] | None],
    matrices: Sequence[Matrix],
    turn: Callable[[NDArray[np.float32], Matrix], NDArray[np.float64]],
) -> NDArray[np.float64] | None:
    """What is known of the points (N, 3) of all parts, each under its map; None unless all have
    it."""
    given = [part for part in parts if part is not None]
    if len(given) < len(parts):
        return None
    return np.concatenate([turn(*some) for some in zip(given, matrices, strict=True)])


def turned_ways(ways: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float64]:
    """Ways (N, 3) from place to place under an affine map."""
    return np.asarray(ways @ np.array(matrix.to_3x3(), dtype=np.float64).T)


def standing(vertices: NDArray[Any], faces: NDArray[Any]) -> MeshArrays:
    """A shape that stands on the plane z = 0; needs no Blender."""
    return MeshArrays.of(on_floor(vertices), faces)


def on_floor(vertices: NDArray[Any]) -> NDArray[Any]:
    """Vertices (V, 3) lifted or lowered so that they stand on the plane z = 0."""
    return vertices - np.array([0, 0, vertices[:, 2].min()], dtype=vertices.dtype)


def starts_of(mesh: bpy.types.Mesh) -> NDArray[np.int32]:
    """The first corner of each face, (F,): copied whole where Blender keeps them side by side.

    By the property `loop_start` it hands them over number by number, half a million in 40 ms.
    """
    count = len(mesh.polygons)
    starts = Room.empty(count, np.int32)
    if not count:
        return starts
    ends = [mesh.polygons[0], mesh.polygons[count - 1]]
    first, last = (face.as_pointer() for face in ends)
    if last - first == starts.itemsize * (count - 1):
        kept = np.ctypeslib.as_array((ctypes.c_int32 * count).from_address(first))
        if [kept[0], kept[-1]] == [face.loop_start for face in ends]:
            starts[:] = kept
            return starts
    mesh.polygons.foreach_get("loop_start", starts)
    return starts
