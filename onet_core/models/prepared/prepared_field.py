"""What all prepared decoders have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

# Of fewer rows the sums in products depend on the number of threads.
_FEWEST = 16


class PreparedField(ABC):
    """Logits (n,) at points (n, 3) of the network's frame, for one object.

    Calling it computes in float32. `evaluations` counts the points that went through the network.
    """

    def __init__(self) -> None:
        self.evaluations = 0

    def __call__(self, points: Tensor) -> Tensor:
        result = self._logits(_enough(points))[: len(points)]
        self.evaluations += len(points)
        return result

    def rough(self, points: Tensor) -> Tensor:
        """The logits with products in half precision, float32 (n,), where that is faster.

        Good enough to tell inside from outside at some distance from the surface.
        """
        result = self._rough(points)
        self.evaluations += len(points)
        return result

    def with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The logits (n,) and their gradients with respect to the points, (n, 3)."""
        logits, gradients = self._with_gradient(_enough(points))
        self.evaluations += len(points)
        return logits[: len(points)], gradients[: len(points)]

    @property
    def is_rough_faster(self) -> bool:
        """Whether `rough` is anything but the field itself."""
        return False

    @abstractmethod
    def _logits(self, points: Tensor) -> Tensor: ...

    def _rough(self, points: Tensor) -> Tensor:
        return self._logits(points)

    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return differentiated(self._logits, points)


def _enough(points: Tensor) -> Tensor:
    """Points (n, 3), the last one repeated where there are few."""
    few = 0 < len(points) < _FEWEST
    return torch.cat([points, points[-1:].expand(_FEWEST - len(points), -1)]) if few else points


def differentiated(function: Callable[[Tensor], Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
    """What a function gives at points (n, 3), (n,), and its gradients there, (n, 3)."""
    with torch.enable_grad():
        leaf = points.detach().requires_grad_(True)
        values = function(leaf)
        (gradient,) = torch.autograd.grad(values.sum(), leaf)
    return values.detach(), gradient


class PlainField(PreparedField):
    """A network as it is, for one object."""

    def __init__(self, network: nn.Module, latent: Tensor, code: Any) -> None:
        super().__init__()
        self._network, self._latent, self._code = network, latent, code

    def _logits(self, points: Tensor) -> Tensor:
        decode: Any = self._network.decode
        return decode(points[None], self._latent, self._code)[0]
