"""Surfaces cut into small patches, so that what is hidden or thin is known for each of them.

A face of level L is cut into L^2 congruent triangles: row r, counted from the face's first corner,
has 2 r + 1 of them; patch k is number k - r^2 of row floor(sqrt(k)).
"""

from __future__ import annotations

import torch
from torch import Tensor

# About how many patches a shape has, beside one for each small face.
PATCHES = 4096
_HIGHEST_LEVEL = 128


def levels(areas: Tensor, owner: Tensor, shapes: int) -> Tensor:
    """How finely each face (F,) is cut, for patches of about equal area in each shape."""
    total = areas.new_zeros(shapes).index_add(0, owner, areas)
    share = (areas / (total[owner] / PATCHES).clamp_min(1e-20)).sqrt()
    return share.ceil().long().clamp(1, _HIGHEST_LEVEL)


def shares(level: Tensor, patch: Tensor, within: Tensor) -> Tensor:
    """Shares of a face's corners in a place of one of its patches: (..., 3).

    level, patch: (...), of the face and of the patch; within: (..., 2), where in the patch: shares
    of its second and third corner.
    """
    row = patch.float().add(0.5).sqrt().floor().long()
    column = patch - row * row
    turned = column % 2
    half = column // 2
    second, third = within.unbind(-1)
    # Upright: (row, half), (row + 1, half), (row + 1, half + 1); turned: (row, half),
    # (row, half + 1), (row + 1, half + 1).
    along = row + torch.where(turned == 1, third, second + third)
    across = half + torch.where(turned == 1, second + third, third)
    along, across = along / level, across / level
    return torch.stack([1 - along, along - across, across], dim=-1)


def patch_of(level: Tensor, shares: Tensor) -> Tensor:
    """The number (...) of the patch that a place is in; shares (..., 3) of the face's corners."""
    along = (1 - shares[..., 0]) * level
    across = shares[..., 2] * level
    row = along.floor().long().clamp_min(0).minimum(level - 1)
    half = across.floor().long().clamp_min(0).minimum(row)
    turned = (across - half) > (along - row)
    column = (2 * half + turned.long()).minimum(2 * row)
    return row * row + column
