"""Attention to the nearest points of a cloud, prepared for one object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from ... import devices
from ...devices import exact_products
from ..convolutional import on_device
from ..convolutional.neighbours import (
    MONOMIALS,
    NUMBERS_TO_FORMS,
    REACH,
    UNIT,
    UNITS_TO_FORMS,
    NeighbourFeatures,
)
from .folding import exactly, matrix

Code = dict[str, Tensor]

# This many rows of what queries see of their neighbours stay in a processor's cache with all that
# is gathered for them.
_CPU_ROWS = 12288
AS_IT_IS = (1.0, 1.0, 1.0)


class PreparedNeighbours:
    """What `NeighbourFeatures` gives, for one cloud that was read in one or several positions.

    The search tree and what does not depend on the query are made once. What turning does not
    change (which points are near, how far their fitted shapes are) is found once for all positions.
    The neighbours come first in all arrays, so that softmax and sums run over whole rows.

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
        self._tree = (
            None if devices.is_card(self._cloud.device) else cKDTree(self._cloud.cpu().numpy())
        )
        self._space = codes[0]["spacing"][0].detach()
        signs = [self._cloud.new_tensor(turn) for turn in turns]
        with torch.no_grad():
            self._known = torch.cat([self._constant(code) for code in codes], dim=1)
            self._forms: Tensor | None = None
            self._sides: list[Tensor] = []
            if neighbours.fc_to_forms is not None:
                # (10 N, 3 S): a point's polynomials, term by term.
                forms = codes[0]["cloud_forms"][0].transpose(1, 2)
                self._forms = forms.reshape(-1, forms.shape[-1]).contiguous()
                # All positions have to call the same side of a sheet its upper one.
                normals = codes[0]["cloud_normals"]
                for code, sign in zip(codes, signs, strict=True):
                    sides = neighbours.sides({**code, "cloud_normals": normals * sign})[0]
                    self._sides.append(sides.repeat(1, 2))
            self._seen_weight = self._joint_weight(signs)
            plane_weight, _ = matrix(neighbours.fc_plane)
            self._plane_weight = plane_weight.T.float().contiguous()

    def _constant(self, code: Code) -> Tensor:
        """What the first layer adds for a point of the cloud, whatever the query: (N, hidden)."""
        module = self._module
        weight, bias = matrix(module.fc_offset)
        known, more = (matrix(fc) for fc in (module.fc_neighbour, module.fc_plane))
        # The last of the nine numbers that describe an offset is the same for all.
        constant = known.bias + more.bias + bias + weight[:, 8] * (20 * self._space)
        features = code["cloud_features"][0].to(constant.dtype)
        return (features @ known.weight.T + constant).float()

    def _joint_weight(self, signs: Sequence[Tensor]) -> Tensor:
        """The first layer of all V positions: (numbers that are seen, V hidden), see `_seen`."""
        module = self._module
        weight, _ = matrix(module.fc_offset)
        blocks = []
        for sign in signs:
            turn = torch.cat([sign, sign.new_ones(1)]).repeat(2)
            blocks.append((weight[:, :8] * turn).T)
        joint = [torch.cat(blocks, dim=1)]
        if module.fc_to_forms is not None:
            forms = exactly(module.fc_to_forms.weight).T
            sizes = len(forms) // (len(UNITS_TO_FORMS) * NUMBERS_TO_FORMS)
            for of_unit in forms.chunk(len(UNITS_TO_FORMS)):
                same, sided = of_unit[: 3 * sizes], of_unit[3 * sizes :]
                joint.append(same.repeat(1, len(signs)))
                joint.append(torch.block_diag(*[sided] * len(signs)))
        return torch.cat(joint).float().contiguous()

    def __call__(self, points: Tensor, features: Tensor) -> Tensor:
        """Features (V, n, C) of points (n, 3) of the first position, in all V.

        features: what the planes of each position say there, (V, n, C).
        """
        index = self._nearest(points)
        chunk = max(1, len(points))
        if points.device.type == "cpu":
            chunk = max(1, _CPU_ROWS // (self._count * len(features)))
        parts = zip(
            points.split(chunk), features.split(chunk, 1), index.split(chunk, 1), strict=True
        )
        return torch.cat([self._attend(*part) for part in parts], dim=1)

    def _attend(self, points: Tensor, features: Tensor, index: Tensor) -> Tensor:
        """As `__call__`; index: the points' neighbours, (neighbours, n)."""
        module = self._module
        index = index.flatten()
        with exact_products(points.device):
            net = self._known.index_select(0, index)
            net = net.addmm_(self._seen(points, index), self._seen_weight)
        net = net.view(self._count, len(points), len(features), -1)
        net = net.add_((features @ self._plane_weight).transpose(0, 1))
        net = module.fc_1(net.relu_()).relu_()
        # All neighbours' weights have the same bias, which a softmax leaves out.
        weights = module.fc_weight.weight @ net.flatten(0, 2).T
        share = weights.view(module.HEADS, *net.shape[:3]).softmax(1).permute(1, 2, 3, 0)
        heads = net.unflatten(-1, (module.HEADS, -1)) * share.contiguous().unsqueeze(-1)
        return module.fc_out(heads.sum(0).flatten(-2)).transpose(0, 1)

    def _seen(self, points: Tensor, index: Tensor) -> Tensor:
        """What queries see of each of their neighbours, of which the numbers are given, (P,).

        Offset and distance in two units, then for each unit the distances to forms (see
        `neighbours.distances_to_forms`): the 3 S that are the same in all V positions, and for each
        position the 2 S that have its sides.
        """
        offset = points.repeat(self._count, 1) - self._cloud.index_select(0, index)
        distance = offset.square().sum(-1, keepdim=True).clamp_min(1e-12).sqrt()
        offset_and_distance = torch.cat([offset, distance], dim=-1)
        seen = [offset_and_distance * scale for scale in (1 / UNIT, 1 / self._space)]
        if self._forms is not None:
            values = _values_of_forms(offset, self._forms, index)
            sizes = values.shape[-1] // 3
            heights, squares = values[:, : 2 * sizes], values[:, 2 * sizes :]
            sided = [heights * sides.index_select(0, index) for sides in self._sides]
            from_lines = squares.clamp_min(1e-12).sqrt()
            distances = torch.cat([heights.abs(), from_lines, *sided], dim=-1)
            seen += [distances * (1 / unit) for unit in UNITS_TO_FORMS]
        return torch.cat(seen, dim=-1).clamp_(-REACH, REACH)

    def _nearest(self, points: Tensor) -> Tensor:
        """Numbers of the nearest points of the cloud, (neighbours, n), the nearest first."""
        if self._tree is None:
            nearest = on_device.nearest(points[None], self._cloud[None], self._count)
            return nearest[0].T.contiguous().int()
        queries = points.detach().cpu().numpy()
        neighbours = range(1, self._count + 1)
        _, found = self._tree.query(queries, k=neighbours, workers=torch.get_num_threads())
        found = np.ascontiguousarray(found.T, dtype=np.int32)
        return torch.from_numpy(found).to(points.device)


def _values_of_forms(offset: Tensor, forms: Tensor, index: Tensor) -> Tensor:
    """Polynomials of offsets (P, 3): those of the points index (P,), (P, 3 S).

    forms: (10 N, 3 S). Gathered, multiplied and summed in one pass.
    """
    x, y, z = offset.unbind(-1)
    one = torch.ones_like(x)
    powers = torch.stack([one, x, y, z, x * x, x * y, x * z, y * y, y * z, z * z], dim=-1)
    terms = torch.arange(MONOMIALS, device=index.device, dtype=index.dtype)
    rows = index.unsqueeze(1) * MONOMIALS + terms
    return functional.embedding_bag(rows, forms, mode="sum", per_sample_weights=powers)
