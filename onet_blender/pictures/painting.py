"""A result's mesh to the worker that colours it from its picture, and the colours back."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from onet_core.engine.protocol import Arrays
from onet_core.errors import InputError

from ..scene import handwork, presenting
from ..scene.meshes import COLOURS
from ..scene.pieces import Pieces
from ..scene.scene_io import column, place_of, transformed
from .images import arrays_in_pieces as picture_in_pieces


def arrays_in_pieces(item: bpy.types.Object) -> Pieces[Arrays]:
    """What the worker gets: the picture, its mask, and the mesh around the network's origin."""
    kept, mesh = item.onet, item.data
    places = column(mesh.vertices, "co", 3, np.float32)
    places = transformed(places, place_of(item).inverted_safe())
    mesh.calc_loop_triangles()
    faces = column(mesh.loop_triangles, "vertices", 3, np.int32)
    if not len(faces):
        raise InputError("{name} has no faces: choose a mesh that has some.", name=item.name)
    arrays = yield from picture_in_pieces(kept.picture, kept.mask)
    # It was lifted to stand on the floor.
    middle = [0, 0, (places[:, 2].min() + places[:, 2].max()) / 2]
    return {**arrays, "mesh_vertices": places - middle, "mesh_faces": faces}


def paint(item: bpy.types.Object, colours: NDArray[np.uint8]) -> None:
    """Gives a mesh colours (V, 3) and, where it has no material, one that shows them.

    Raises InputError where the mesh has other vertices by now.
    """
    mesh, was_changed = item.data, handwork.is_changed(item)
    if len(mesh.vertices) != len(colours):
        raise InputError("{name} was changed meanwhile: try again.", name=item.name)
    rgba = np.ones((len(colours), 4), dtype=np.float32)
    np.divide(colours, np.float32(255), out=rgba[:, :3])
    attribute = mesh.color_attributes.get(COLOURS)
    if attribute is not None:
        mesh.color_attributes.remove(attribute)
    attribute = mesh.color_attributes.new(COLOURS, "BYTE_COLOR", "POINT")
    attribute.data.foreach_set("color_srgb", rgba.ravel())
    mesh.color_attributes.active_color = attribute
    presenting.show_colours(mesh)
    if not was_changed:
        handwork.note(item)
