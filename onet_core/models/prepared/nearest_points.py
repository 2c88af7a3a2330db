"""Attention to the nearest points of a cloud, prepared for one object."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ...devices import exact_products
from ..convolutional.neighbours import (
    MONOMIALS,
    NUMBERS_TO_FORMS,
    REACH,
    UNIT,
    UNITS_TO_FORMS,
    NeighbourFeatures,
    sides_of,
)
from ..convolutional.quadratic import QuadraticNeighbours
from .folding import exactly, matrix
from .nearest_search import NearestSearch

Code = dict[str, Tensor]

# The order in which an offset's monomials are made: 1, x, y, z, xx, yy, zz, xy, yz, zx.
ORDER = [0, 1, 2, 3, 4, 7, 9, 5, 8, 6]
# This many rows of what queries see of their neighbours stay in a processor's cache with all that
# is gathered for them.
_CPU_ROWS = 6144
AS_IT_IS = (1.0, 1.0, 1.0)
# Added to squared distances, so that their roots have slopes everywhere.
_TINY = 1e-12


class PreparedNeighbours:
    """What `NeighbourFeatures` gives, for one cloud that was read in one or several positions.

    The search tree and what does not depend on the query are made once. What turning does not
    change (which points are near, how far their fitted shapes are) is found once for all positions.
    The neighbours come first in all arrays, so that softmax and sums run over whole rows.

    All that a query sees of a neighbour comes from polynomials of the offset from it: the heights
    over its fitted sheets, the squared distances from its lines and from itself, the offset, and
    for each position the heights times the sides of the sheets. Each point of the cloud has a table
    of them, which one pass reads, multiplies and sums.

    codes: of each position: "cloud" (1, N, 3), "cloud_features" (1, N, C), "spacing" (1,), and
    where the module reads them "cloud_forms" (1, N, 3 S, 10) and "cloud_normals" (1, N, S, 3).
    turns: of each position the signs, three of 1 and -1, by which its cloud is the first one; those
    of the first are all 1.
    """

    def __init__(
        self,
        neighbours: NeighbourFeatures,
        codes: Sequence[Code],
        turns: Sequence[Sequence[float]] = (AS_IT_IS,),
    ) -> None:
        self._module = neighbours
        self._cloud = codes[0]["cloud"][0].detach()
        self._count = min(neighbours.neighbours, len(self._cloud))
        self._nearest = NearestSearch(self._cloud, self._count)
        signs = [self._cloud.new_tensor(turn) for turn in turns]
        has_forms = neighbours.fc_to_forms is not None
        self._sizes = codes[0]["cloud_normals"].shape[2] if has_forms else 0
        with torch.no_grad():
            self._known = self._constant(codes)
            self._polynomials = self._table(codes, signs)
            self._scales = self._units(len(signs), codes[0]["spacing"][0].detach())
            self._seen_weight = self._joint_weight(signs)
            plane_weight, _ = matrix(neighbours.fc_plane)
            self._plane_weight = plane_weight.T.float().contiguous()
            self._hidden_weight, self._hidden_bias = (
                value.float() for value in matrix(neighbours.fc_1)
            )

    def _constant(self, codes: Sequence[Code]) -> Tensor:
        """What the first layer adds for a point of the cloud, whatever the query: (N, V hidden)."""
        module = self._module
        weight, bias = matrix(module.fc_offset)
        known, more = (matrix(fc) for fc in (module.fc_neighbour, module.fc_plane))
        # The last of the nine numbers that describe an offset is the same for all.
        constant = known.bias + more.bias + bias + weight[:, 8] * (20 * codes[0]["spacing"][0])
        features = torch.cat([code["cloud_features"] for code in codes]).to(constant.dtype)
        return (features @ known.weight.T + constant).transpose(0, 1).flatten(1).float()

    def _table(self, codes: Sequence[Code], signs: Sequence[Tensor]) -> Tensor:
        """All polynomials, term by term: (10 N, columns); the columns are, with S sizes and V
        positions: 2 S heights, S + 1 squared distances, 3 coordinates, 2 V S heights with sides."""
        squares = self._cloud.new_zeros(MONOMIALS, 1)
        squares[0], squares[[4, 7, 9]] = _TINY, 1
        offsets = self._cloud.new_zeros(MONOMIALS, 3)
        offsets[1:4] = torch.eye(3, device=offsets.device)
        same = [part.expand(len(self._cloud), -1, -1) for part in (squares, offsets)]
        columns = same
        if self._sizes:
            forms = codes[0]["cloud_forms"][0].detach().transpose(1, 2).clone()
            forms[:, 0, 2 * self._sizes :] += _TINY
            heights, lines = forms.split([2 * self._sizes, self._sizes], dim=2)
            columns = [heights, lines, *same]
            # All positions have to call the same side of a sheet its upper one.
            normals = codes[0]["cloud_normals"]
            for code, sign in zip(codes, signs, strict=True):
                sides = sides_of(
                    self._module.fc_outwards, {**code, "cloud_normals": normals * sign}
                )[0]
                columns.append(heights * sides.repeat(1, 2).unsqueeze(1))
        return torch.cat(columns, dim=2)[:, ORDER].flatten(0, 1).float().contiguous()

    def _units(self, positions: int, space: Tensor) -> Tensor:
        """One by the two units that each column is seen in, (2, columns)."""
        sizes, first = self._sizes, 3 * self._sizes
        scales = space.new_empty(2, first + 4 + 2 * positions * sizes)
        for row, (unit, of_offsets) in enumerate(
            zip(UNITS_TO_FORMS, (space.new_tensor(UNIT), space), strict=True)
        ):
            scales[row] = 1 / unit
            scales[row, first : first + 4] = 1 / of_offsets
        return scales

    def _joint_weight(self, signs: Sequence[Tensor]) -> Tensor:
        """The first layer of all V positions: (2 columns, V hidden), see `_seen`."""
        module, sizes = self._module, self._sizes
        weight, _ = matrix(module.fc_offset)
        joint = []
        for unit in range(len(UNITS_TO_FORMS)):
            offsets, distance = weight[:, 4 * unit : 4 * unit + 4].T.split([3, 1])
            same = [distance.repeat(1, len(signs))]
            same.append(torch.cat([offsets * sign.unsqueeze(1) for sign in signs], dim=1))
            if module.fc_to_forms is not None:
                forms = exactly(module.fc_to_forms.weight).T
                of_unit = forms[unit * NUMBERS_TO_FORMS * sizes :][: NUMBERS_TO_FORMS * sizes]
                unsided, sided = of_unit.split([3 * sizes, 2 * sizes])
                same = [unsided.repeat(1, len(signs)), *same]
                same.append(torch.block_diag(*[sided] * len(signs)))
            joint += same
        return torch.cat(joint).float().contiguous()

    def __call__(self, points: Tensor, features: Tensor) -> Tensor:
        """Features (n, V, C) of points (n, 3) of the first position, in all V.

        features: what the planes of each position say there, (n, V, C).
        """
        index = self._nearest(points)
        chunk = max(1, len(points))
        if points.device.type == "cpu":
            chunk = max(1, _CPU_ROWS // (self._count * features.shape[1]))
        parts = zip(points.split(chunk), features.split(chunk), index.split(chunk, 1), strict=True)
        return torch.cat([self._attend(*part) for part in parts])

    def _attend(self, points: Tensor, features: Tensor, index: Tensor) -> Tensor:
        """As `__call__`; index: the points' neighbours, (neighbours, n)."""
        module = self._module
        index = index.flatten()
        with exact_products(points.device):
            net = self._known.index_select(0, index)
            net = net.addmm_(self._seen(points, index), self._seen_weight)
        net = net.view(self._count, *features.shape[:2], -1)
        net = net.add_(features @ self._plane_weight)
        net = functional.linear(net.relu_(), self._hidden_weight, self._hidden_bias).relu_()
        return attended(module, net)

    def _seen(self, points: Tensor, index: Tensor) -> Tensor:
        """What queries see of each of their neighbours, of which the numbers are given, (P,).

        The columns of `_table` in the one unit, then in the other: (P, 2 columns).
        """
        offset = points.repeat(self._count, 1) - self._cloud.index_select(0, index)
        values = _values_of_polynomials(offset, self._polynomials, index)
        heights, roots = 2 * self._sizes, 3 * self._sizes + 1
        values[:, :roots].abs_()
        values[:, heights:roots].sqrt_()
        return (values.unsqueeze(1) * self._scales).flatten(1).clamp_(-REACH, REACH)


