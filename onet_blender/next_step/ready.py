"""A mesh ready for use: small parts gone, origin at its base, scale applied, sharp edges marked."""

from __future__ import annotations

import bmesh
import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ..scene import handwork
from ..scene.meshes import starts_of
from ..scene.scene_io import column, place_of, transformed
from .quads import own_mesh


def apply_scale(item: bpy.types.Object) -> None:
    """Puts an object's scale into its mesh."""
    mesh = own_mesh(item)
    scale = Matrix.Diagonal(item.scale).to_4x4()
    move_mesh(item, scale)
    if scale.determinant() < 0:
        mesh.flip_normals()
    item.scale = (1, 1, 1)


def origin_to_base(item: bpy.types.Object) -> None:
    """Puts an object's origin into the middle of its floor as it stands in the world."""
    mesh, matrix = own_mesh(item), item.matrix_world.copy()
    places = transformed(column(mesh.vertices, "co", 3, np.float32), matrix)
    if not len(places):
        return
    low, high = places.min(axis=0), places.max(axis=0)
    base = Vector((*((low + high) / 2)[:2], low[2]))
    move_mesh(item, Matrix.Translation(-(matrix.inverted_safe() @ base)))
    item.matrix_world = Matrix.Translation(base - matrix.translation) @ matrix


def mark_sharp_edges(item: bpy.types.Object, angle: float) -> None:
    """Smooth faces but at edges sharper than an angle in radians."""
    mesh = own_mesh(item)
    mesh.shade_smooth()
    mesh.set_sharp_from_angle(angle=angle)


def move_mesh(item: bpy.types.Object, move: Matrix) -> None:
    """Transforms a mesh within its object, and remembers it for when the mesh is made again."""
    was_changed = handwork.is_changed(item)
    item.data.transform(move)
    item.onet.place = [value for row in move @ place_of(item) for value in row]
    if item.onet.made_as and not was_changed:
        handwork.note(item)


def remove_small_parts(item: bpy.types.Object, least: float) -> int:
    """Removes separate parts whose area is less than a share of the largest's; returns how many."""
    mesh = own_mesh(item)
    edges = column(mesh.edges, "vertices", 2, np.int32)
    labels = _labels(len(mesh.vertices), edges)
    corners = column(mesh.loops, "vertex_index", 1, np.int32)[:, 0]
    firsts = corners[starts_of(mesh)]
    areas = np.bincount(
        labels[firsts], column(mesh.polygons, "area", 1, np.float32)[:, 0], len(mesh.vertices)
    )
    small = (areas < least * areas.max())[labels]
    if not small.any():
        return 0
    was_changed = handwork.is_changed(item)
    shape = bmesh.new()
    shape.from_mesh(mesh)
    gone = [vertex for vertex, is_small in zip(shape.verts, small, strict=True) if is_small]
    bmesh.ops.delete(shape, geom=gone, context="VERTS")
    shape.to_mesh(mesh)
    shape.free()
    if item.onet.made_as and not was_changed:
        handwork.note(item)
    return len(np.unique(labels[small]))


def _labels(count: int, edges: NDArray[np.int32]) -> NDArray[np.int64]:
    """The smallest vertex (count,) of the part that each vertex belongs to."""
    labels = np.arange(count)
    while True:
        lowest = labels.copy()
        np.minimum.at(lowest, edges[:, 0], labels[edges[:, 1]])
        np.minimum.at(lowest, edges[:, 1], labels[edges[:, 0]])
        lowest = lowest[lowest[lowest]]  # what it points at may know more
        if (lowest == labels).all():
            return labels
        labels = lowest


def put_into_collection(item: bpy.types.Object, scene: bpy.types.Scene) -> bpy.types.Collection:
    """Moves an object into a new collection of its name, where the object was."""
    homes = [home for home in item.users_collection if home.library is None]
    made = bpy.data.collections.new(item.name)
    (homes[0] if homes else scene.collection).children.link(made)
    for home in homes:
        home.objects.unlink(item)
    made.objects.link(item)
    return made
