"""What an imported object probably is: of which kind, and in which unit it was measured."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from .scene_io import column

# From this many planes of faces along an axis on a blocky mesh is a model made of voxels.
FEWEST_PLANES = 4
# Corners this near to the grid, in cells, lie on it.
NEAR_THE_GRID = 1e-3
MOST_CELLS = 1024
# The longest side in metres up to which each unit is likely, and what it is in metres.
UNITS = (("METRES", 1.0, 20.0), ("CENTIMETRES", 0.01, 2_000.0), ("MILLIMETRES", 0.001, np.inf))


def kind_of(mesh: bpy.types.Mesh) -> str:
    """POINTS without faces, VOXELS for boxes of one size on a grid, else POINTS by the surface."""
    if len(mesh.polygons) == 0:
        return "POINTS"
    places = column(mesh.vertices, "co", 3, np.float32)
    normals = column(mesh.polygons, "normal", 3, np.float32)
    return "VOXELS" if is_blocky(places, normals) else "POINTS"


def is_blocky(places: NDArray[np.floating], normals: NDArray[np.floating]) -> bool:
    """Whether corners (V, 3) lie on one grid of cubes and all faces look along its axes.

    normals: of the faces, (F, 3). A box alone is not blocky: it may be any box.
    """
    if len(normals) == 0 or np.abs(np.abs(normals).max(axis=1) - 1).max() > 1e-4:
        return False
    low = places.min(axis=0)
    longest = float((places - low).max())
    planes = [_planes(places[:, axis] - low[axis], longest) for axis in range(3)]
    steps = np.concatenate([np.diff(along) for along in planes])
    if not len(steps) or max(map(len, planes)) < FEWEST_PLANES:
        return False
    pitch = steps.min()
    if longest / pitch > MOST_CELLS:
        return False
    cells = np.concatenate(planes) / pitch
    tolerance = NEAR_THE_GRID * max(1.0, longest / pitch / 32)  # rounding grows with the count
    return bool(np.abs(cells - np.round(cells)).max() < tolerance)


def _planes(along: NDArray[np.floating], longest: float) -> NDArray[np.float64]:
    """The different coordinates along an axis, ascending; what rounding tells apart is one."""
    values = np.unique(along.astype(np.float64))
    apart = np.diff(values, prepend=-np.inf) > longest / MOST_CELLS / 4
    return values[apart]


def unit_of(longest: float) -> tuple[str, float]:
    """The unit that something of this length was probably measured in, and its length in metres.

    People scan things between a coin and a house; a chair of 92 is one of 92 centimetres.
    """
    return next((name, metres) for name, metres, most in UNITS if longest <= most)
