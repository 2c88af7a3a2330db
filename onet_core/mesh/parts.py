"""How many pieces a surface is in."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .mesh import Mesh

# Smaller pieces, by their share of the whole area, are crumbs.
LEAST_SHARE = 0.01


def count_parts(mesh: Mesh, least_share: float = LEAST_SHARE) -> int:
    """The number of pieces that hang together by shared vertices.

    Without crumbs: pieces that have less than that share of the whole area.
    """
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
    return int((areas >= least_share * areas.sum()).sum())
