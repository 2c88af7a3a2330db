"""Datablocks to NumPy arrays and back. Coordinates leave Blender in world space, z up."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from onet_core.errors import InputError

# More than rounding leaves, less than can be seen.
SHEAR = 1e-5


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
    return transformed(points, evaluated.matrix_world)


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
    return transformed(vertices, evaluated.matrix_world), triangles


def picture_pixels(image: bpy.types.Image) -> NDArray[np.uint8]:
    """The pixels (H, W, 4) of an image, sRGB with straight alpha, first row on top.

    Raises InputError where the image has no pixels, for example because its file is missing.
    """
    width, height = image.size
    if width * height == 0:
        raise InputError(f"The picture {image.name} has no pixels: is its file still there?")
    values = np.empty(width * height * image.channels, dtype=np.float32)
    image.pixels.foreach_get(values)
    # Blender's first row is the lowest.
    values = np.nan_to_num(values.reshape(height, width, image.channels)[::-1])
    colour, alpha = values[..., :3], np.ones((height, width, 1), dtype=np.float32)
    if image.channels < 3:  # grey, perhaps with alpha
        colour = np.repeat(values[..., :1], 3, axis=2)
    if image.channels in (2, 4):
        alpha = np.clip(values[..., -1:], 0, 1)
    if image.is_float:
        # Scene linear and multiplied with alpha; a viewer would show it as sRGB.
        colour = np.clip(colour / np.where(alpha > 0, alpha, 1), 0, 1)
        curved = 1.055 * colour ** (1 / 2.4) - 0.055
        colour = np.where(colour <= 0.0031308, colour * 12.92, curved)
    return np.rint(np.clip(np.concatenate([colour, alpha], axis=2), 0, 1) * 255).astype(np.uint8)


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
    name: str,
    mesh: bpy.types.Mesh,
    matrix: Matrix,
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
) -> bpy.types.Object:
    """A new object with this world transform, the only one that is selected in the view layer.

    It goes into the active collection, or into the scene's own where that is hidden or linked.
    """
    active = view_layer.active_layer_collection
    usable = active.is_visible and not active.exclude and active.collection.is_editable
    home = active.collection if usable else scene.collection
    made = bpy.data.objects.new(name, mesh)
    home.objects.link(made)
    made.matrix_world = matrix
    # An object without a parent has no shear: what its place, turn and size leave of the transform
    # goes into the mesh.
    rest = made.matrix_basis.inverted_safe() @ matrix
    if np.abs(np.array(rest) - np.eye(4)).max() > SHEAR:
        mesh.transform(rest)
    for other in view_layer.objects:
        other.select_set(False, view_layer=view_layer)
    made.select_set(True, view_layer=view_layer)
    view_layer.objects.active = made
    return made


def replace_mesh(item: bpy.types.Object, mesh: bpy.types.Mesh) -> None:
    """Gives a mesh object another mesh with the old one's name and materials."""
    old = item.data
    name = old.name
    for material in old.materials:
        mesh.materials.append(material)
    item.data = mesh
    if old.users == 0:
        bpy.data.meshes.remove(old)
        mesh.name = name


def into_object_space(points: NDArray[Any], matrix: Matrix) -> NDArray[np.float64]:
    """World coordinates (N, 3) in the space of an object with this world transform.

    Raises InputError where the transform flattens space, so that there is no way back.
    """
    linear = np.array(matrix, dtype=np.float64)
    size = np.linalg.norm(linear[:3, :3], axis=0)
    if size.min() == 0 or abs(np.linalg.det(linear[:3, :3] / size)) < 1e-6:
        raise InputError("The object is scaled to nothing along an axis: reset its scale first.")
    return transformed(points, np.linalg.inv(linear))


def transformed(points: NDArray[Any], matrix: Matrix | NDArray[Any]) -> NDArray[np.float64]:
    """Points (N, 3) under an affine map (4, 4)."""
    values = np.array(matrix, dtype=np.float64)
    return np.asarray(points, dtype=np.float64) @ values[:3, :3].T + values[:3, 3]


def _column(collection: Any, name: str, width: int, kind: Any) -> NDArray[Any]:
    values = np.empty(len(collection) * width, dtype=kind)
    collection.foreach_get(name, values)
    return values.reshape(-1, width)
