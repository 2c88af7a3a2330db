"""Parts of what a file holds, as tests of the formats ask for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.inputs.load import read_input
from onet_core.inputs.volumes import VoxelGrid


def read_point_cloud(path: Path) -> NDArray[np.float64]:
    """The points (N, 3) of a file."""
    points = read_input(path, "points").points
    assert points is not None
    return points


def read_point_colours(path: Path) -> NDArray[np.uint8] | None:
    """The colours (N, 3) of a file's points, None where it has none."""
    return read_input(path, "points").colours


def read_voxels(path: Path) -> VoxelGrid:
    """The grid of a file; InputError where it holds none."""
    grid = read_input(path, "voxels").grid
    if grid is None:
        raise InputError("{name} is not a voxel grid.", name=path.name)
    return grid
