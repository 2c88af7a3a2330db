"""Colours from one mesh to another that lies over it."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

from ..scene.meshes import COLOURS
from ..scene.scene_io import column

# A point is mixed of its triangle's corners; flat triangles have no area to divide by.
LEAST_AREA = 1e-20


class Colours:
    """The colours of a mesh as they are now, to be looked up by place in its own space."""

    def __init__(self, mesh: bpy.types.Mesh) -> None:
        attribute = mesh.color_attributes.get(COLOURS)
        self._colours: NDArray[np.float32] | None = None
        if attribute is None or attribute.domain != "POINT" or not len(mesh.polygons):
            return
        self._colours = column(attribute.data, "color_srgb", 4, np.float32)
        mesh.calc_loop_triangles()
        self._triangles = column(mesh.loop_triangles, "vertices", 3, np.int32)
        self._places = column(mesh.vertices, "co", 3, np.float32)
        self._tree = BVHTree.FromPolygons(
            self._places.tolist(), self._triangles.tolist(), all_triangles=True
        )

    def give(self, mesh: bpy.types.Mesh) -> None:
        """Gives another mesh the colours of the nearest places, if there are any."""
        if self._colours is None:
            return
        places = column(mesh.vertices, "co", 3, np.float32)
        found = [self._tree.find_nearest(place) for place in places.tolist()]
        corners = self._triangles[[index for _, _, index, _ in found]]
        nearest = np.array([place for place, *_ in found], dtype=np.float64)
        weights = _barycentric(nearest, self._places[corners].astype(np.float64))
        mixed = np.einsum("nk,nkc->nc", weights, self._colours[corners])
        attribute = mesh.color_attributes.get(COLOURS)
        if attribute is not None:
            mesh.color_attributes.remove(attribute)
        attribute = mesh.color_attributes.new(COLOURS, "BYTE_COLOR", "POINT")
        attribute.data.foreach_set("color_srgb", mixed.astype(np.float32).ravel())
        mesh.color_attributes.active_color = attribute


def _barycentric(places: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights (N, 3) of triangles' corners (N, 3, 3) at places (N, 3) in them."""
    ends = corners - places[:, None]
    areas = np.linalg.norm(np.cross(np.roll(ends, -1, axis=1), np.roll(ends, -2, axis=1)), axis=2)
    total = areas.sum(axis=1, keepdims=True)
    return np.where(total > LEAST_AREA, areas / np.maximum(total, LEAST_AREA), 1 / 3)
