"""The surface around each point of a cloud, described by the points around it.

A few noisy points can't tell which side of a thin wall they lie on; many can. Around each point, in
several sizes, three simple shapes are fitted: a plane (walls), a curved sheet (bodies) and a line
(rods). That is the start of classical surface reconstruction (Hoppe et al. 1992; Levin's moving
least squares, 2003), here given to a network that decides itself.

All are kept as polynomials of the offset from the point, so that a query's distances from them are
one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional

from ... import devices
from ..layers import precisely
from . import on_device
from .neighbours import REACH, UNIT

# Lengths across a surface (in the unit cube) are seen in units of about a thin wall.
ACROSS = 0.01
# How many numbers describe the surroundings in one size.
NUMBERS = 17
# What a curved sheet is taken to be before its points are seen: how far it lies off the point,
# how inclined to the plane and how curved it is (deviations), and how noisy the points are.
_SHEET = np.array([0.05, 0.5, 0.5, 2.0, 2.0, 2.0])
_NOISE = 0.005

_ROWS, _COLUMNS = np.triu_indices(3)
# Where the six are among the nine numbers of a matrix.
_OF_NINE = (3 * _ROWS + _COLUMNS).tolist()
# Signs of the coordinates of what is turned by half about the vertical.
HALF_TURN = np.array([-1, 1, -1], dtype=np.float32)
_TWICE = np.where(_ROWS == _COLUMNS, 1.0, 2.0)


class Fitted(NamedTuple):
    """Shapes fitted around N points, in S sizes; all float32.

    described: of each point's surroundings, (N, 17 S). For each size the way to the mean of the
        points, the way to their plane (3 numbers each), the plane's normal as n n' (6: xx, xy, xz,
        yy, yz, zz), the points' deviations along the principal axes (3, the least first), the least
        once more in smaller units, and their deviation from the curved sheet in those units.

    forms: polynomials, (N, 3 S, 10), of the offset from the point (see `neighbours.MONOMIALS`): for
        each size the height over the plane, for each the height over the curved sheet along the
        same normal, and for each the squared distance from the line.
    normals: the planes', (N, S, 3), of either sign; the heights have the same sign.
    """

    described: NDArray[np.float32]
    forms: NDArray[np.float32]
    normals: NDArray[np.float32]


def fit_surroundings(cloud: NDArray[np.floating], counts: Sequence[int]) -> Fitted:
    """Fits shapes to the nearest points of each point of a cloud (N, 3), for each of S counts.

    counts: how many points, itself included, are looked at; all of them where there are
    fewer.
    """
    points = np.asarray(cloud, dtype=np.float64)
    most = min(max(counts), len(points))
    index = cKDTree(points).query(points, k=range(1, most + 1))[1]
    # The points of a neighbourhood lie in one piece, coordinate after coordinate.
    across = points.T[:, index] - points.T[:, :, None]
    offsets = np.ascontiguousarray(across.transpose(1, 0, 2))
    described, planes, sheets, lines, normals = [], [], [], [], []
    for count in counts:
        some = offsets[:, :, :count]
        mean = some.mean(axis=2)
        centred = some - mean[:, :, None]
        covariance = centred @ centred.transpose(0, 2, 1) / some.shape[2]
        variances, axes = np.linalg.eigh(covariance)
        deviations = np.sqrt(variances.clip(0))
        normal = axes[..., 0]
        away = (mean * normal).sum(axis=1, keepdims=True)
        sheet, scatter = _curved_sheets(some, axes)
        described += [
            mean / UNIT,
            away * normal / ACROSS,
            normal[:, _ROWS] * normal[:, _COLUMNS],
            deviations / UNIT,
            deviations[:, :1] / ACROSS,
            scatter / ACROSS,
        ]
        planes.append(np.concatenate([-away, normal, np.zeros((len(points), 6))], axis=1))
        sheets.append(sheet)
        lines.append(_squared_distances_from_lines(mean, axes[..., 2]))
        normals.append(normal)
    forms = np.stack([*planes, *sheets, *lines], axis=1)
    return Fitted(
        np.concatenate(described, axis=1).clip(-REACH, REACH).astype(np.float32),
        forms.astype(np.float32),
        np.stack(normals, axis=1).astype(np.float32),
    )


def half_turned(found: Fitted) -> Fitted:
    """What is fitted around the points of a cloud that is turned by half about the vertical."""
    normal = (HALF_TURN[_ROWS] * HALF_TURN[_COLUMNS]).tolist()
    of_size = [*HALF_TURN, *HALF_TURN, *normal, 1, 1, 1, 1, 1]
    described = found.described * np.tile(np.array(of_size, np.float32), found.normals.shape[1])
    terms = np.array([1, *HALF_TURN, *normal], dtype=np.float32)
    return Fitted(described, found.forms * terms, found.normals * HALF_TURN)


def half_turned_on_device(
    described: Tensor, forms: Tensor, normals: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """`half_turned` for what `fit_on_device` gives."""
    turn = normals.new_tensor(HALF_TURN)
    normal = turn[_ROWS] * turn[_COLUMNS]
    of_size = torch.cat([turn, turn, normal, turn.new_ones(5)])
    terms = torch.cat([turn.new_ones(1), turn, normal])
    return described * of_size.repeat(normals.shape[2]), forms * terms, normals * turn


def _curved_sheets(
    offsets: NDArray[np.float64], axes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Heights over quadratic sheets, (N, 10), and the points' deviation from them, (N, 1).

    offsets: (N, 3, K), axes: (N, 3, 3), columns, the normal first. A sheet is the likeliest one
    (least squares with `_SHEET` as what is known before), so that few points make it no wilder than
    their plane.
    """
    local = axes.transpose(0, 2, 1) @ offsets
    height, u, v = local.transpose(1, 0, 2)
    design = np.empty((len(local), 6, local.shape[2]))
    design[:, 0], design[:, 1:3] = 1, local[:, 1:]
    for row, (one, other) in enumerate(((u, u), (u, v), (v, v)), start=3):
        np.multiply(one, other, out=design[:, row])
    normal_equations = design @ design.transpose(0, 2, 1) + np.diag((_NOISE / _SHEET) ** 2)
    fitted = np.linalg.solve(normal_equations, design @ height[..., None])
    left = height - (fitted.transpose(0, 2, 1) @ design)[:, 0]
    scatter = np.sqrt((left**2).mean(axis=1, keepdims=True))
    constant, slope_u, slope_v, uu, uv, vv = np.moveaxis(fitted, 1, 0)
    normal, axis_u, axis_v = np.moveaxis(axes, -1, 0)
    linear = normal - slope_u * axis_u - slope_v * axis_v

    def products(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        both = one[:, _ROWS] * other[:, _COLUMNS] + one[:, _COLUMNS] * other[:, _ROWS]
        return both / 2 * _TWICE

    curved = (
        uu * products(axis_u, axis_u)
        + uv * products(axis_u, axis_v)
        + vv * products(axis_v, axis_v)
    )
    return np.concatenate([-constant, linear, -curved], axis=1), scatter


def _squared_distances_from_lines(
    mean: NDArray[np.float64], direction: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Polynomials (N, 10) for lines through points (N, 3) along unit vectors (N, 3)."""
    across = np.eye(3) - direction[:, :, None] * direction[:, None]
    towards = (across @ mean[..., None])[..., 0]
    return np.concatenate(
        [
            (towards * mean).sum(axis=1, keepdims=True),
            -2 * towards,
            across[:, _ROWS, _COLUMNS] * _TWICE,
        ],
        axis=1,
    )


def fit_on_device(clouds: Tensor, counts: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """`fit_surroundings` for clouds (B, N, 3) on their own device, in float32.

    Returns described (B, N, 17 S), forms (B, N, 3 S, 10) and normals (B, N, S, 3).
    """
    points = clouds.detach().float()
    most = min(max(counts), points.shape[1])
    index = on_device.nearest(points, points, most)
    wide = index.flatten(1).unsqueeze(-1).expand(-1, -1, 3)
    offsets = points.gather(1, wide).unflatten(1, index.shape[1:]) - points.unsqueeze(2)
    # Of each size the points that count, (S, K, 1): all sizes are fitted at once.
    numbers = torch.tensor([min(count, most) for count in counts], device=points.device)
    seen = (torch.arange(most, device=points.device) < numbers.unsqueeze(1)).float().unsqueeze(2)
    share = seen / numbers[:, None, None]
    some = offsets.unsqueeze(2)
    mean = (some * share).sum(3)
    centred = (some - mean.unsqueeze(3)) * share.sqrt()
    variances, axes = on_device.eigenvectors(centred.mT @ centred)
    deviations = variances.clamp_min(0).sqrt()
    normals = axes[..., 0]
    away = (mean * normals).sum(-1, keepdim=True)
    sheets, scatter = _curved_sheets_on_device(some, axes, seen, share)
    described = torch.cat(
        [
            mean / UNIT,
            away * normals / ACROSS,
            normals[..., _ROWS] * normals[..., _COLUMNS],
            deviations / UNIT,
            deviations[..., :1] / ACROSS,
            scatter / ACROSS,
        ],
        dim=-1,
    ).flatten(2)
    planes = torch.cat([-away, normals, normals.new_zeros((*normals.shape[:3], 6))], dim=-1)
    direction = axes[..., 2]
    across = torch.eye(3, device=points.device) - direction.unsqueeze(-1) * direction.unsqueeze(-2)
    towards = (across @ mean.unsqueeze(-1)).squeeze(-1)
    lines = torch.cat(
        [
            (towards * mean).sum(-1, keepdim=True),
            -2 * towards,
            across.flatten(-2)[..., _OF_NINE] * across.new_tensor(_TWICE),
        ],
        dim=-1,
    )
    forms = torch.cat([planes, sheets, lines], dim=2)
    return described.clamp(-REACH, REACH), forms, normals


def _curved_sheets_on_device(
    offsets: Tensor, axes: Tensor, seen: Tensor, share: Tensor
) -> tuple[Tensor, Tensor]:
    """`_curved_sheets` for offsets (B, N, 1, K, 3) and axes (B, N, S, 3, 3).

    seen: 1 for the points that each size looks at, 0 for others, (S, K, 1); share: these by their
    number. Returns heights (B, N, S, 10) and deviations (B, N, S, 1).
    """
    prior = torch.diag(offsets.new_tensor((_NOISE / _SHEET) ** 2))
    local = (offsets @ axes) * seen
    height, u, v = local.unbind(-1)
    design = torch.cat([seen.expand_as(local[..., :1]), local[..., 1:]], dim=-1)
    squares = torch.stack([u * u, u * v, v * v], dim=-1)
    design = torch.cat([design, squares], dim=-1)
    right = (design.mT @ height.unsqueeze(-1)).squeeze(-1)
    fitted = on_device.solve_positive(design.mT @ design + prior, right)
    left = height.unsqueeze(-1) - design @ fitted.unsqueeze(-1)
    scatter = (left.square() * share).sum(3).sqrt()
    constant, slopes = fitted[..., :1], fitted[..., 1:3].unsqueeze(-1)
    normal, across = axes[..., 0], axes[..., 1:]
    linear = normal - (across @ slopes).squeeze(-1)
    # The sheet's second derivatives along its two axes, turned to those of space.
    uu, uv, vv = fitted[..., 3:].unbind(-1)
    second = torch.stack([2 * uu, uv, uv, 2 * vv], dim=-1).unflatten(-1, (2, 2))
    curved = (across @ second @ across.mT).flatten(-2)[..., _OF_NINE] * fitted.new_tensor(
        _TWICE / 2
    )
    return torch.cat([-constant, linear, -curved], dim=-1), scatter


class Surroundings(nn.Module):
    """Features of the points of clouds, from what is fitted around each.

    counts: see `fit_surroundings`. The features are zeros before they have learned, so that they
    can join a trained network. No gradients reach the points.
    """

    def __init__(self, counts: Sequence[int], *, channels: int, hidden: int = 64) -> None:
        super().__init__()
        if min(counts) < 3:
            raise ValueError(f"A plane needs 3 points at least, not {min(counts)}.")
        self.counts = tuple(counts)
        self._last: tuple[NDArray[np.float32], Fitted] | None = None
        self._last_on_device: tuple[Tensor, tuple[Tensor, Tensor, Tensor]] | None = None
        self.fc_0 = nn.Linear(NUMBERS * len(self.counts), hidden)
        self.fc_1 = nn.Linear(hidden, channels)
        nn.init.zeros_(self.fc_1.weight)
        nn.init.zeros_(self.fc_1.bias)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Clouds (B, N, 3) -> features (B, N, C), forms (B, N, 3 S, 10), normals (B, N, S, 3)."""
        if devices.is_card(points.device):
            described, forms, normals = self._fitted_on_device(points)
        else:
            clouds = points.detach().cpu().float().numpy()
            fitted = zip(*(self._fitted(cloud) for cloud in clouds), strict=True)
            described, forms, normals = (
                torch.from_numpy(np.stack(some)).to(points.device) for some in fitted
            )
        features = self.fc_1(functional.relu(precisely(self.fc_0, described)))
        return features, forms, normals

    def _fitted(self, cloud: NDArray[np.float32]) -> Fitted:
        """What is fitted around the points (N, 3) of a cloud; that of the last one is turned where
        this is the same but for half a turn, as networks are asked that are asked twice."""
        if self.training:
            return fit_surroundings(cloud, self.counts)
        if self._last is not None:
            before, found = self._last
            if np.array_equal(before * HALF_TURN, cloud):
                return half_turned(found)
        found = fit_surroundings(cloud, self.counts)
        self._last = cloud.copy(), found
        return found

    def _fitted_on_device(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `_fitted`, for clouds (B, N, 3) on a graphics card."""
        if self.training:
            return fit_on_device(points, self.counts)
        if self._last_on_device is not None:
            before, found = self._last_on_device
            if torch.equal(before * before.new_tensor(HALF_TURN), points):
                return half_turned_on_device(*found)
        found = fit_on_device(points, self.counts)
        self._last_on_device = points.detach().clone(), found
        return found
