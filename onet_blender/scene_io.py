"""Datablocks to NumPy arrays and back. Coordinates leave Blender in world space, z up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from onet_core.errors import InputError

# More than rounding leaves, less than can be seen.
SHEAR = 1e-5
# Along the longest side; the networks see 32.
VOXELS_OF_A_VOLUME = 64
MAKES_INSTANCES = ("NODES", "PARTICLE_SYSTEM")
# Types of objects that have a mesh when evaluated.
HAS_MESH = ("MESH", "CURVE", "SURFACE", "FONT", "META")


@dataclass(frozen=True, eq=False)
class Cloud:
    """points (N, 3) in the world; colours (N, 3) sRGB or None."""

    points: NDArray[np.float64]
    colours: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Surface:
    """vertices (V, 3) in the world, triangles (F, 3), colours (F, 3, 3) of corners or None."""

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    colours: NDArray[np.uint8] | None = None


def world_cloud(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Cloud:
    """The vertices and points of an object, modifiers and instances applied.

    Raises InputError where there are none.
    """
    points, colours = [], []
    for part, matrix in _parts(item, depsgraph):
        with _geometry(part) as data:
            if isinstance(data, bpy.types.Mesh):
                found = column(data.vertices, "co", 3, np.float32)
                painted = _vertex_colours(data)
            elif isinstance(data, bpy.types.PointCloud):
                found = column(data.points, "co", 3, np.float32)
                painted = _painted(data.attributes, len(found))
            else:
                continue
            if len(found):
                points.append(transformed(found, matrix))
                colours.append(painted)
    if not points:
        raise InputError(
            f"{item.name} has no points: choose a mesh or a point cloud that has some."
        )
    return Cloud(np.concatenate(points), _joined(colours, [len(part) for part in points]))


def world_surface(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Surface:
    """The triangles of an object, modifiers and instances applied.

    Raises InputError where there are none.
    """
    vertices, triangles, colours, count = [], [], [], 0
    for part, matrix in _parts(item, depsgraph):
        with _geometry(part) as data:
            if not isinstance(data, bpy.types.Mesh):
                continue
            data.calc_loop_triangles()
            found = column(data.loop_triangles, "vertices", 3, np.int32)
            if len(found):
                places = column(data.vertices, "co", 3, np.float32)
                vertices.append(transformed(places, matrix))
                triangles.append(found + np.int32(count))
                colours.append(_corner_colours(data))
                count += len(places)
    if not triangles:
        raise InputError(f"{item.name} has no faces: choose a mesh that has some.")
    return Surface(
        np.concatenate(vertices),
        np.concatenate(triangles),
        _joined(colours, [len(part) for part in triangles]),
    )


def volume_surface(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Surface:
    """The triangles round what a Volume object holds, modifiers applied.

    Blender's own modifier makes them, on an object that lives as long as this call. Raises
    InputError where the volume is empty.
    """
    mesh = bpy.data.meshes.new("ONet")
    helper = bpy.data.objects.new("ONet", mesh)
    try:
        depsgraph.scene.original.collection.objects.link(helper)
        # A world transform of its own would be undone: the modifier lays the mesh over the volume.
        modifier = helper.modifiers.new("ONet", "VOLUME_TO_MESH")
        modifier.object = item
        modifier.resolution_mode = "VOXEL_AMOUNT"
        modifier.voxel_amount = VOXELS_OF_A_VOLUME
        depsgraph.update()
        return world_surface(helper, depsgraph)
    except InputError as error:
        raise InputError(
            f"The volume {item.name} is empty: is its file still there, and does it have a grid "
            "of densities?"
        ) from error
    finally:
        bpy.data.objects.remove(helper)
        bpy.data.meshes.remove(mesh)


def world_points(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> NDArray[np.float64]:
    """The points (N, 3) of `world_cloud`."""
    return world_cloud(item, depsgraph).points


def world_triangles(
    item: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The vertices (V, 3) and triangles (F, 3) of `world_surface`."""
    surface = world_surface(item, depsgraph)
    return surface.vertices, surface.triangles


