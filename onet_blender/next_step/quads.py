"""Clean quads instead of triangles, by Blender's QuadriFlow, with the colours carried over."""

from __future__ import annotations

import math

import bmesh
import bpy
import numpy as np
from mathutils import Matrix

from onet_core.errors import InputError

from ..scene.scene_io import column
from .colours import Colours

# In units of the mesh while it is remeshed.
WORKING_SIZE, SHORTEST_EDGE = 100.0, 2e-4
QUADRIFLOW, VOXELS = "QUADRIFLOW", "VOXELS"
# The voxel remesher makes about this many quads where one per cell of the surface is counted.
QUADS_PER_CELL = 1.3


def remesh(context: bpy.types.Context, item: bpy.types.Object, faces: int) -> str:
    """Remeshes an object to about `faces` quads; returns the name of the remesher.

    QuadriFlow needs a closed surface; others go to the voxel remesher, whose quads follow the axes.
    Raises InputError where neither can.
    """
    mesh = own_mesh(item)
    if not len(mesh.polygons):
        raise InputError("{name} has no faces: choose a mesh that has some.", name=item.name)
    smooth = mesh.polygons[0].use_smooth
    materials = list(mesh.materials)
    colours, area = Colours(mesh), sum(column(mesh.polygons, "area", 1, np.float32)[:, 0])
    way = QUADRIFLOW
    with context.temp_override(
        object=item, active_object=item, selected_objects=[item], selected_editable_objects=[item]
    ):
        grown = _prepared(mesh)
        done = _by_quadriflow(faces, smooth)
        item.data.transform(Matrix.Scale(1 / grown, 4))
        if not done:
            way = VOXELS
            mesh.remesh_voxel_size = max(1e-4, math.sqrt(area / faces * QUADS_PER_CELL))
            try:
                bpy.ops.object.voxel_remesh()
            except RuntimeError as error:
                raise InputError(
                    "{name} can't be remeshed: {error}", name=item.name, error=str(error).strip()
                ) from error
    made = item.data
    made.materials.clear()
    for material in materials:
        made.materials.append(material)
    colours.give(made)
    if smooth:
        made.shade_smooth()
    else:
        made.shade_flat()
    return way


def _prepared(mesh: bpy.types.Mesh) -> float:
    """Scales a mesh up and merges what would still be an edge without length to QuadriFlow.

    It takes edges of less than 0.0001 units for a defect, whatever the mesh's size. Returns the
    factor.
    """
    places = column(mesh.vertices, "co", 3, np.float32)
    factor = WORKING_SIZE / max(float(np.ptp(places, axis=0).max()), 1e-9)
    mesh.transform(Matrix.Scale(factor, 4))
    working = bmesh.new()
    working.from_mesh(mesh)
    bmesh.ops.remove_doubles(working, verts=working.verts, dist=SHORTEST_EDGE)
    bmesh.ops.dissolve_degenerate(working, edges=working.edges, dist=SHORTEST_EDGE)
    working.to_mesh(mesh)
    working.free()
    return factor


def _by_quadriflow(faces: int, smooth: bool) -> bool:
    """Whether QuadriFlow took the active object's mesh."""
    try:
        done = bpy.ops.object.quadriflow_remesh(
            mode="FACES", target_faces=faces, use_mesh_symmetry=False, smooth_normals=smooth
        )
    except RuntimeError:
        return False
    return "FINISHED" in done


def own_mesh(item: bpy.types.Object) -> bpy.types.Mesh:
    """An object's mesh, first made its own where others use it too.

    Raises InputError where it is not a mesh that can be changed.
    """
    if item.type != "MESH":
        raise InputError("{name} has no faces: choose a mesh that has some.", name=item.name)
    if not item.is_editable or not item.data.is_editable:
        raise InputError("{name} is linked from another file: make it local first.", name=item.name)
    if item.data.shape_keys is not None:
        raise InputError("{name} has shape keys, which this would destroy.", name=item.name)
    if item.data.users > 1:
        item.data = item.data.copy()
    return item.data
