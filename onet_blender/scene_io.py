"""Datablocks to NumPy arrays and back. Coordinates leave Blender in world space, z up."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from onet_core.errors import InputError


def world_points(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> NDArray[np.float64]:
    """The points (N, 3) of a mesh's vertices or of a point cloud, modifiers applied.

    Raises InputError for other types of objects and where there are no points.
    """
    evaluated = item.evaluated_get(depsgraph)
    if item.type == "MESH":
        mesh = evaluated.to_mesh()
        try:
            points = _column(mesh.vertices, "co", 3, np.float32)
        finally:
            evaluated.to_mesh_clear()
    elif item.type == "POINTCLOUD":
        points = _column(evaluated.data.points, "co", 3, np.float32)
    else:
        raise InputError(f"{item.name} has no points: choose a mesh or a point cloud.")
    if len(points) == 0:
        raise InputError(f"{item.name} has no points: choose another object.")
    return _transformed(points, item.matrix_world)


def world_triangles(
    item: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Vertices (V, 3) and triangles (F, 3) of a mesh object, modifiers applied.

    Raises InputError for other types of objects and where there are no faces.
    """
    if item.type != "MESH":
        raise InputError(f"{item.name} has no faces: choose a mesh.")
    evaluated = item.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        mesh.calc_loop_triangles()
        vertices = _column(mesh.vertices, "co", 3, np.float32)
        triangles = _column(mesh.loop_triangles, "vertices", 3, np.int32)
    finally:
        evaluated.to_mesh_clear()
    if len(triangles) == 0:
        raise InputError(f"{item.name} has no faces: choose a mesh that has some.")
    return _transformed(vertices, item.matrix_world), triangles


def picture_pixels(image: bpy.types.Image) -> NDArray[np.uint8]:
    """The pixels (H, W, 4) of an image, sRGB with straight alpha, first row on top.

    Raises InputError where the image has no pixels, for example because its file is missing.
    """
    width, height = image.size
    if width * height == 0 or image.channels not in (1, 3, 4):
        raise InputError(f"The picture {image.name} has no pixels: is its file still there?")
    values = np.empty(width * height * image.channels, dtype=np.float32)
    image.pixels.foreach_get(values)
    values = values.reshape(height, width, image.channels)[::-1]
    if image.channels == 1:
        values = np.repeat(values, 3, axis=2)
    if image.is_float:  # scene linear to sRGB, as a viewer would show it
        colour = np.clip(values[..., :3], 0, 1)
        curved = np.where(colour <= 0.0031308, colour * 12.92, 1.055 * colour ** (1 / 2.4) - 0.055)
        values = np.concatenate([curved, values[..., 3:]], axis=2)
    if values.shape[2] == 3:
        values = np.concatenate([values, np.ones_like(values[..., :1])], axis=2)
    return np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)


def make_mesh(
    name: str, vertices: NDArray[Any], faces: NDArray[Any], colours: NDArray[np.uint8] | None = None
) -> bpy.types.Mesh:
    """A smooth shaded mesh: vertices (V, 3), faces (F, 3), colours (V, 3) sRGB or None."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.asarray(vertices, dtype=np.float32).ravel())
    mesh.loops.add(3 * len(faces))
    mesh.loops.foreach_set("vertex_index", np.asarray(faces, dtype=np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * len(faces), 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    if colours is not None:
        rgba = np.concatenate([colours, np.full_like(colours[:, :1], 255)], axis=1) / 255
        attribute = mesh.color_attributes.new("Color", "BYTE_COLOR", "POINT")
        attribute.data.foreach_set("color_srgb", rgba.astype(np.float32).ravel())
    return mesh


def add_object(
    context: bpy.types.Context, name: str, mesh: bpy.types.Mesh, matrix: Matrix
) -> bpy.types.Object:
    """Links a new object with this world transform and makes it the only selected one."""
    made = bpy.data.objects.new(name, mesh)
    context.collection.objects.link(made)
    made.matrix_world = matrix
    for other in context.view_layer.objects:
        other.select_set(False, view_layer=context.view_layer)
    made.select_set(True, view_layer=context.view_layer)
    context.view_layer.objects.active = made
    return made


def into_object_space(points: NDArray[Any], matrix: Matrix) -> NDArray[np.float64]:
    """World coordinates (N, 3) in the space of an object with this world transform.

    Raises InputError where the transform flattens space, so that there is no way back.
    """
    linear = np.array(matrix, dtype=np.float64)
    size = np.linalg.norm(linear[:3, :3], axis=0)
    if size.min() == 0 or abs(np.linalg.det(linear[:3, :3] / size)) < 1e-6:
        raise InputError("The object is scaled to nothing along an axis: reset its scale first.")
    return _transformed(points, Matrix(np.linalg.inv(linear)))


def _transformed(points: NDArray[Any], matrix: Matrix) -> NDArray[np.float64]:
    values = np.array(matrix, dtype=np.float64)
    return np.asarray(points, dtype=np.float64) @ values[:3, :3].T + values[:3, 3]


def _column(collection: Any, name: str, width: int, kind: Any) -> NDArray[Any]:
    values = np.empty(len(collection) * width, dtype=kind)
    collection.foreach_get(name, values)
    return values.reshape(-1, width)