def _parts(
    item: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> Iterator[tuple[bpy.types.Object, Matrix]]:
    """The object itself, evaluated, and its instances; each with its world transform."""
    evaluated = item.evaluated_get(depsgraph)
    yield evaluated, evaluated.matrix_world
    # What follows looks at everything in the scene.
    if not (item.is_instancer or any(part.type in MAKES_INSTANCES for part in item.modifiers)):
        return
    for instance in depsgraph.object_instances:
        if (
            instance.is_instance
            and instance.parent is not None
            and instance.parent.original == item
        ):
            # What an instance gives is gone at the next step.
            yield instance.object, instance.matrix_world.copy()


@contextmanager
def _geometry(part: bpy.types.Object) -> Iterator[Any]:
    """The mesh or point cloud of an evaluated object, None where it has neither."""
    if part.type == "POINTCLOUD":
        yield part.data
    elif part.type in HAS_MESH:
        mesh = part.to_mesh()
        try:
            yield mesh
        finally:
            part.to_mesh_clear()
    else:
        yield None


def _painted(attributes: Any, count: int) -> NDArray[np.uint8] | None:
    """The colours (count, 3) of the first attribute of that many colours."""
    for attribute in attributes:
        if attribute.data_type in ("BYTE_COLOR", "FLOAT_COLOR") and len(attribute.data) == count:
            return _bytes(column(attribute.data, "color_srgb", 4, np.float32))
    return None


def _active_colours(mesh: bpy.types.Mesh) -> Any:
    active = mesh.color_attributes.active_color
    return active if active is not None and active.domain in ("POINT", "CORNER") else None


def _vertex_colours(mesh: bpy.types.Mesh) -> NDArray[np.uint8] | None:
    """(V, 3), of a vertex whose corners differ their mean."""
    active = _active_colours(mesh)
    if active is None:
        return None
    values = column(active.data, "color_srgb", 4, np.float32)
    if active.domain == "CORNER":
        corner = column(mesh.loops, "vertex_index", 1, np.int32)[:, 0]
        counts = np.bincount(corner, minlength=len(mesh.vertices))
        sums = [np.bincount(corner, column_, len(mesh.vertices)) for column_ in values.T]
        values = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None]
    return _bytes(values)


def _corner_colours(mesh: bpy.types.Mesh) -> NDArray[np.uint8] | None:
    """(F, 3, 3), of the corners of each triangle."""
    active = _active_colours(mesh)
    if active is None:
        return None
    values = _bytes(column(active.data, "color_srgb", 4, np.float32))
    which = "vertices" if active.domain == "POINT" else "loops"
    return values[column(mesh.loop_triangles, which, 3, np.int32)]


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.rint(np.clip(values[:, :3], 0, 1) * 255).astype(np.uint8)


def _joined(colours: list[NDArray[np.uint8] | None], counts: list[int]) -> NDArray[np.uint8] | None:
    """The colours of all parts, white for parts without; None where no part has any."""
    shape = next((part.shape[1:] for part in colours if part is not None), None)
    if shape is None:
        return None
    return np.concatenate(
        [
            np.full((count, *shape), 255, dtype=np.uint8) if part is None else part
            for part, count in zip(colours, counts, strict=True)
        ]
    )


def make_mesh(
    name: str,
    vertices: NDArray[Any],
    faces: NDArray[Any],
    colours: NDArray[np.uint8] | None = None,
    smooth: bool = True,
) -> bpy.types.Mesh:
    """A mesh: vertices (V, 3), triangles (F, 3), colours (V, 3) sRGB or None."""
    mesh = bpy.data.meshes.new(name)
    fill_mesh(mesh, vertices, faces, smooth)
    if colours is not None:
        rgba = np.concatenate([colours, np.full_like(colours[:, :1], 255)], axis=1) / 255
        attribute = mesh.color_attributes.new("Color", "BYTE_COLOR", "POINT")
        attribute.data.foreach_set("color_srgb", rgba.astype(np.float32).ravel())
    return mesh


def fill_mesh(
    mesh: bpy.types.Mesh, vertices: NDArray[Any], faces: NDArray[Any], smooth: bool = True
) -> None:
    """Gives an empty mesh vertices (V, 3) and triangles (F, 3)."""
    mesh.vertices.add(len(vertices))
    # Written as attributes, arrays are copied whole; by their older names, number by number.
    positions = mesh.attributes["position"].data
    positions.foreach_set("vector", np.asarray(vertices, dtype=np.float32).ravel())
    mesh.loops.add(3 * len(faces))
    corners = mesh.attributes[".corner_vert"].data
    corners.foreach_set("value", np.asarray(faces, dtype=np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * len(faces), 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    if smooth:
        mesh.shade_smooth()
    else:
        mesh.shade_flat()


def on_floor(vertices: NDArray[Any]) -> NDArray[Any]:
    """Vertices (V, 3) lifted or lowered so that they stand on the plane z = 0."""
    return vertices - np.array([0, 0, vertices[:, 2].min()], dtype=vertices.dtype)


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
    unshear(mesh, matrix)
    for other in view_layer.objects:
        other.select_set(False, view_layer=view_layer)
    made.select_set(True, view_layer=view_layer)
    view_layer.objects.active = made
    return made


def unshear(mesh: bpy.types.Mesh, matrix: Matrix) -> None:
    """Puts into a mesh what an object's place, turn and size leave of a transform.

    An object without a parent has no shear.
    """
    rest = Matrix.LocRotScale(*matrix.decompose()).inverted_safe() @ matrix
    if np.abs(np.array(rest) - np.eye(4)).max() > SHEAR:
        mesh.transform(rest)


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


def column(collection: Any, name: str, width: int, kind: Any) -> NDArray[Any]:
    """One property of all items of a collection, (N, width)."""
    values = np.empty(len(collection) * width, dtype=kind)
    collection.foreach_get(name, values)
    return values.reshape(-1, width)
