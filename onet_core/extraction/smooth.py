"""Bumps as small as the mesh's own triangles, taken off without shrinking the shape.

Taubin, "A signal processing approach to fair surface design", SIGGRAPH 1995: each step towards the
neighbours' means is followed by a slightly larger one away from them.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array

from ..mesh import Mesh

# Of the way to the neighbours' mean, first towards and then away.
TOWARDS, AWAY = 0.5, 0.53


def smooth(mesh: Mesh, steps: int) -> Mesh:
    """The mesh after so many pairs of steps; faces and colours stay, normals are dropped.

    All neighbours along edges count alike. Vertices come back as float64; those without faces stay.
    """
    if steps < 1 or mesh.is_empty:
        return mesh
    count = len(mesh.vertices)
    starts, ends = mesh.faces.ravel(), np.roll(mesh.faces, -1, axis=1).ravel()
    around = coo_array((np.ones(len(starts)), (starts, ends)), shape=(count, count)).tocsr()
    links = around + around.T
    # An edge is met in each of its faces, but counts once.
    links.data[:] = 1.0
    degree = np.asarray(links.sum(axis=1)).reshape(-1, 1)
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    for _ in range(steps):
        for part in (TOWARDS, -AWAY):
            mean = np.divide(links @ vertices, degree, out=vertices.copy(), where=degree > 0)
            vertices = vertices + part * (mean - vertices)
    return Mesh(vertices, mesh.faces, colours=mesh.colours)
