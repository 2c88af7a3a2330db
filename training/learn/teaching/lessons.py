"""What a pupil is asked about some shapes, and how far its answers are from the teacher's."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ...data.augmentation.batch import uniform
from ...data.augmentation.voxels import beside_surface

# Logits beyond about this many, a probability of 0.9997, are all the same to a surface.
_PLAIN = 8.0
# How far from a cell at the border, along each axis, queries are drawn, in cells.
_REACH = 1.5


class Lesson(NamedTuple):
    """What is asked about B shapes, and the answers.

    points: (B, T, 3) in the network frame.
    code: what the common encoder read.
    answers: the teacher's logits (B, T).
    """

    points: Tensor
    code: Any
    answers: Tensor

    def first(self, count: int) -> Lesson:
        """The same for the first queries of each shape."""
        return Lesson(self.points[:, :count], self.code, self.answers[:, :count])


def next_to_surface(voxels: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Points (B, count, 3) of the network frame, spread evenly along the border of each grid
    (B, D, D, D) of voxels: within _REACH cells along each axis of a cell that has cells of both
    kinds beside it. Where all cells are alike, anywhere in the cube."""
    found = []
    beside = beside_surface(voxels)
    for cells in torch.where(beside.flatten(1).any(1)[:, None, None, None], beside, True):
        border = cells.nonzero()
        chosen = (uniform((count,), voxels, generator) * len(border)).long()
        moved = (2 * uniform((count, 3), voxels, generator) - 1) * _REACH
        found.append((border[chosen] + 0.5 + moved) / voxels.shape[-1] - 0.5)
    return torch.stack(found)


def unlikeness(logits: Tensor, taught: Tensor) -> Tensor:
    """How far logits are from those of the teacher, of each point: (B, T) each -> (B, T).

    A difference counts as itself, a small one as half its square; where a place is plainly inside
    or outside, it hardly counts.
    """
    found, wanted = (_PLAIN * torch.tanh(values / _PLAIN) for values in (logits, taught))
    return functional.smooth_l1_loss(found, wanted, reduction="none")
