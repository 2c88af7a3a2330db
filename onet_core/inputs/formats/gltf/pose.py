"""How glTF moves the vertices of a mesh: by the bones of a skin, and by morph targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....errors import Damage


def morphed(
    points: NDArray[np.float64], targets: Sequence[NDArray[np.float64]], weights: Sequence[float]
) -> NDArray[np.float64]:
    """Points (N, 3) moved by targets (N, 3), each by its weight."""
    for target, weight in zip(targets, weights, strict=False):
        if target.shape != points.shape:
            raise Damage("a morph target has other vertices than its mesh")
        points = points + float(weight) * target
    return points


def skinned(
    points: NDArray[np.float64],
    joints: NDArray[np.float64],
    weights: NDArray[np.float64],
    bones: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Points (N, 3) moved by bones (J, 4, 4): each by some of them (N, K), by their weights."""
    if len(joints) != len(points) or joints.shape != weights.shape:
        raise Damage("a skin has other vertices than its mesh")
    numbers = joints.astype(np.int64)
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(bones):
        raise Damage("a skin names bones that are not there")
    total = weights.sum(axis=1)
    moved = np.zeros_like(points)
    for column in range(numbers.shape[1]):
        matrices = bones[numbers[:, column]]
        placed = np.einsum("nij,nj->ni", matrices[:, :3, :3], points) + matrices[:, :3, 3]
        moved += weights[:, column, None] * placed
    return np.where(total[:, None] > 0, moved / np.where(total > 0, total, 1)[:, None], points)
