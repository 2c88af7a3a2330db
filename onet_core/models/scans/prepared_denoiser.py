"""The denoiser prepared for a scan: the same answers in half the time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..prepared.products import Layer
from .denoiser import Denoiser, Found, answer


class PreparedDenoiser:
    """What `Denoiser` gives, with products and maxima that are the fastest of the device."""

    def __init__(self, network: Denoiser) -> None:
        self._first = _layers(network.first)
        (self._together,) = _layers(network.together)
        (self._own,), (self._shared,) = _layers(network.own), _layers(network.shared)
        (self._second,) = _layers(network.second)
        (self._weights,) = _layers(network.weights)
        self._rest, self._last = _layers(network.rest)

    def __call__(self, features: Tensor, heights: Tensor) -> Found:
        """As `Denoiser.forward`."""
        shape = features.shape[:2]
        values = features.flatten(0, 1)
        for layer in self._first:
            values = layer.rectified(values)
        shared = self._shared(self._together.rectified(_pooled(values.unflatten(0, shape))))
        values = self._own(values).unflatten(0, shape).add_(shared[:, None]).relu_()
        values = self._second.rectified(values.flatten(0, 1))
        counts = self._weights(values).unflatten(0, shape)
        rest = self._last(self._rest.rectified(_pooled(values.unflatten(0, shape))))
        return answer(counts, rest, features, heights)


def _layers(part: nn.Module) -> list[Layer]:
    """The linear layers of a part of the network, in their order."""
    linear = [layer for layer in part.modules() if isinstance(layer, nn.Linear)]
    return [Layer(layer.weight.detach(), layer.bias.detach()) for layer in linear]


def _pooled(values: Tensor) -> Tensor:
    """Means and maxima (M, 2 C) over the K rows of values (M, K, C). `amax` takes ten times as
    long as the mean, the maxima of halves hardly longer."""
    highest = values
    while (count := highest.shape[1]) > 1:
        half = (count + 1) // 2
        highest = torch.maximum(highest[:, :half], highest[:, count - half :])
    return torch.cat([values.mean(1), highest[:, 0]], 1)
