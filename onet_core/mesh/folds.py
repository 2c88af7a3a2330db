"""Moves of vertices that leave every face as it faces."""

from __future__ import annotations

import torch
from torch import Tensor

# No move may turn a face by more than about 75 degrees from where it was found, nor shrink it below
# a twentieth of the area it had.
_SMALLEST_COSINE = 0.25
_SMALLEST_AREA = 0.05
# Each takes some 300 bytes while it is looked at.
_FACES_AT_ONCE = 1 << 18


class FoldGuard:
    """Takes back the moves of vertices that would flip a face or take its area.

    vertices: (V, 3), those of the mesh as it was found; faces: (F, 3) int64.
    """

    def __init__(self, vertices: Tensor, faces: Tensor) -> None:
        self._faces = faces.split(_FACES_AT_ONCE)
        self._normals: list[Tensor] = []
        self._smallest_areas: list[Tensor] = []
        for part in self._faces:
            normal = _area_normals(vertices, part)
            area = normal.norm(dim=1)
            tiny = torch.finfo(normal.dtype).tiny
            self._normals.append(normal.div_(area.clamp_min(tiny)[:, None]))
            # Nothing is left to keep of a face without area: none is smaller than this.
            self._smallest_areas.append(torch.where(area > 0, _SMALLEST_AREA * area, -1))

    def without_folds(self, vertices: Tensor, moved: Tensor) -> Tensor:
        """The moved vertices, less those whose move spoils a face; all (V, 3).

        `vertices` spoil none, so taking back moves until none is spoilt comes to an end.
        """
        corners = self._spoilt(moved)
        if not len(corners):
            return moved
        moved = moved.clone()
        while len(corners):
            moved[corners] = vertices[corners]
            is_back = torch.zeros(len(moved), dtype=torch.bool, device=moved.device)
            is_back[corners] = True
            corners = self._spoilt(moved, is_back)
        return moved

    def _spoilt(self, moved: Tensor, changed: Tensor | None = None) -> Tensor:
        """The corners (n,) of the faces that a move spoils.

        changed: which vertices (V,) were put back since the last look: only their faces can be
        spoilt anew. None looks at all faces.
        """
        found = []
        for part, before, smallest in zip(
            self._faces, self._normals, self._smallest_areas, strict=True
        ):
            if changed is not None:
                rows = changed[part].any(dim=1).nonzero().squeeze(1)
                part, before, smallest = part[rows], before[rows], smallest[rows]
            normal = _area_normals(moved, part)
            area = normal.norm(dim=1)
            cosine_by_area = (normal * before).sum(dim=1)
            spoilt = (cosine_by_area < _SMALLEST_COSINE * area) | (area < smallest)
            found.append(part[spoilt & (smallest >= 0)].flatten())
        return torch.cat(found)


def _area_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Normals (F, 3) as long as twice the faces' areas."""
    # In double, where the device has it: thin faces lose their direction to rounding otherwise.
    exact = vertices if vertices.device.type == "mps" else vertices.double()
    first, second, third = (exact[corner] for corner in faces.unbind(1))
    return torch.linalg.cross(second.sub_(first), third.sub_(first))
