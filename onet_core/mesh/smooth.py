"""Bumps as small as the mesh's own triangles, taken off without shrinking the shape.

Taubin, "A signal processing approach to fair surface design", SIGGRAPH 1995, by trimesh: each step
towards the neighbours' means is followed by a slightly larger one away from them.
"""

from __future__ import annotations

import numpy as np

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
    # Imported here, as everywhere beside this: most runs need no trimesh, which takes a while.
    from trimesh import Trimesh
    from trimesh.smoothing import filter_taubin, laplacian_calculation

    moved = Trimesh(np.array(mesh.vertices, dtype=np.float64), mesh.faces, process=False)
    means = laplacian_calculation(moved, equal_weight=True)
    # Each of the two halves of a step counts there.
    filter_taubin(moved, TOWARDS, AWAY, 2 * steps, means)
    return Mesh(np.array(moved.vertices), mesh.faces, colours=mesh.colours)
