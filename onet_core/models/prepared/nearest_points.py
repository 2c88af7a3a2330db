"""Attention to the nearest points of a cloud, prepared for one object."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ...devices import exact_products
from ..convolutional.neighbours import MONOMIALS, REACH, UNIT, NeighbourFeatures, distances_to_forms
from .folding import exactly, matrix

Code = dict[str, Tensor]

# This many points at once stay in a processor's cache with all that is gathered for them: half the
# time of four times as many.
CPU_CHUNK = 1024


class PreparedNeighbours:
    """What `NeighbourFeatures` gives, for one cloud.

    The search tree and what does not depend on the query are made once. The neighbours come first
    in all arrays, so that softmax and sums run over whole rows.

    code: "cloud" (1, N, 3), "cloud_features" (1, N, C), "spacing" (1,), and where the module
    reads them "cloud_forms" (1, N, 3 S, 10) and "cloud_normals" (1, N, S, 3).
    """

    def __init__(self, neighbours: NeighbourFeatures, code: Code) -> None:
        self._module = neighbours
        self._cloud = code["cloud"][0].detach()
        self._count = min(neighbours.neighbours, len(self._cloud))
        self._tree = cKDTree(self._cloud.cpu().numpy())
        self._space = float(code["spacing"][0])
        self._units = self._cloud.new_tensor([[1 / UNIT], [1 / self._space]])
        weight, bias = matrix(neighbours.fc_offset)
        weights = [weight[:, :8]]
        self._forms: Tensor | None = None
        self._sides: Tensor | None = None
        with torch.no_grad():
            known, more = (matrix(fc) for fc in (neighbours.fc_neighbour, neighbours.fc_plane))
            # The last of the nine numbers that describe an offset is the same for all.
            constant = known.bias + more.bias + bias + weight[:, 8] * (20 * self._space)
            features = code["cloud_features"][0].to(constant.dtype)
            self._known = (features @ known.weight.T + constant).float()
            if neighbours.fc_to_forms is not None:
                self._forms = code["cloud_forms"][0].flatten(1)
                self._sides = neighbours.sides(code)[0]
                weights.append(exactly(neighbours.fc_to_forms.weight))
            self._seen_weight = torch.cat(weights, dim=1).T.float().contiguous()
            self._plane_weight = more.weight.T.float().contiguous()

    def __call__(self, points: Tensor, features: Tensor) -> Tensor:
        """Features (n, C) at points (n, 3); features: what the planes say there, (n, C)."""
        index = self._nearest(points)
        chunk = CPU_CHUNK if points.device.type == "cpu" else max(1, len(points))
        parts = zip(points.split(chunk), features.split(chunk), index.split(chunk, 1), strict=True)
        return torch.cat([self._attend(*part) for part in parts])

    def _attend(self, points: Tensor, features: Tensor, index: Tensor) -> Tensor:
        """As `__call__`; index: the points' neighbours, (neighbours, n)."""
        module = self._module
        index = index.flatten()
        offset = points.repeat(self._count, 1) - self._cloud.index_select(0, index)
        distance = offset.square().sum(-1, keepdim=True).clamp_min(1e-12).sqrt()
        both = torch.cat([offset, distance], dim=-1)
        seen = (both.unsqueeze(1) * self._units).clamp(-REACH, REACH).flatten(1)
        with exact_products(points.device):
            if self._forms is not None and self._sides is not None:
                forms = self._forms.index_select(0, index).unflatten(1, (-1, MONOMIALS))
                sides = self._sides.index_select(0, index)
                seen = torch.cat([seen, distances_to_forms(offset, forms, sides)], dim=-1)
            net = torch.addmm(self._known.index_select(0, index), seen, self._seen_weight)
        net = net.view(self._count, len(points), -1).add_(features @ self._plane_weight)
        net = module.fc_1(net.relu_()).relu_()
        share = module.fc_weight(net).softmax(0)
        heads = net.unflatten(-1, (module.HEADS, -1)) * share.unsqueeze(-1)
        return module.fc_out(heads.sum(0).flatten(-2))

    def _nearest(self, points: Tensor) -> Tensor:
        """Numbers of the nearest points of the cloud, (neighbours, n), the nearest first."""
        queries = points.detach().cpu().numpy()
        neighbours = range(1, self._count + 1)
        _, found = self._tree.query(queries, k=neighbours, workers=torch.get_num_threads())
        return torch.from_numpy(np.ascontiguousarray(found.T)).to(points.device)