def attended(module: NeighbourFeatures | QuadraticNeighbours, net: Tensor) -> Tensor:
    """What queries learn from K neighbours, (n, V, C), by how much each head heeds each of them.

    net: what the hidden layers make of each neighbour, (K, n, V, hidden); used up.
    """
    # All neighbours' weights have the same bias, which a softmax leaves out.
    weights = module.fc_weight.weight @ net.flatten(0, 2).T
    share = weights.view(module.HEADS, *net.shape[:3]).softmax(1).permute(1, 2, 3, 0)
    heads = net.unflatten(-1, (module.HEADS, -1))
    share = share.contiguous().unsqueeze(-1)
    # In place, where no gradient needs what was there: all this is moving numbers about.
    heads = heads * share if heads.requires_grad else heads.mul_(share)
    return module.fc_out(heads.sum(0).flatten(-2))


def _values_of_polynomials(offset: Tensor, table: Tensor, index: Tensor) -> Tensor:
    """Polynomials of offsets (P, 3): those of the points index (P,), (P, columns).

    table: (10 N, columns). Gathered, multiplied and summed in one pass.
    """
    products = offset * offset.roll(-1, 1)
    one = offset.new_ones(len(offset), 1)
    powers = torch.cat([one, offset, offset * offset, products], dim=1)
    terms = torch.arange(MONOMIALS, device=index.device, dtype=index.dtype)
    rows = torch.add(terms, index.unsqueeze(1), alpha=MONOMIALS)
    return functional.embedding_bag(rows, table, mode="sum", per_sample_weights=powers)
