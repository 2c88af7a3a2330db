"""What the neighbours of a scan's points say of the surface there: the denoiser's input.

Quadrics of three sizes are fitted around some of the points (`quadrics.fitted_in`). A neighbour
extends its own, as planes, to a point: so few neighbours carry what is known of many.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from ..models.scans.denoiser import DenoiserConfig
from .neighbours import Merged, Neighbours
from .quadrics import Fits, fitted_in, tangents

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_REACH, _REACH_NOISE = 2.2, 6.0
"""The middle quadric's radius in spacings, and what it grows by with the root of the noise."""

_FEWEST, _MOST = 12, 200

_QUIET = 0.05
"""Less noise than this share of the spacing counts as so much."""

_STEEPEST = 0.3
_FARTHEST = 60.0
_ACROSS = 4.0


class Opinions(NamedTuple):
    """What K neighbours say of each of M points.

    features: (M, K, 16) where they lie and how sure they are.
    heights: (M, K, 3) of the surface along the point's normal, in units.
    unit: (M,) the noise.
    frames: (M, 3, 3) two tangents and the normal, as rows.
    """

    features: Tensor
    heights: Tensor
    unit: FloatArray
    frames: FloatArray


class Neighbourhoods:
    """Points of a scan with all that their neighbours say.

    points, normals (N, 3), signs consistent; noise (N,): its deviation; distances (N,): how far
    the scan network takes each for from the surface. config: which neighbours are asked.
    merged: as in `Neighbours`.
    """

    def __init__(
        self,
        points: FloatArray,
        normals: FloatArray,
        noise: FloatArray,
        distances: FloatArray,
        config: DenoiserConfig,
        merged: Merged | None = None,
    ) -> None:
        found = Neighbours(points, merged)
        self.points = points
        self.spacing, share = found.scanned()
        self.unit = np.maximum(noise, _QUIET * self.spacing)
        order = np.random.default_rng(0).permutation(len(points))
        chosen = np.sort(order[: max(len(points) // config.fitted, 1)])
        fits = _fits(points, normals, noise, self.spacing, found, share, chosen, config.sizes)
        self._normals = fits[1].normals
        some = (array[chosen] for array in (points, normals, distances, self.unit, self.spacing))
        self._known = _known(fits, *some)
        self._asked = _asked(points[chosen], config)

    def around(self, rows: IntArray) -> Opinions:
        """Of the points with these numbers (M,)."""
        at = self.points[rows]
        threads = torch.get_num_threads()
        near = np.concatenate(
            [
                some[
                    tree.query(at, np.arange(1, min(count, len(some)) + 1, step), workers=threads)[
                        1
                    ]
                ]
                for some, tree, count, step in self._asked
            ],
            axis=1,
        )
        axes = self._normals[near[:, 0]]
        frames = np.stack([*tangents(axes), axes], axis=1)
        known = self._known[torch.from_numpy(near)]
        unit, spacing = self.unit[rows], self.spacing[rows]
        features, heights = _opinions(
            known, *(_tensor(array) for array in (at, frames, unit, spacing))
        )
        return Opinions(features, heights, unit, frames)


def _fits(
    points: FloatArray,
    normals: FloatArray,
    noise: FloatArray,
    spacing: FloatArray,
    around: Neighbours,
    share: float,
    chosen: IntArray,
    sizes: tuple[float, ...],
) -> list[Fits]:
    radius = spacing * (_REACH + _REACH_NOISE * np.sqrt(noise / spacing))
    wide = float(np.median(radius / spacing))
    wanted = [np.clip(np.pi * (wide * size) ** 2 * 0.8, _FEWEST, _MOST) for size in sizes]
    counts = [max(int(share * count), _FEWEST) for count in wanted]
    radii = [size * radius for size in sizes]
    return fitted_in(points, normals, around, radii, counts, chosen=chosen, is_sided=True)


def _known(
    fits: list[Fits],
    points: FloatArray,
    normals: FloatArray,
    distances: FloatArray,
    unit: FloatArray,
    spacing: FloatArray,
) -> Tensor:
    """(N, 26) of each fitted point as a neighbour: its place, its places on the three fits, their
    normals, how far the fits' points lie off them, the network's distance, the spacing."""
    moved = [points + fit.heights[:, None] * normals for fit in fits]
    columns = [
        points, *moved, *(fit.normals for fit in fits),
        *(fit.residuals[:, None] for fit in fits), distances[:, None], spacing[:, None],
    ]  # fmt: skip
    return _tensor(np.concatenate(columns, axis=1))


def _asked(points: FloatArray, config: DenoiserConfig) -> list[tuple[IntArray, cKDTree, int, int]]:
    order = np.random.default_rng(0).permutation(len(points))
    asked = []
    for share, count, step in config.asked:
        some = np.sort(order[: max(len(points) // share, count)])
        asked.append((some, cKDTree(points[some]), count, step))
    return asked


def _opinions(
    known: Tensor, at: Tensor, frames: Tensor, unit: Tensor, spacing: Tensor
) -> tuple[Tensor, Tensor]:
    """Features and heights, see `Opinions`; known: (M, K, 26), as `_known` has it."""
    points, neighbours, _ = known.shape
    turn = frames.transpose(1, 2)
    unit, spacing = unit[:, None, None], spacing[:, None, None]
    away = (known[..., :12].reshape(points, -1, 3) - at[:, None]) @ turn
    away = away.view(points, neighbours, 4, 3)
    normals = (known[..., 12:21].reshape(points, -1, 3) @ turn).view(points, neighbours, 3, 3)
    along = (away[:, :, 1:] * normals).sum(-1) / normals[..., 2].clamp(min=_STEEPEST)
    heights = along / unit
    middle = away[:, :, 2]
    features = torch.cat(
        [
            middle[..., :2] / (_ACROSS * spacing),
            _asinh(away[:, :, 0, 2:] / unit),
            _asinh(heights),
            _asinh(middle[..., 2:] / unit),
            normals[:, :, 1],
            _asinh(known[..., 21:25] / unit),
            (unit / spacing).log().expand(-1, neighbours, -1),
            (known[..., 25:] / spacing).log(),
        ],
        dim=2,
    )
    return features, heights.clamp(-_FARTHEST, _FARTHEST)


def _asinh(values: Tensor) -> Tensor:
    """The inverse hyperbolic sine, to 3e-7: torch's own takes five times as long."""
    sizes = values.abs()
    return ((sizes.square() + 1).sqrt_() + sizes).log_().copysign(values)


def _tensor(array: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
