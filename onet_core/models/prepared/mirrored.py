"""The mean of what a network says of a picture and of its mirror image."""

from __future__ import annotations

import torch
from torch import Tensor

from .field import PreparedField


class MeanOfMirrored(PreparedField):
    """Logits (one(p) + other(p mirrored at x = 0)) / 2.

    one: the field of an observation; other: that of its mirror image. For networks that were
    trained with pictures and shapes mirrored together: their errors on both differ.
    """

    def __init__(self, one: PreparedField, other: PreparedField) -> None:
        super().__init__()
        self._one, self._other = one, other

    @property
    def is_rough_faster(self) -> bool:
        return self._one.is_rough_faster

    def _logits(self, points: Tensor) -> Tensor:
        return (self._one(points) + self._other(_mirrored(points))) / 2

    def _rough(self, points: Tensor) -> Tensor:
        return (self._one.rough(points) + self._other.rough(_mirrored(points))) / 2

    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        logits, gradients = self._one.with_gradient(points)
        others, back = self._other.with_gradient(_mirrored(points))
        return (logits + others) / 2, (gradients + _mirrored(back)) / 2


def _mirrored(vectors: Tensor) -> Tensor:
    """(n, 3) with the other x."""
    return torch.cat([-vectors[:, :1], vectors[:, 1:]], dim=1)
