"""The mean of two fields, such as those of an observation and of the same one mirrored."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .prepared_field import PreparedField

# Signs of the coordinates of what is mirrored left to right, and turned by half about the vertical.
AS_IT_IS = (1.0, 1.0, 1.0)
MIRRORED = (-1.0, 1.0, 1.0)
HALF_TURN = (-1.0, 1.0, -1.0)


class MeanOfTwo(PreparedField):
    """Logits (one(p) + other(signs * p)) / 2.

    one: the field of an observation; other: another network's, or that of the observation with its
    coordinates times signs, three of 1 and -1: (-1, 1, 1) is its mirror image, (-1, 1, -1) is half
    a turn about the vertical. For networks that were trained with observation and shape moved
    together: their errors on both differ.
    """

    def __init__(self, one: PreparedField, other: PreparedField, signs: Sequence[float]) -> None:
        super().__init__()
        self._one, self._other = one, other
        self._signs = tuple(signs)

    @property
    def is_rough_faster(self) -> bool:
        return self._one.is_rough_faster

    def _logits(self, points: Tensor) -> Tensor:
        return (self._one(points) + self._other(self._moved(points))) / 2

    def _rough(self, points: Tensor) -> Tensor:
        return (self._one.rough(points) + self._other.rough(self._moved(points))) / 2

    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        logits, gradients = self._one.with_gradient(points)
        others, back = self._other.with_gradient(self._moved(points))
        return (logits + others) / 2, (gradients + self._moved(back)) / 2

    def _moved(self, vectors: Tensor) -> Tensor:
        """(n, 3) times the signs."""
        return vectors * vectors.new_tensor(self._signs)
