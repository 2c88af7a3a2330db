"""Moves of vertices that leave every face as it faces."""

from __future__ import annotations

import torch
from torch import Tensor

# No move may turn a face by more than about 75 degrees from where it was found, nor shrink it below
# a twentieth of the area it had.
_SMALLEST_COSINE = 0.25
_SMALLEST_AREA = 0.05


class FoldGuard:
    """Takes back the moves of vertices that would flip a face or take its area.

    vertices: (V, 3), those of the mesh as it was found; faces: (F, 3) int64.
    """

    def __init__(self, vertices: Tensor, faces: Tensor) -> None:
        self._faces = faces
        normal = self._area_normals(vertices)
        area = normal.norm(dim=1)
        self._normal = normal / area.clamp_min(torch.finfo(normal.dtype).tiny)[:, None]
        self._smallest_area = _SMALLEST_AREA * area
        self._has_area = area > 0  # Nothing is left to keep of a face without area.

    def without_folds(self, vertices: Tensor, moved: Tensor) -> Tensor:
        """The moved vertices, less those whose move spoils a face; all (V, 3).

        `vertices` spoil none, so taking back moves until none is spoilt comes to an end.
        """
        while True:
            normal = self._area_normals(moved)
            area = normal.norm(dim=1)
            cosine_by_area = (normal * self._normal).sum(dim=1)
            spoilt = (cosine_by_area < _SMALLEST_COSINE * area) | (area < self._smallest_area)
            spoilt &= self._has_area
            if not spoilt.any():
                return moved
            corners = self._faces[spoilt].flatten()
            moved = moved.clone()
            moved[corners] = vertices[corners]

    def _area_normals(self, vertices: Tensor) -> Tensor:
        # In double, where the device has it: thin faces lose their direction to rounding otherwise.
        exact = vertices if vertices.device.type == "mps" else vertices.double()
        corner = exact[self._faces]
        return torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
