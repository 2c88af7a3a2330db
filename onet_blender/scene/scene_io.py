"""Datablocks to NumPy arrays and back. Coordinates leave Blender in world space, z up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from onet_core.colours import to_srgb
from onet_core.errors import InputError

from .meshes import (
    NORMALS,
    SIGHTS,
    starts_of,
    turned_normals,
    turned_parts,
    turned_ways,
    vectors_of,
)
from .pieces import Room

# More than rounding leaves, less than can be seen.
SHEAR = 1e-5
MAKES_INSTANCES = ("NODES", "PARTICLE_SYSTEM")
# Types of objects that have a mesh when evaluated.
HAS_MESH = ("MESH", "CURVE", "SURFACE", "FONT", "META")
CORNERS_OF_A_QUAD = 4

# Places (V, 3) -> vertices (F, 3) and loops (F, 3) of triangles.
Triangulate = Callable[[NDArray[np.float32]], tuple[NDArray[np.int32], NDArray[np.int32] | None]]


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points in the world.

    points: (N, 3).
    colours: (N, 3) sRGB or None.
    normals: (N, 3), known exactly, or None.
    stated: (N, 3), normals that a file had, unit vectors or zeros, or None.
    sights: (N, 3), from the points to the scanners that saw them, or None.
    """

    points: NDArray[np.float64]
    colours: NDArray[np.uint8] | None = None
    normals: NDArray[np.float64] | None = None
    stated: NDArray[np.float64] | None = None
    sights: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Surface:
    """vertices (V, 3) in the world, triangles (F, 3), colours (F, 3, 3) of corners or None."""

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    colours: NDArray[np.uint8] | None = None


