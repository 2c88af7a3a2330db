"""A field with something added to its logits that differs from place to place."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from ..layers import sample_cube
from .prepared_field import PreparedField, differentiated


class Raised(PreparedField):
    """Logits field(p) + added(p)."""

    def __init__(self, field: PreparedField) -> None:
        super().__init__()
        self.evaluations = field.evaluations  # What is added was found by asking it.
        self._field = field

    @abstractmethod
    def added(self, points: Tensor) -> Tensor:
        """What is added at points (n, 3), (n,)."""

    @property
    def is_rough_faster(self) -> bool:
        return self._field.is_rough_faster

    def _logits(self, points: Tensor) -> Tensor:
        return self._field(points) + self.added(points)

    def _rough(self, points: Tensor) -> Tensor:
        return self._field.rough(points) + self.added(points)

    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        logits, gradients = self._field.with_gradient(points)
        added, slopes = differentiated(self.added, points)
        return logits + added, gradients + slopes


class Lifted(Raised):
    """Logits field(p) + lift(p).

    lift: (G, G, G) numbers at the nodes of a grid, indexed x, y, z, from one side to the other of
    the cube of edge 2 * half around the origin; interpolated linearly, outside as at its sides.
    """

    def __init__(self, field: PreparedField, lift: Tensor, half: float) -> None:
        super().__init__(field)
        self._lift, self._half = lift, half

    def added(self, points: Tensor) -> Tensor:
        places = (points / self._half).to(self._lift.dtype)
        return sample_cube(self._lift, places).to(points.dtype)
