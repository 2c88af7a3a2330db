"""Nearest points and what is fitted around them, for whole batches on a graphics card.

The same as the search trees of `neighbours` and the fits of `surroundings`, from which they differ
by the rounding of float32, without leaving the device.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...devices import exact_products

# The most distances that are computed at once: 1 GiB.
_AT_ONCE = 2**28
# Jacobi's rotations turn two axes at a time: what stays, what gets the cosine, and the sine.
_TURNS = 10
_PLANES = ((0, 1), (0, 2), (1, 2))
_ROTATIONS = np.zeros((3, 3, 3, 3))
for _turn, (_p, _q) in enumerate(_PLANES):
    _ROTATIONS[_turn, 1, [_p, _q], [_p, _q]] = 1
    _ROTATIONS[_turn, 0] = np.eye(3) - _ROTATIONS[_turn, 1]
    _ROTATIONS[_turn, 2, _p, _q], _ROTATIONS[_turn, 2, _q, _p] = 1, -1


def nearest(points: Tensor, cloud: Tensor, count: int) -> Tensor:
    """Indices (B, T, count) of the cloud's (B, N, 3) points nearest to points (B, T, 3)."""
    points, cloud = points.detach().float(), cloud.detach().float()
    batch, total = len(points), cloud.shape[1]
    # Less the query's own square, which changes no order.
    squares = cloud.square().sum(-1).unsqueeze(1)
    step = max(1, _AT_ONCE // (batch * total))
    with exact_products(points.device):
        parts = [
            torch.baddbmm(squares, some, cloud.mT, alpha=-2.0).topk(count, largest=False).indices
            for some in points.split(step, dim=1)
        ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def eigenvectors(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (..., 3), the least first, and vectors (..., 3, 3), columns, of symmetric ones.

    By Jacobi's rotations, so that it is some hundred plain steps however many there are.
    """
    vectors = torch.eye(3, device=matrices.device, dtype=matrices.dtype)
    rotations = matrices.new_tensor(_ROTATIONS)
    with exact_products(matrices.device):
        for turn in range(_TURNS):
            p, q = _PLANES[turn % 3]
            stays, along, across = rotations[turn % 3]
            # The angle that leaves nothing off the diagonal, the smaller number first.
            off, step = matrices[..., p, q], matrices[..., q, q] - matrices[..., p, p]
            angle = torch.atan2(2 * off, step).div_(2)[..., None, None]
            rotation = torch.addcmul(stays, angle.cos(), along).addcmul_(angle.sin(), across)
            matrices = rotation.mT @ matrices @ rotation
            vectors = vectors @ rotation
    values, order = matrices.diagonal(dim1=-2, dim2=-1).sort(dim=-1)
    return values, vectors.gather(-1, order.unsqueeze(-2).expand_as(vectors))


def solve_positive(matrices: Tensor, right: Tensor) -> Tensor:
    """x (..., n) with matrix x = right, of positive definite matrices (..., n, n)."""
    # Not `cholesky`, which waits to say whether they are.
    lower, _ = torch.linalg.cholesky_ex(matrices)
    return torch.cholesky_solve(right.unsqueeze(-1), lower).squeeze(-1)
