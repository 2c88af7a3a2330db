"""Triangles onto pictures, for many views at once, in plain torch on any device.

Every triangle is cut into the rows of pixels that it covers, every row into its pixels, and the
nearest fragment of a pixel wins. So nothing is drawn but what is seen, exactly, without samples.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# Edges that rise by less than this, in pixels, are level: no row crosses them.
_LEAST_HEIGHT = 1e-6


class Seen(NamedTuple):
    """What each pixel of drawn views shows.

    face: (B, S, S) int64, which triangle a pixel shows, -1 for none.
    depth: (B, S, S).
    """

    face: Tensor
    depth: Tensor


def rasterise(corners: Tensor, view: Tensor, views: int, size: int) -> Seen:
    """The nearest triangle of each pixel.

    corners: (F, 3, 3), x and y from -1 to 1 as in `PictureCamera.project` and the distance from the
    camera, which is positive; view: (F,) int64, the picture of each triangle; views: how many
    pictures; size: their edge in pixels. Both sides of triangles are seen.
    """
    place = (corners[..., :2] + 1) * (size / 2)
    nearness = 1 / corners[..., 2].clamp_min(1e-3)
    rows, row_face = _rows(place[..., 1], size)
    left, right = _spans(place[row_face], rows.to(place.dtype) + 0.5)
    first = (left - 0.5).ceil().clamp(0, size).long()
    last = (right - 0.5).floor().clamp(-1, size - 1).long()
    pixel, of_row = _expanded(first, (last - first + 1).clamp_min(0))
    face = row_face[of_row]

    plane = _planes(place, nearness)
    x, y = pixel.to(place.dtype) + 0.5, rows[of_row].to(place.dtype) + 0.5
    a, b, c = plane[face].unbind(-1)
    # Beyond the triangle's own range only where it is seen edge on.
    near = torch.minimum(
        torch.maximum(a + b * x + c * y, nearness.amin(1)[face]), nearness.amax(1)[face]
    )
    # The bits of positive floats are ordered as the floats are.
    key = near.float().view(torch.int32).long() << 32 | face
    where = (view[face] * size + rows[of_row]) * size + pixel
    buffer = torch.zeros(views * size * size, dtype=torch.int64, device=corners.device)
    buffer.scatter_reduce_(0, where, key, "amax")
    buffer = buffer.view(views, size, size)
    is_hit = buffer > 0
    nearest = (buffer >> 32).to(torch.int32).view(torch.float32)
    depth = 1 / torch.where(is_hit, nearest, torch.ones_like(nearest))
    return Seen(torch.where(is_hit, buffer & 0xFFFFFFFF, -1), depth)


def _rows(y: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The rows of pixels (N,) whose middles the triangles cross, y (F, 3), and the triangle of each
    row."""
    first = (y.amin(1) - 0.5).ceil().clamp(0, size).long()
    last = (y.amax(1) - 0.5).floor().clamp(-1, size - 1).long()
    return _expanded(first, (last - first + 1).clamp_min(0))


def _expanded(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """For each entry first, first + 1, ... count numbers, and which entry each is of."""
    index = torch.repeat_interleave(count)
    start = count.cumsum(0) - count
    within = torch.arange(len(index), device=index.device) - start[index]
    return first[index] + within, index


def _spans(place: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Where lines y (N,) enter and leave triangles (N, 3, 2): both (N,)."""
    low = torch.full_like(y, torch.inf)
    high = torch.full_like(y, -torch.inf)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        x0, y0 = place[:, one].unbind(-1)
        x1, y1 = place[:, other].unbind(-1)
        rise = y1 - y0
        share = (y - y0) / torch.where(rise.abs() < _LEAST_HEIGHT, _LEAST_HEIGHT, rise)
        crosses = (share >= 0) & (share <= 1) & (rise.abs() >= _LEAST_HEIGHT)
        x = x0 + share * (x1 - x0)
        low = torch.where(crosses, torch.minimum(low, x), low)
        high = torch.where(crosses, torch.maximum(high, x), high)
    missed = low > high
    return torch.where(missed, 1.0, low), torch.where(missed, 0.0, high)


def _planes(place: Tensor, values: Tensor) -> Tensor:
    """a, b, c of a + b x + c y that is values (F, 3) at the corners (F, 3, 2): (F, 3)."""
    one, two = (place[:, 1] - place[:, 0]).unbind(-1), (place[:, 2] - place[:, 0]).unbind(-1)
    rise_1, rise_2 = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    area = one[0] * two[1] - one[1] * two[0]
    thin = area.abs() < 1e-9
    area = torch.where(thin, 1.0, area)
    b = torch.where(thin, 0.0, (rise_1 * two[1] - rise_2 * one[1]) / area)
    c = torch.where(thin, 0.0, (one[0] * rise_2 - two[0] * rise_1) / area)
    a = values[:, 0] - b * place[:, 0, 0] - c * place[:, 0, 1]
    return torch.stack([a, b, c], dim=-1)
