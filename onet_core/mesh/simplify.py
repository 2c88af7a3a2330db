"""Fewer faces for the same shape: quadric edge collapse by `fast-simplification`."""

from __future__ import annotations

import fast_simplification
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .manifold import is_closed_manifold, separate_sheets
from .mesh import Mesh
from .nearest import barycentric, nearest_on_mesh
from .normals import face_based_normals

# How much error a sweep may accept, for a mesh of size 1. Lower is closer to the shape and may stop
# above the target; beyond 4 small parts collapse.
_AGGRESSIVENESS = (2, 3, 4)
_TOLERANCE = 0.01
_CORRECTIONS = 4
_SHORTEST = 1e-6


def simplify(mesh: Mesh, target_faces: int) -> Mesh:
    """The mesh with about `target_faces` faces.

    A mesh that has no more faces already is returned as it is. The result has the target's number
    of faces within 1 %, unless the shape does not allow that few: a mesh of many small parts or
    holes stops above the target rather than losing them.
    A closed manifold mesh stays one: where the collapse has glued thin parts together, they are
    separated again (`manifold.separate_sheets`; the original's simplification leaves such places).
    Normals and colours, where the mesh has some, are those of the nearest spot of the old surface,
    between its vertices. Vertices come back as float64.

    Raises InputError for a target below 4, which no closed mesh has.
    """
    if target_faces < 4:
        raise InputError(
            "A mesh can't be simplified to {faces} faces: choose at least 4, such as 5000.",
            faces=target_faces,
        )
    if len(mesh.faces) <= target_faces:
        return mesh
    stays_manifold = is_closed_manifold(mesh.faces)
    vertices, faces = mesh.vertices, mesh.faces
    for aggressiveness in _AGGRESSIVENESS:
        vertices, faces = _collapse(mesh, target_faces, aggressiveness, stays_manifold)
        if len(faces) <= target_faces * (1 + _TOLERANCE):
            break
    return _with_attributes(mesh, vertices, faces)


def _with_attributes(
    mesh: Mesh, vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> Mesh:
    """A mesh with the normals and colours that another has where the vertices are."""
    if mesh.normals is None and mesh.colours is None:
        return Mesh(vertices, faces)
    found = nearest_on_mesh(vertices, mesh.vertices, mesh.faces)
    corners = mesh.faces[found.faces]  # [V, 3]
    shares = barycentric(mesh.vertices[corners], found.places)

    def there(values: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.einsum("vk,vkc->vc", shares, values[corners].astype(np.float64))

    normals = None
    if mesh.normals is not None:
        normals = there(mesh.normals)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        # Opposite normals leave nothing between them: there the faces around decide.
        has_normal = length > _SHORTEST
        normals = np.divide(normals, length, out=np.zeros_like(normals), where=has_normal)
        if not has_normal.all():
            normals = np.where(has_normal, normals, face_based_normals(vertices, faces))
    colours = None
    if mesh.colours is not None:
        colours = np.rint(np.clip(there(mesh.colours), 0, 255)).astype(np.uint8)
    return Mesh(vertices, faces, normals, colours)


def _collapse(
    mesh: Mesh, target_faces: int, aggressiveness: int, stays_manifold: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """One run of the library; asks it for more faces where the separation removes too many."""
    lowest = np.asarray(mesh.vertices, dtype=np.float64).min(axis=0)
    size = float(np.ptp(mesh.vertices, axis=0).max()) or 1.0
    unit_sized = (mesh.vertices - lowest) / size
    asked = target_faces
    for _ in range(_CORRECTIONS):
        vertices, faces = fast_simplification.simplify(
            unit_sized,
            np.ascontiguousarray(mesh.faces, dtype=np.int32),
            target_count=asked,
            agg=aggressiveness,
        )
        collapsed = len(faces)
        if stays_manifold and not is_closed_manifold(faces):
            vertices, faces = separate_sheets(vertices, faces)
        short = target_faces - len(faces)
        if short <= _TOLERANCE * target_faces or collapsed > asked:
            break
        asked += short
    return vertices * size + lowest, np.asarray(faces, dtype=np.int64)
