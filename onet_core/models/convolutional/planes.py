"""Feature planes: points onto three axis-aligned images and back.

Peng et al., "Convolutional Occupancy Networks", ECCV 2020, section 3: features are projected along
each axis onto a regular grid, processed by a 2D network and read by bilinear interpolation.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# The two coordinates that each plane keeps: the first runs along its width, the second its height.
PLANES: dict[str, tuple[int, int]] = {"xz": (0, 2), "xy": (0, 1), "yz": (1, 2)}


def plane_coordinates(points: Tensor, plane: str, padding: float) -> Tensor:
    """Where points fall on a plane.

    points: (B, N, 3) in the network frame. Returns (B, N, 2) in [0, 1], width first: the box of
    edge 1 + padding fills the plane, points outside are clamped to its border.
    """
    pair = points[..., PLANES[plane]]
    return (pair / (1 + padding) + 0.5).clamp(0, 1)


def cell_index(coordinates: Tensor, resolution: int) -> Tensor:
    """The cell that holds each coordinate: (B, N, 2) in [0, 1] -> (B, N) int64, row major."""
    cells = (coordinates * resolution).long().clamp_(0, resolution - 1)
    return cells[..., 0] + resolution * cells[..., 1]


def scatter_mean(features: Tensor, index: Tensor, resolution: int) -> Tensor:
    """Average of the features in each cell.

    features: (B, N, C); index: (B, N) -> (B, C, resolution, resolution), zero in empty cells.
    """
    batch, _, channels = features.shape
    cells = features.new_zeros(batch, resolution**2, channels)
    cells.scatter_reduce_(
        1, index.unsqueeze(-1).expand_as(features), features, "mean", include_self=False
    )
    return cells.transpose(1, 2).reshape(batch, channels, resolution, resolution)


def cells_of_planes(points: Tensor, resolution: int, padding: float) -> Tensor:
    """The cells of all planes that hold points (B, N, 3): (B, P, N) int64, see `cell_index`."""
    inside = (points / (1 + padding) + 0.5).clamp(0, 1)
    cells = (inside * resolution).long().clamp_(0, resolution - 1)
    widths, heights = (list(axes) for axes in zip(*PLANES.values(), strict=True))
    return torch.add(cells[..., widths], cells[..., heights], alpha=resolution).transpose(1, 2)


class CellMaxima:
    """Each point's features replaced by the channel-wise maximum over the points of its cell,
    summed over planes.

    index: (B, P, N), the cells of B clouds of N points on P planes. Called with features (B, N, C),
    gives (B, N, C).
    """

    def __init__(self, index: Tensor, resolution: int) -> None:
        batch, planes, self._count = index.shape
        self._planes, self._cells = planes, planes * resolution**2
        first = torch.arange(planes, device=index.device) * resolution**2
        self._rows = (index + first.unsqueeze(1)).flatten(1)
        # Where nothing learns, and on a processor, sorted points take a sixth of the time.
        self._is_sorted = index.device.type == "cpu" and not torch.is_grad_enabled()
        if self._is_sorted:
            clouds = torch.arange(batch).unsqueeze(1)
            cells = (self._rows + clouds * self._cells).flatten()
            _, self._segment = cells.unique(return_inverse=True)
            source = torch.arange(self._count) + clouds.unsqueeze(2) * self._count
            source = source.expand(-1, planes, -1).flatten()
            self._source = source[self._segment.argsort(stable=True)]
            self._lengths = self._segment.bincount()

    def __call__(self, features: Tensor) -> Tensor:
        shape = (len(features), self._planes, self._count, features.shape[-1])
        if self._is_sorted:
            points = features.flatten(0, 1).index_select(0, self._source)
            maxima = torch.segment_reduce(points, "max", lengths=self._lengths, axis=0)
            return maxima.index_select(0, self._segment).view(shape).sum(1)
        wide = self._rows.unsqueeze(-1).expand(-1, -1, features.shape[-1])
        cells = features.new_zeros(len(features), self._cells, features.shape[-1])
        copies = features.repeat(1, self._planes, 1)
        cells = cells.scatter_reduce(1, wide, copies, "amax", include_self=False)
        return cells.gather(1, wide).view(shape).sum(1)


def sample_features(code: dict[str, Tensor], points: Tensor, padding: float) -> Tensor:
    """The sum over planes (and the grid, where there is one) of the features at the points.

    code: plane name -> (B, C, R, R), and perhaps "grid" -> (B, C, D, D, D), indexed x, y, z over
    the unit cube, other entries are left alone; points: (B, N, 3) in the network frame ->
    (B, N, C), bilinear or trilinear.
    """
    total = points.new_zeros(())
    for name in (*PLANES, "grid"):
        if name not in code:
            continue
        features = code[name]
        if name == "grid":
            # grid_sample wants the fastest axis first: z, y, x for a volume indexed x, y, z.
            where = (points * 2).flip(-1)[:, :, None, None]
        else:
            where = (plane_coordinates(points, name, padding) * 2 - 1).unsqueeze(2)
        sampled = functional.grid_sample(
            features, where.to(features.dtype), padding_mode="border", align_corners=False
        )
        total = total + sampled.flatten(2)
    return total.transpose(1, 2)
