"""Attention to the nearest points of a cloud by polynomials, prepared for one object."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ...devices import exact_products
from ..convolutional.neighbours import MONOMIALS, Code
from ..convolutional.quadratic import QuadraticNeighbours, reach
from .folding import matrix
from .nearest_points import ORDER, attended
from .nearest_search import NearestSearch
from .products import Layer

# This many rows of the first layer stay in a processor's cache with all that is gathered for them.
_CPU_ROWS = 16_384


class PreparedQuadratic:
    """What `QuadraticNeighbours` gives, for one cloud.

    Each point of the cloud has a table of what the first layer makes of it: a row that does not
    depend on the offset, and one for each of the damped monomials. One pass reads, multiplies and
    sums them. The neighbours come first in all arrays, so that softmax and sums run over whole
    rows.

    code: see `neighbours.with_cloud_features`, of one cloud.
    """

    def __init__(self, module: QuadraticNeighbours, code: Code) -> None:
        self._module = module
        self._cloud = code["cloud"][0].detach()
        self._count = min(module.neighbours, len(self._cloud))
        self._nearest = NearestSearch(self._cloud, self._count)
        with torch.no_grad():
            self._damping = reach(code["spacing"][0].detach()) ** -2
            self._table = self._tables(code)
            self._plane = Layer(module.fc_plane.weight.detach().float())
            self._hidden = Layer(*(value.float() for value in matrix(module.fc_1)))

    def _tables(self, code: Code) -> Tensor:
        """The points' tables one after the other, (11 N, wide)."""
        module = self._module
        known = Layer(module.fc_neighbour.weight, module.fc_neighbour.bias)
        polynomials = module.polynomials(code)[0].transpose(1, 2)[:, ORDER]
        rows = torch.cat(
            [polynomials.new_zeros(len(polynomials), 1, polynomials.shape[2]), polynomials], dim=1
        )
        tables = functional.linear(rows, module.fc_seen.weight)
        tables[:, 0] = known(code["cloud_features"][0])
        return tables.flatten(0, 1)

    def __call__(self, points: Tensor, features: Tensor) -> Tensor:
        """Features (n, 1, C) of points (n, 3); features: what the planes say there, (n, 1, C)."""
        index = self._nearest(points)
        chunk = max(1, len(points))
        if points.device.type == "cpu":
            chunk = max(1, _CPU_ROWS // self._count)
        parts = zip(points.split(chunk), features.split(chunk), index.split(chunk, 1), strict=True)
        return torch.cat([self._attend(*part) for part in parts])

    def _attend(self, points: Tensor, features: Tensor, index: Tensor) -> Tensor:
        """As `__call__`; index: the points' neighbours, (neighbours, n)."""
        module = self._module
        net = self._first(points, index.flatten()).view(self._count, *features.shape[:2], -1)
        net = self._hidden.rectified(net.add_(self._plane(features)).relu_())
        return attended(module, net)

    def _first(self, points: Tensor, index: Tensor) -> Tensor:
        """The first layer of points (n, 3), for neighbours (count n,): (count n, wide)."""
        with exact_products(points.device):
            offset = points.repeat(self._count, 1) - self._cloud.index_select(0, index)
            squares = offset * offset
            one = offset.new_ones(len(offset), 1)
            share = 1 / torch.addcmul(one, squares.sum(1, keepdim=True), self._damping)
            damped = torch.cat([one, offset, squares, offset * offset.roll(-1, 1)], dim=1) * share
            powers = torch.cat([one, damped], dim=1)
            terms = torch.arange(1 + MONOMIALS, device=index.device, dtype=index.dtype)
            rows = torch.add(terms, index.unsqueeze(1), alpha=1 + MONOMIALS)
            return functional.embedding_bag(
                rows, self._table, mode="sum", per_sample_weights=powers
            )
