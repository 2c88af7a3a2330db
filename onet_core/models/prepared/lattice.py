"""A field that is asked at the nodes of a lattice only, and interpolated between them."""

from __future__ import annotations

import torch
from torch import Tensor

from .prepared_field import PreparedField

# Nearer to a node than this, in cells, is at it: places are in single precision.
_AT_NODE = 1e-4


class LatticeField(PreparedField):
    """Logits of a costly field that has no detail finer than a lattice's cells.

    Each node is asked at most once, and only where somebody looks. At the nodes the logits are the
    field's own; between them they are interpolated linearly along each axis.

    half: of the edge of the cube that the lattice spans, around 0; nothing changes beyond it.
    cells: along an edge.
    """

    def __init__(self, field: PreparedField, half: float, cells: int) -> None:
        super().__init__()
        self._field, self._half, self._cells = field, half, cells
        self._values = torch.empty(0)

    def _logits(self, points: Tensor) -> Tensor:
        place = ((points / self._half + 1) * (self._cells / 2)).clamp(0, self._cells)
        apart = (place.round() - place).detach()
        place = place + torch.where(apart.abs() < _AT_NODE, apart, 0)
        lower = place.floor().clamp_max(self._cells - 1)
        share = place - lower
        rows, weights = _corners(lower.long(), share, self._cells + 1)
        if not points.requires_grad:
            # A node without weight is not worth asking, unless for a slope.
            rows = torch.where(weights > 0, rows, rows.gather(1, weights.argmax(1, keepdim=True)))
        self._ask(rows.unique())
        return (weights * self._values[rows]).sum(1)

    @torch.no_grad()
    def _ask(self, rows: Tensor) -> None:
        """Makes the values of the nodes with these numbers known."""
        count = self._cells + 1
        if not len(self._values):
            self._values = torch.full((count**3,), torch.nan, device=rows.device)
        unknown = rows[self._values[rows].isnan()]
        if len(unknown):
            axes = [unknown // count**2, unknown // count % count, unknown % count]
            places = torch.stack(axes, dim=1) * (2 * self._half / self._cells) - self._half
            self._values[unknown] = self._field(places.float())


def _corners(lower: Tensor, share: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Numbers (N, 8) of the nodes around places and what each counts there; lower (N, 3): the first
    node along each axis, share (N, 3): how far the place is beyond it; count: nodes an axis."""
    rows, weights = lower[:, :1] * 0, share[:, :1] * 0 + 1
    for axis in range(3):
        low, part = lower[:, axis : axis + 1], share[:, axis : axis + 1]
        rows = torch.cat([rows * count + low, rows * count + low + 1], dim=1)
        weights = torch.cat([weights * (1 - part), weights * part], dim=1)
    return rows, weights
