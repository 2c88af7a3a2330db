"""Bumps as small as the mesh's own triangles, taken off without shrinking the shape.

Taubin, "A signal processing approach to fair surface design", SIGGRAPH 1995: each step towards the
neighbours' means is followed by a slightly larger one away from them.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from .mesh import Mesh

# Of the way to the neighbours' mean, first towards and then away.
TOWARDS, AWAY = 0.5, 0.53


def smooth(mesh: Mesh, steps: int) -> Mesh:
    """A closed mesh after `steps` pairs of steps; faces and colours stay, normals are dropped.

    All neighbours along edges count alike. Every vertex belongs to a face. Vertices come back as
    float64.
    """
    if steps < 1 or mesh.is_empty:
        return mesh
    faces = np.asarray(mesh.faces)
    vertices = np.array(mesh.vertices, dtype=np.float64)
    # Of a closed mesh each edge is there in both directions.
    here, there = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    count = np.bincount(here, minlength=len(vertices))
    means = csr_array((1 / count[here], (here, there)), shape=(len(vertices),) * 2)
    for _ in range(steps):
        for part in (TOWARDS, -AWAY):
            vertices += part * (means @ vertices - vertices)
    return Mesh(vertices, mesh.faces, colours=mesh.colours)
