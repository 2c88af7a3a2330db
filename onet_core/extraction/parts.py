"""How many pieces a surface is in."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..mesh import Mesh

# Smaller pieces, by their share of the whole area, are crumbs.
_LEAST_SHARE = 0.01


def count_parts(mesh: Mesh) -> int:
    """The number of pieces that hang together by shared vertices, without crumbs."""
    if mesh.is_empty:
        return 0
    first, second, third = mesh.faces.astype(np.int64).T
    rows, columns = np.concatenate([first, second]), np.concatenate([second, third])
    count = len(mesh.vertices)
    links = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(count, count))
    _, part = connected_components(links, directed=False)
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.bincount(part[first], np.linalg.norm(normals, axis=1))
    return int((areas >= _LEAST_SHARE * areas.sum()).sum())
