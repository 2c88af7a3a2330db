"""Voxel grids whose cells the network does not read one for one: all are followed instead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from ..inputs.observation import VOXEL_RESOLUTION
from ..mesh.mesh import Mesh
from ..models.description import ModelDescription
from ..sentences import Sentence
from ..settings import Settings
from ..surface.from_points import follow
from .field import LAYERS, field_of_cells

_BORDER = LAYERS + 2

_MOST_ENLARGED = 256
"""Small grids are enlarged for a finer mesh up to so many cells."""


def is_followed(model: ModelDescription, settings: Settings) -> bool:
    """Whether grids of other sizes are followed cell by cell: unless the settings ask for the
    model's own surface, or the model knows one code of a shape instead of its places."""
    return settings.threshold is None and model.architecture != "occupancy_network"


def mesh_of_cells(cells: NDArray[np.bool_], resolution: int) -> tuple[Mesh, tuple[Sentence, ...]]:
    """The closed surface of occupied cells (A, B, C), in the network's frame: centred, the longest
    edge 1. It is as fine as the grid, or as `resolution` where that is a multiple of it."""
    longest = max(cells.shape)
    values = field_of_cells(np.pad(cells, _BORDER))
    times = max(min(resolution, _MOST_ENLARGED) // longest, 1)
    if times > 1:
        values = zoom(values, times, order=3, mode="nearest", grid_mode=True)

    def at(places: NDArray[np.float64]) -> NDArray[np.float64]:
        return values[tuple(places.astype(np.int64).T)].astype(np.float64)

    # Vertices lie between two values, so that those next to 0 are all that is needed to begin with.
    begin = np.argwhere((values[:-1, :-1, :-1] < 0) != (values[1:, :-1, :-1] < 0))
    vertices, faces = follow(at, begin.astype(np.float64), 1.0, is_straight=True)
    middle = np.array(cells.shape) / 2 + _BORDER
    placed = ((vertices + 0.5) / times - middle) / longest
    note = Sentence(
        "The surface follows all cells of the grid, {cells} along its longest edge: the network "
        "reads grids of about {most}",
        cells=longest,
        most=VOXEL_RESOLUTION,
    )
    return Mesh(placed.astype(np.float32), faces), (note,)
