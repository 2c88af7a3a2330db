"""Attention to the nearest points of a cloud, prepared for one object."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from ...devices import exact_products
from ..convolutional.neighbours import MONOMIALS, REACH, UNIT, NeighbourFeatures, distances_to_forms
from .folding import matrix

Code = dict[str, Tensor]


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
        # The last of the nine numbers that describe an offset is the same for all.
        weight, bias = matrix(neighbours.fc_offset)
        constant = bias + weight[:, 8] * (20 * self._space)
        self._offset = weight[:, :8].float().contiguous(), constant.float()
        self._forms: Tensor | None = None
        self._sides: Tensor | None = None
        with torch.no_grad():
            if neighbours.fc_to_forms is not None:
                self._forms = code["cloud_forms"][0].flatten(1)
                self._sides = neighbours.sides(code)[0]
            self._known = neighbours.fc_neighbour(code["cloud_features"][0])

    def __call__(self, points: Tensor, features: Tensor) -> Tensor:
        """Features (n, C) at points (n, 3); features: what the planes say there, (n, C)."""
        module = self._module
        index = self._nearest(points)
        shape = (self._count, len(points), -1)
        offset = points - self._cloud.index_select(0, index).view(shape)
        distance = offset.square().sum(-1, keepdim=True).clamp_min(1e-12).sqrt()
        both = torch.cat([offset, distance], dim=-1)
        seen = torch.cat([both / UNIT, both / self._space], dim=-1).clamp(-REACH, REACH)
        with exact_products(points.device):
            net = functional.linear(seen, *self._offset)
            if (
                self._forms is not None
                and self._sides is not None
                and module.fc_to_forms is not None
            ):
                forms = self._forms.index_select(0, index).view(*offset.shape[:2], -1, MONOMIALS)
                sides = self._sides.index_select(0, index).view(shape)
                net = net + module.fc_to_forms(distances_to_forms(offset, forms, sides))
        net = net + self._known.index_select(0, index).view(shape) + module.fc_plane(features)
        net = functional.relu(module.fc_1(functional.relu(net)))
        share = module.fc_weight(net).softmax(0)
        heads = net.unflatten(-1, (module.HEADS, -1)) * share.unsqueeze(-1)
        return module.fc_out(heads.sum(0).flatten(-2))

    def _nearest(self, points: Tensor) -> Tensor:
        """Numbers of the nearest points of the cloud, (neighbours * n,), the nearest first."""
        queries = points.detach().cpu().numpy()
        neighbours = range(1, self._count + 1)
        _, found = self._tree.query(queries, k=neighbours, workers=torch.get_num_threads())
        return torch.from_numpy(np.ascontiguousarray(found.T).ravel()).to(points.device)