def read_cloud(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Callable[[], Cloud]:
    """The vertices and points of an object, modifiers and instances applied.

    Returns a function that does the rest of the work and needs no Blender. Raises InputError where
    there are none.
    """
    parts: list[tuple[NDArray[np.float32], Matrix, Callable[[], NDArray[np.uint8] | None]]] = []
    known: dict[str, list[NDArray[np.float32] | None]] = {NORMALS: [], SIGHTS: []}
    for part, matrix in parts_of(item, depsgraph):
        with geometry_of(part) as data:
            if isinstance(data, bpy.types.Mesh):
                found = places_of(data.attributes, len(data.vertices))
                painted = _vertex_colours(data)
            elif isinstance(data, bpy.types.PointCloud):
                count = len(data.points)
                found, painted = places_of(data.attributes, count), _painted(data.attributes, count)
            else:
                continue
            if len(found):
                parts.append((found, matrix.copy(), painted))
                for name, vectors in known.items():
                    vectors.append(vectors_of(data.attributes, name, len(found)))
    if not parts:
        raise InputError(
            "{name} has no points: choose a mesh or a point cloud that has some.", name=item.name
        )

    def cloud() -> Cloud:
        points = [transformed(places, matrix) for places, matrix, _ in parts]
        colours = _joined([painted() for _, _, painted in parts], [len(part) for part in points])
        matrices = [matrix for _, matrix, _ in parts]
        stated = turned_parts(known[NORMALS], matrices, turned_normals)
        sights = turned_parts(known[SIGHTS], matrices, turned_ways)
        return Cloud(np.concatenate(points), colours, stated=stated, sights=sights)

    return cloud


def room_for(part: bpy.types.Object) -> list[int]:
    """The bytes of the large arrays that are read of an evaluated mesh or point cloud."""
    data = part.data
    if isinstance(data, bpy.types.PointCloud):
        return [12 * len(data.points)] * 2
    if not isinstance(data, bpy.types.Mesh):
        return []
    places, colours = 12 * len(data.vertices), _active_colours(data)
    # The places are read twice, for `sources.digest` too.
    faces = len(data.polygons)
    sizes = [places, places, 4 * len(data.loops), 4 * faces, 4 * max(faces - 1, 0)]
    return sizes if colours is None else [*sizes, 16 * len(colours.data)]


def read_surface(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Callable[[], Surface]:
    """The triangles of an object, modifiers and instances applied.

    Returns a function that does the rest of the work and needs no Blender. Raises InputError where
    there are none.
    """
    parts = []
    for part, matrix in parts_of(item, depsgraph):
        with geometry_of(part) as data:
            if not isinstance(data, bpy.types.Mesh):
                continue
            if len(data.polygons):
                places = places_of(data.attributes, len(data.vertices))
                parts.append((places, matrix.copy(), _triangles(data), _corner_colours(data)))
    if not parts:
        raise InputError("{name} has no faces: choose a mesh that has some.", name=item.name)

    def surface() -> Surface:
        starts = np.cumsum([0, *(len(places) for places, *_ in parts[:-1])], dtype=np.int32)
        triangles, colours = [], []
        for start, (places, _, triangulated, painted) in zip(starts, parts, strict=True):
            corners, loops = triangulated(places)
            triangles.append(corners + start)
            colours.append(painted(corners, loops))
        return Surface(
            np.concatenate([transformed(places, matrix) for places, matrix, *_ in parts]),
            np.concatenate(triangles),
            _joined(colours, [len(part) for part in triangles]),
        )

    return surface


def read_volume(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Callable[[], Surface]:
    """The triangles around what a Volume object holds, modifiers applied.

    Returns a function that does the rest of the work and needs no Blender. Raises InputError where
    the volume is empty.

    Blender's own modifier makes the triangles, on an object that lives as long as this call, and at
    once: of a full ball of 128 cells along each side in 13 ms, of 256 in 55, of 400 in 190. With
    other cells than the volume's own it would take four times as long.
    """
    mesh = bpy.data.meshes.new("ONet")
    helper = bpy.data.objects.new("ONet", mesh)
    try:
        depsgraph.scene.original.collection.objects.link(helper)
        # A world transform of its own would be undone: the modifier lays the mesh over the volume.
        modifier = helper.modifiers.new("ONet", "VOLUME_TO_MESH")
        modifier.object = item
        modifier.resolution_mode = "GRID"
        depsgraph.update()
        return read_surface(helper, depsgraph)
    except InputError as error:
        raise InputError(
            "The volume {name} is empty: is its file still there, and does it have a grid of "
            "densities?",
            name=item.name,
        ) from error
    finally:
        bpy.data.objects.remove(helper)
        bpy.data.meshes.remove(mesh)


def parts_of(
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
def geometry_of(part: bpy.types.Object) -> Iterator[Any]:
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


def places_of(attributes: Any, count: int) -> NDArray[np.float32]:
    """The places (count, 3) of vertices or points, copied whole."""
    places = Room.empty((count, 3), np.float32)
    if count:
        attributes["position"].data.foreach_get("vector", places.ravel())
    return places


def _triangles(mesh: bpy.types.Mesh) -> Triangulate:
    """What makes the triangles of the places (V, 3), of which what is left needs no Blender.

    It gives vertices (F, 3) and loops (F, 3) of the triangles; None for the loops in their order.
    """
    corners = Room.empty(len(mesh.loops), np.int32)
    mesh.attributes[".corner_vert"].data.foreach_get("value", corners)
    count = len(mesh.polygons)
    if 3 * count == len(corners):
        return lambda places: (corners.reshape(-1, 3), None)  # nothing but triangles
    starts = starts_of(mesh)
    between = Room.empty(count - 1, np.int32)
    np.subtract(starts[1:], starts[:-1], out=between)
    if max(between.max(initial=0), len(corners) - starts[-1]) <= CORNERS_OF_A_QUAD:

        def halved(places: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
            loops = triangles_of_quads(places, corners, starts)
            return corners[loops], loops

        return halved
    mesh.calc_loop_triangles()
    loops = column(mesh.loop_triangles, "loops", 3, np.int32)
    return lambda places: (corners[loops], loops)


def triangles_of_quads(
    places: NDArray[np.float32], corners: NDArray[np.int32], starts: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Loops (F, 3) of the triangles that Blender makes of triangles and quads, in its order.

    A quad is cut from its first corner to its third, or where that lies outside between the others.
    Number by number, Blender's main thread would need five times as long for them as for this.
    """
    is_quad = np.diff(starts, append=len(corners)) == CORNERS_OF_A_QUAD
    first, second, third, fourth = (places[corners[starts[is_quad] + i]] for i in range(4))
    diagonal = third - first
    one, other = np.cross(second - first, diagonal), np.cross(fourth - first, diagonal)
    is_flipped = (np.einsum("qi,qi->q", one, other) > 0)[:, None]
    places_of = np.cumsum(is_quad) - is_quad + np.arange(len(starts))
    loops = np.empty((len(starts) + np.count_nonzero(is_quad), 3), dtype=np.int32)
    loops[places_of] = starts[:, None] + [0, 1, 2]
    quads, base = places_of[is_quad], starts[is_quad][:, None]
    loops[quads] = base + np.where(is_flipped, [0, 1, 3], [0, 1, 2])
    loops[quads + 1] = base + np.where(is_flipped, [1, 2, 3], [0, 2, 3])
    return loops


def _read_colours(attribute: Any) -> Callable[[], NDArray[np.float32]]:
    """Reads the colours (N, 4) of an attribute; what is left to do is to make them sRGB."""
    if attribute.data_type == "BYTE_COLOR":
        values = column(attribute.data, "color_srgb", 4, np.float32)
        return lambda: values
    # Copied whole, as they are.
    linear = column(attribute.data, "color", 4, np.float32)
    return lambda: srgb(linear)


def srgb(linear: NDArray[Any]) -> NDArray[Any]:
    """Scene linear colours as sRGB; alpha, a fourth channel, stays."""
    curved = linear.copy()
    curved[..., :3] = to_srgb(np.clip(linear[..., :3], 0, 1))
    return curved


def _painted(attributes: Any, count: int) -> Callable[[], NDArray[np.uint8] | None]:
    """The colours (count, 3) of the first attribute of that many colours."""
    for attribute in attributes:
        if attribute.data_type in ("BYTE_COLOR", "FLOAT_COLOR") and len(attribute.data) == count:
            read = _read_colours(attribute)
            return lambda: _bytes(read())
    return lambda: None


def _active_colours(mesh: bpy.types.Mesh) -> Any:
    active = mesh.color_attributes.active_color
    return active if active is not None and active.domain in ("POINT", "CORNER") else None


def _vertex_colours(mesh: bpy.types.Mesh) -> Callable[[], NDArray[np.uint8] | None]:
    """(V, 3), of a vertex whose corners differ their mean."""
    active = _active_colours(mesh)
    if active is None:
        return lambda: None
    read = _read_colours(active)
    if active.domain == "POINT":
        return lambda: _bytes(read())
    count = len(mesh.vertices)
    corner = Room.empty(len(mesh.loops), np.int32)
    mesh.attributes[".corner_vert"].data.foreach_get("value", corner)

    def mean() -> NDArray[np.uint8]:
        counts = np.bincount(corner, minlength=count)
        sums = [np.bincount(corner, channel, count) for channel in read().T]
        return _bytes(np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None])

    return mean


def _corner_colours(
    mesh: bpy.types.Mesh,
) -> Callable[[NDArray[np.int32], NDArray[np.int32] | None], NDArray[np.uint8] | None]:
    """(F, 3, 3), of the corners of each triangle, from what `_triangles` has of them."""
    active = _active_colours(mesh)
    if active is None:
        return lambda corners, loops: None
    read = _read_colours(active)
    if active.domain == "POINT":
        return lambda corners, loops: _bytes(read())[corners]
    return lambda corners, loops: (
        _bytes(read()).reshape(-1, 3, 3) if loops is None else _bytes(read())[loops]
    )


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


def add_object(
    name: str,
    mesh: bpy.types.Mesh,
    matrix: Matrix,
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
) -> bpy.types.Object:
    """A new object in the scene, see `put_into_scene`."""
    made = bpy.data.objects.new(name, mesh)
    put_into_scene(made, matrix, scene, view_layer)
    return made


def put_into_scene(
    made: bpy.types.Object,
    matrix: Matrix,
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
) -> None:
    """Gives a new mesh object this world transform, the only one selected in the view layer.

    It goes into the active collection, or into the scene's own where that is hidden or linked.
    """
    active = view_layer.active_layer_collection
    usable = active.is_visible and not active.exclude and active.collection.is_editable
    home = active.collection if usable else scene.collection
    home.objects.link(made)
    made.matrix_world = matrix
    unshear(made.data, matrix)
    for other in view_layer.objects:
        other.select_set(False, view_layer=view_layer)
    made.select_set(True, view_layer=view_layer)
    view_layer.objects.active = made


def unshear(mesh: bpy.types.Mesh, matrix: Matrix) -> None:
    """Puts into a mesh what an object's place, turn and size leave of a transform.

    An object without a parent has no shear.
    """
    rest = Matrix.LocRotScale(*matrix.decompose()).inverted_safe() @ matrix
    if np.abs(np.array(rest) - np.eye(4)).max() > SHEAR:
        mesh.transform(rest)


def is_ours(item: bpy.types.Object) -> bool:
    """Whether an object is this file's own: a library override forgets the mesh that it is given.

    It forgets also what is kept in `Object.onet`, when the file is opened the next time.
    """
    return bool(item.is_editable) and item.override_library is None


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


def place_of(item: bpy.types.Object) -> Matrix:
    """How a mesh was moved within its object since it was made, (4, 4)."""
    values = item.onet.place
    return Matrix([values[row : row + 4] for row in range(0, 16, 4)])


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
    values = Room.empty(len(collection) * width, kind)
    collection.foreach_get(name, values)
    return values.reshape(-1, width)
