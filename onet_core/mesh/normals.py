"""Vertex normals: from the field's gradient, or from the faces around."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..field import Field, Progress, evaluate_with_gradient, stage
from .mesh import weighted_normals

_SMALLEST = 1e-12
# Each takes some 200 bytes while it is looked at.
_FACES_AT_ONCE = 1 << 18


def vertex_normals(
    vertices: NDArray[np.floating],
    field: Field,
    *,
    faces: NDArray[np.integer] | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    batch_points: int | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """The field's outward normals: -gradient of the logit, normalised.

    vertices: (V, 3) in the network's frame -> (V, 3) of unit length. Where the gradient vanishes
    there is no such normal: those vertices get the normal of the faces (F, 3) around them, or, if
    no faces are given, zeros. Where a shape is cut off at the box these are the field's normals,
    not those of the cut.
    Raises ModelError where the field is not finite.
    """
    points = torch.as_tensor(np.ascontiguousarray(vertices), dtype=dtype, device=device)
    _, gradient = evaluate_with_gradient(
        field, points, batch_points=batch_points, progress=stage(progress, "normals")
    )
    normals = -gradient.cpu().double().numpy()
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    has_normal = np.isfinite(length) & (length > _SMALLEST)
    normals = np.divide(normals, length, out=np.zeros_like(normals), where=has_normal)
    if faces is not None and not has_normal.all():
        normals = np.where(has_normal, normals, face_based_normals(vertices, faces))
    return normals


def face_based_normals(
    vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Vertex normals as the average of the faces around, weighted by area.

    vertices (V, 3), faces (F, 3) -> (V, 3) of unit length; zeros for a vertex without faces.
    """
    vertices = np.asarray(vertices, dtype=np.float64)
    normals = np.zeros((len(vertices), 3))
    for start in range(0, len(faces), _FACES_AT_ONCE):
        some = faces[start : start + _FACES_AT_ONCE]
        for axis, weighted in enumerate(weighted_normals(vertices, some)):
            for corner in some.T:
                normals[:, axis] += np.bincount(corner, weighted, len(vertices))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
