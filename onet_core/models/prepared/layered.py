"""The decoder without residuals, `cbatchnorm_noresnet`, folded for one object.

It is act(s5 (W4 ... act(s1 (W0 act(s0 (P p + b) + t0) + b0) + t1) ...) + t5), then one row; the
scales and shifts go into the layers before them.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...devices import rough_dtype
from ..decoders import BLOCKS, CBatchNormNoResnetDecoder
from .folding import LEAK, Matrix, activate, matrix, norm, slopes
from .prepared_field import PreparedField
from .products import Layer, map_points


def prepare_layered(decoder: nn.Module, latent: Tensor, code: Tensor) -> LayeredField | None:
    """The folded decoder of an object, or None for a decoder of another kind.

    latent: (1, z_dim); code: (1, c_dim).
    """
    if not isinstance(decoder, CBatchNormNoResnetDecoder):
        return None
    layers = [matrix(decoder.fc_p).plus(decoder.fc_z, latent)]
    layers += [matrix(decoder.get_submodule(f"fc_{i}")) for i in range(BLOCKS)]
    norms = [norm(decoder.get_submodule(f"bn_{i}"), code) for i in range(BLOCKS + 1)]
    first, *others = (layer.then(affine) for layer, affine in zip(layers, norms, strict=True))
    return LayeredField(first, others, matrix(decoder.fc_out), LEAK if decoder.leaky else 0.0)


class LayeredField(PreparedField):
    """Layers with a (leaky) ReLU after each, and one row; slope: of the ReLU below zero."""

    def __init__(self, first: Matrix, layers: list[Matrix], out: Matrix, slope: float) -> None:
        super().__init__()
        self._first, *rest = (
            Matrix(weight.float(), bias.float()) for weight, bias in (first, *layers, out)
        )
        *self._matrices, self._out = rest
        self._layers = [Layer(*layer) for layer in self._matrices]
        self._slope = slope
        self._rough_dtype = rough_dtype(self._first.weight.device)

    @property
    def is_rough_faster(self) -> bool:
        return self._rough_dtype is not None

    @torch.no_grad()
    def _logits(self, points: Tensor) -> Tensor:
        x = activate(map_points(points, *self._first), self._slope)
        for layer in self._layers:
            x = activate(layer(x), self._slope)
        return functional.linear(x, *self._out).squeeze(-1)

    @torch.no_grad()
    def _rough(self, points: Tensor) -> Tensor:
        if self._rough_dtype is None:
            return self._logits(points)
        x = activate(map_points(points, *self._first), self._slope)
        # The first layer reads the positions themselves, for which eight bits are too few.
        x = activate(self._layers[0](x), self._slope).to(self._rough_dtype)
        for layer in self._rough_layers:
            x = activate(layer(x), self._slope)
        return functional.linear(x.float(), *self._out).squeeze(-1)

    @torch.no_grad()
    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        x = activate(map_points(points, *self._first), self._slope)
        passed = [x]
        for layer in self._layers:
            passed.append(activate(layer(passed[-1]), self._slope))
        logits = functional.linear(passed[-1], *self._out).squeeze(-1)
        gradient = self._out.weight * slopes(passed.pop(), self._slope)
        for layer in reversed(self._transposed):
            gradient = layer(gradient).mul_(slopes(passed.pop(), self._slope))
        return logits, gradient @ self._first.weight

    @cached_property
    def _rough_layers(self) -> list[Layer]:
        """All but the first."""
        dtype = self._rough_dtype
        return [Layer(layer.weight.to(dtype), layer.bias.to(dtype)) for layer in self._matrices[1:]]

    @cached_property
    def _transposed(self) -> list[Layer]:
        return [Layer(layer.weight.T) for layer in self._matrices]
