"""Solids of some shapes: what is inside, and which patches of their faces are outside."""

from __future__ import annotations

import torch
from torch import Tensor

from . import bank_labels, bank_patches

# Half the thickness of sheets; how far to either side of a face a solid is looked for.
THICKNESS = 1.5 / 256
PROBES = {"winding": 2 * THICKNESS, "floodfill": 2.5 / bank_labels.GRID}
# A point so far from a face is beyond the solid's surface where the face lies in it.
_NEXT = 5e-4
_QUERIES_AT_ONCE = 4_000_000


class Solids:
    """Shapes that tell inside from outside by one method: `winding` or `floodfill`.

    corners: (F, 3, 3) of all faces, shape after shape from starts (S + 1,); grids: (S, bytes) of
    solid cells where the method is a flood; level: (F,) how finely each face is cut into patches.
    """

    def __init__(self, corners: Tensor, starts: Tensor, method: str) -> None:
        self.corners, self.starts, self.method = corners, starts, method
        self.shapes = len(starts) - 1
        device = corners.device
        self.owner = torch.repeat_interleave(
            torch.arange(self.shapes, device=device), starts.diff()
        )
        cross = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        double = cross.norm(dim=-1)
        self.areas, self.normals = double / 2, cross / double[:, None].clamp_min(1e-20)
        self.level = bank_patches.levels(self.areas, self.owner, self.shapes)
        self.grids: Tensor | None = None
        if method == "floodfill":
            cells = bank_labels.flood(corners, starts)
            self.grids = bank_labels.pack_bits(cells.view(self.shapes, -1))
        self._cut()

    def _cut(self) -> None:
        """Finds for all patches of all faces which sides of them are free, and which are thin."""
        device = self.corners.device
        counts = self.level**2
        self.patch_first = counts.cumsum(0) - counts
        self.face = torch.repeat_interleave(torch.arange(len(counts), device=device), counts)
        self.number = torch.arange(len(self.face), device=device) - self.patch_first[self.face]
        within = torch.full((len(self.face), 2), 1 / 3, device=device)
        shares = bank_patches.shares(self.level[self.face], self.number, within)
        self.centres = (shares[..., None] * self.corners[self.face]).sum(-2)
        # Patches are in the order of faces, faces in that of shapes.
        everywhere = torch.arange(len(self.face), device=device)
        probe = PROBES[self.method]
        self.front = ~self._base_beside(everywhere, probe)
        self.back = ~self._base_beside(everywhere, -probe)
        self.thin = self.front & self.back
        if self.method == "winding" and self.thin.any():
            # Walls thinner than the probe: their inner sides are no surface.
            thin = self.thin.nonzero()[:, 0]
            self.front[thin] &= ~self._base_beside(thin, _NEXT)
            self.back[thin] &= ~self._base_beside(thin, -_NEXT)

    def _base_beside(self, patches: Tensor, distance: float) -> Tensor:
        """Whether there is solid so far in front of the centres of some patches, in order."""
        face = self.face[patches]
        points = self.centres[patches] + distance * self.normals[face]
        owner = self.owner[face]
        if self.grids is not None:
            return bank_labels.in_cells(self.grids, owner, points)
        counts = torch.bincount(owner, minlength=self.shapes)
        starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        winding, _, _ = bank_labels.over_faces(points, starts, self.corners, self.starts)
        return winding > 0.5

    def surface(self, number: int) -> dict[str, Tensor]:
        """The patches with a free side, as a `Bank` has them; the first shape has that number."""
        owner = self.owner[self.face]
        # Shapes with nothing outside keep all their faces, as they look.
        free = torch.zeros(self.shapes, dtype=torch.bool, device=owner.device)
        free[owner[self.front | self.back]] = True
        front = self.front | ~free[owner]
        entry = torch.cat([front.nonzero()[:, 0], self.back.nonzero()[:, 0]])
        side = torch.ones(len(entry), dtype=torch.int8, device=entry.device)
        side[int(front.sum()) :] = -1
        order = entry.argsort(stable=True)
        entry, side = entry[order], side[order]
        face = self.face[entry]
        # The same number for patches of a face; float64, so that small ones count in the sums.
        area = (self.areas / self.level**2).double()[face]
        shape = self.owner[face]
        counts = torch.bincount(shape, minlength=self.shapes)
        starts = counts.cumsum(0) - counts
        sums = area.cumsum(0)
        before = torch.cat([sums.new_zeros(1), sums])[starts]
        total = torch.zeros_like(before).index_add(0, shape, area)
        return {
            "patch_face": face.int(),
            "patch_number": self.number[entry].to(torch.int16),
            "patch_side": side,
            "patch_thin": self.thin[entry],
            "patch_starts": starts,
            "sums": (sums - before[shape]) / total[shape] + shape + number,
        }

    def inside(self, points: Tensor) -> Tensor:
        """Whether points (S, N, 3), as many of each shape, are in its thickened solid: (S, N)."""
        shapes, count = points.shape[:2]
        device = points.device
        inside = torch.empty((shapes, count), dtype=torch.bool, device=device)
        step = max(1, _QUERIES_AT_ONCE // count)
        for first in range(0, shapes, step):
            some = points[first : first + step]
            faces = self.starts[first : first + len(some) + 1]
            starts = torch.arange(len(some) + 1, device=device) * count
            flat = some.reshape(-1, 3)
            winding, squared, nearest = bank_labels.over_faces(flat, starts, self.corners, faces)
            if self.grids is None:
                solid = winding > 0.5
            else:
                row = torch.arange(first, first + len(some), device=device).repeat_interleave(count)
                solid = bank_labels.in_cells(self.grids, row, flat)
            close = (~solid & (squared < THICKNESS**2)).nonzero()[:, 0]
            face = nearest[close]
            _, shares = bank_labels.closest(flat[close], self.corners[face])
            number = bank_patches.patch_of(self.level[face], shares)
            solid[close] = self.thin[self.patch_first[face] + number]
            inside[first : first + step] = solid.view(len(some), count)
        return inside
