"""Nearest points and what is fitted around them, for whole batches on a graphics card.

The same as the search trees of `neighbours` and the fits of `surroundings`, from which they differ
by the rounding of float32, without leaving the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...devices import exact_products

# The most distances that are computed at once: 1 GiB.
_AT_ONCE = 2**28
_SWEEPS = 4


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
    return torch.cat(parts, dim=1)


def eigenvectors(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (..., 3), the least first, and vectors (..., 3, 3), columns, of symmetric ones.

    By Jacobi's rotations, so that it is a few hundred plain steps however many there are.
    """
    a = [[matrices[..., i, j] for j in range(3)] for i in range(3)]
    one = torch.ones_like(a[0][0])
    none = torch.zeros_like(one)
    v = [[one if i == j else none for j in range(3)] for i in range(3)]
    for _ in range(_SWEEPS):
        for p, q in ((0, 1), (0, 2), (1, 2)):
            (r,) = {0, 1, 2} - {p, q}
            off = a[p][q]
            slope = (a[q][q] - a[p][p]) / (2 * torch.where(off.abs() > 1e-30, off, 1e-30))
            t = torch.where(slope < 0, -1.0, 1.0) / (slope.abs() + (slope * slope + 1).sqrt())
            t = torch.where(off.abs() > 1e-30, t, none)
            c = (t * t + 1).rsqrt()
            s = t * c
            a[p][p], a[q][q] = a[p][p] - t * off, a[q][q] + t * off
            a[p][r], a[q][r] = c * a[p][r] - s * a[q][r], s * a[p][r] + c * a[q][r]
            a[r][p], a[r][q] = a[p][r], a[q][r]
            a[p][q] = a[q][p] = none
            for row in v:
                row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
    values = torch.stack([a[0][0], a[1][1], a[2][2]], dim=-1)
    vectors = torch.stack([torch.stack(row, dim=-1) for row in v], dim=-2)
    values, order = values.sort(dim=-1)
    return values, vectors.gather(-1, order.unsqueeze(-2).expand_as(vectors))


def solve_positive(matrices: Tensor, right: Tensor) -> Tensor:
    """x (..., n) with matrix x = right, of positive definite matrices (..., n, n)."""
    size = right.shape[-1]
    lower: list[list[Tensor]] = []
    diagonal: list[Tensor] = []
    for i in range(size):
        row: list[Tensor] = []
        for j in range(i):
            value = matrices[..., i, j]
            for k in range(j):
                value = value - row[k] * lower[j][k] * diagonal[k]
            row.append(value / diagonal[j])
        pivot = matrices[..., i, i]
        for k in range(i):
            pivot = pivot - row[k].square() * diagonal[k]
        lower.append(row)
        diagonal.append(pivot)
    x = list(right.unbind(-1))
    for i in range(size):
        for k in range(i):
            x[i] = x[i] - lower[i][k] * x[k]
    x = [value / pivot for value, pivot in zip(x, diagonal, strict=True)]
    for i in reversed(range(size)):
        for k in range(i + 1, size):
            x[i] = x[i] - lower[k][i] * x[k]
    return torch.stack(x, dim=-1)
