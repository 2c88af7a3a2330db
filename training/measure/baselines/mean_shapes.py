"""The mean shape of a category: the average occupancy of its training shapes, cut at a level.

Level and grid are those that suit the training shapes best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from onet_core.errors import InputError
from onet_core.mesh.mesh import Mesh

from ...data.labelled import LabelledShape
from ..marching_cubes import marching_cubes

Array = NDArray[np.floating]
BOX = 1.1  # edge of the box that the labelled points fill
LEVELS = np.linspace(0.02, 0.98, 49)
RESOLUTIONS = (24, 32, 48, 64)


@dataclass(frozen=True, eq=False)
class MeanShape:
    """Average occupancy of some shapes and where it is cut.

    grid: (R + 1,)^3 averages at nodes that span the box, faces included.
    level: occupancy from which a point counts as inside.
    training_iou: mean over the shapes, on points that the choice of grid and level was judged by.
    """

    grid: NDArray[np.float64]
    level: float
    training_iou: float

    def occupancy(self, points: Array) -> NDArray[np.bool_]:
        """Inside or outside at points (N, 3) of the network frame -> (N,)."""
        return _interpolate(self.grid, points) >= self.level

    def mesh(self) -> Mesh:
        """The surface at the level, in the network frame, closed at the box."""
        # As in the original, the surface closes at the box by an empty layer around the grid.
        padded = np.pad(self.grid, 1, constant_values=-1e6)
        vertices, faces = marching_cubes(padded, self.level)
        return Mesh(((vertices - 1) / (len(self.grid) - 1) - 0.5) * BOX, faces)


def mean_shape(shapes: Sequence[LabelledShape]) -> MeanShape:
    """The mean shape of a category's training shapes.

    Grid and level are the pair with the highest mean IoU over the training shapes: averages of the
    even points are judged on the odd ones, so that a fine grid can't win by remembering its
    labels; the chosen grid is then averaged anew over all points. Raises InputError without shapes.
    """
    if not shapes:
        raise InputError("There are no training shapes to take the mean of.")
    best: tuple[float, float, int] | None = None
    for resolution in RESOLUTIONS:
        grid = _average_grid(shapes, resolution, slice(0, None, 2))
        ious = np.mean([_level_ious(grid, shape, slice(1, None, 2)) for shape in shapes], axis=0)
        at = int(np.argmax(ious))
        if best is None or ious[at] > best[0]:
            best = (float(ious[at]), float(LEVELS[at]), resolution)
    assert best is not None
    iou, level, resolution = best
    return MeanShape(_average_grid(shapes, resolution, slice(None)), level, iou)


def _nodes(points: Array, resolution: int) -> NDArray[np.int64]:
    """Flat index of the grid node nearest to each point, (N, 3) -> (N,)."""
    nodes = np.rint((np.asarray(points) / BOX + 0.5) * resolution).astype(np.int64)
    np.clip(nodes, 0, resolution, out=nodes)
    return (nodes[:, 0] * (resolution + 1) + nodes[:, 1]) * (resolution + 1) + nodes[:, 2]


def _average_grid(
    shapes: Iterable[LabelledShape], resolution: int, chosen: slice
) -> NDArray[np.float64]:
    """Average occupancy at the (R + 1)^3 nodes, each from the points nearest to it."""
    size = (resolution + 1) ** 3
    inside, count = np.zeros(size), np.zeros(size)
    for shape in shapes:
        nodes = _nodes(shape.points[chosen], resolution)
        inside += np.bincount(nodes[shape.occupancies[chosen]], minlength=size)
        count += np.bincount(nodes, minlength=size)
    cube = (resolution + 1,) * 3
    # Half a node of blur, weighted by the number of points, fills nodes that no point fell to.
    inside, count = (gaussian_filter(part.reshape(cube), 0.5) for part in (inside, count))
    return inside / np.maximum(count, 1e-9)


def _interpolate(grid: NDArray[np.float64], points: Array) -> NDArray[np.float64]:
    resolution = len(grid) - 1
    at = (np.asarray(points, dtype=np.float64).T / BOX + 0.5) * resolution
    return map_coordinates(grid, at, order=1, mode="nearest")


def _level_ious(
    grid: NDArray[np.float64], shape: LabelledShape, chosen: slice
) -> NDArray[np.float64]:
    """IoU of the grid cut at each of LEVELS with one shape's labels, (levels,)."""
    values = _interpolate(grid, shape.points[chosen])
    labels = shape.occupancies[chosen]
    inside, outside = np.sort(values[labels]), np.sort(values[~labels])
    both = len(inside) - np.searchsorted(inside, LEVELS)
    wrong = len(outside) - np.searchsorted(outside, LEVELS)
    return both / np.maximum(len(inside) + wrong, 1)
