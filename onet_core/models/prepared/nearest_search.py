"""Which points of a cloud are nearest to queries, for one cloud that many are asked about."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ... import devices
from ..convolutional import on_device


class NearestSearch:
    """Numbers (count, n) int32 of the nearest points of a cloud (N, 3) to queries (n, 3), the
    nearest first.

    count: how many, at most N.
    """

    def __init__(self, cloud: Tensor, count: int) -> None:
        self._cloud, self._count = cloud, count
        self._tree = None if devices.is_card(cloud.device) else cKDTree(cloud.cpu().numpy())

    def __call__(self, points: Tensor) -> Tensor:
        if self._tree is None:
            nearest = on_device.nearest(points[None], self._cloud[None], self._count)
            return nearest[0].T.to(torch.int32, memory_format=torch.contiguous_format)
        queries = points.detach().cpu().numpy()
        neighbours = range(1, self._count + 1)
        _, found = self._tree.query(queries, k=neighbours, workers=torch.get_num_threads())
        found = np.ascontiguousarray(found.T, dtype=np.int32)
        return torch.from_numpy(found).to(points.device)
