"""Marching cubes on dense grids and lists of cells, in NumPy: for baselines, and as an oracle.

Only active cells are looked at, so the work and the memory grow with the surface, not with the
grid. Every crossed grid edge gives one vertex, shared by the up to four cells around it; every
vertex's faces form one closed fan. The surface of a grid whose border is all outside is therefore
closed, and each of its edges has exactly two faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from onet_core.surface.cube_cases import (
    CORNERS,
    EDGE_AXIS,
    EDGE_CORNERS,
    TRIANGLE_COUNTS,
    TRIANGLES,
)
from onet_core.surface.extract import MINIMUM_FRACTION


def marching_cubes(
    volume: NDArray[np.floating], level: float, *, minimum_fraction: float = MINIMUM_FRACTION
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The surface at `level` in a dense grid of values.

    volume: (X, Y, Z) finite values, each axis at least 2 long; inside is where the value is
    greater than the level.
    Returns vertices (V, 3) in units of grid indices, and faces (F, 3), counter-clockwise seen from
    outside. Open where the surface leaves the grid; both are empty where there is no surface.
    Raises ValueError for other shapes and for values that are not finite.
    """
    if volume.ndim != 3 or min(volume.shape) < 2:
        raise ValueError(f"a grid of at least 2 x 2 x 2 values is needed, not {volume.shape}")
    if not np.isfinite(volume).all():
        raise ValueError("the grid holds values that are not finite (NaN or infinite)")
    inside = volume > level
    count = np.zeros([size - 1 for size in volume.shape], dtype=np.uint8)
    for i, j, k in CORNERS:
        count += inside[_window(i), _window(j), _window(k)]
    cells = np.stack(np.nonzero((count > 0) & (count < 8)), axis=1)
    corners = cells[:, None, :] + CORNERS
    values = volume[corners[..., 0], corners[..., 1], corners[..., 2]]
    return polygonise(cells, values, level, minimum_fraction=minimum_fraction)


def _window(offset: int) -> slice:
    return slice(1, None) if offset else slice(None, -1)


def polygonise(
    cells: NDArray[np.integer],
    values: NDArray[np.floating],
    level: float,
    *,
    minimum_fraction: float = MINIMUM_FRACTION,
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The surface at `level` in a set of grid cells.

    cells: (C, 3) index of each cell's lowest corner, in any order, each cell once, possibly
    negative; values: (C, 8) at its corners, in the order of `cube_cases.CORNERS`. Cells that the
    surface doesn't cross may be among them; every cell that it does cross must be, or the surface
    has a hole there. Inside is where the value is greater than the level, as in PyMCubes.
    minimum_fraction: vertices keep at least this part of an edge's length from the edge's ends, so
    that a value at (or next to) the level gives small faces instead of faces without area. 0 gives
    the plain linear interpolation of the original.

    Returns vertices (V, 3) in units of grid indices, ordered by the grid edge that they lie on, and
    faces (F, 3), in the order of the cells, counter-clockwise seen from outside.
    """
    case = np.packbits(values > level, axis=1, bitorder="little")[:, 0]
    active = (case > 0) & (case < 255)
    if not active.any():
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32)
    cells = np.asarray(cells, dtype=np.int64)[active]
    values, case = np.asarray(values, dtype=np.float64)[active], case[active]

    # Sorted by position, so that the searches below run through memory in order.
    origin = cells.min(axis=0)
    span = cells.max(axis=0) - origin + 2
    stride = np.array([span[1] * span[2], span[2], 1])
    key = (cells - origin) @ stride
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key)
        key, values, case = key[order], values[order], case[order]

    # A vertex belongs to the lower end of its edge. Where that end is the lowest corner of an
    # active cell, as it is unless the surface leaves the cells there, that cell's key serves.
    crossing = [
        np.flatnonzero((case >> low ^ case >> high) & 1) for low, high in EDGE_CORNERS.tolist()
    ]
    wanted = [
        key[rows] + CORNERS[low] @ stride
        for rows, low in zip(crossing, EDGE_CORNERS[:, 0], strict=True)
    ]
    owners = key
    places = [np.searchsorted(owners, keys) for keys in wanted]
    padded = np.append(owners, -1)
    missing = [keys[padded[place] != keys] for keys, place in zip(wanted, places, strict=True)]
    is_open = any(map(len, missing))
    if is_open:
        owners = np.union1d(owners, np.concatenate(missing))
        places = [np.searchsorted(owners, keys) for keys in wanted]

    slots = [place * 3 + axis for place, axis in zip(places, EDGE_AXIS, strict=True)]
    used = np.zeros(len(owners) * 3, dtype=bool)
    for slot in slots:
        used[slot] = True
    number = np.cumsum(used, dtype=np.int32) - np.int32(1)
    vertex_of = np.zeros((len(key), 12), dtype=np.int32)
    start, stop = np.zeros((2, number[-1] + 1))
    for edge, (rows, slot) in enumerate(zip(crossing, slots, strict=True)):
        vertex = number[slot]
        vertex_of[rows, edge] = vertex
        low, high = EDGE_CORNERS[edge]
        if low == 0 or is_open:
            start[vertex], stop[vertex] = values[rows, low], values[rows, high]

    owner, axis = np.divmod(np.flatnonzero(used), 3)
    fraction = (level - start) / (stop - start)
    fraction = np.clip(fraction, minimum_fraction, 1 - minimum_fraction)
    vertices = np.stack(np.unravel_index(owners[owner], span), axis=1).astype(np.float64)
    vertices += origin
    vertices[np.arange(len(vertices)), axis] += fraction

    counts = TRIANGLE_COUNTS[case]
    cell = np.repeat(np.arange(len(case)), counts)
    within = np.arange(len(cell)) - np.repeat(np.cumsum(counts) - counts, counts)
    edges = TRIANGLES[case[cell], within]  # [F, 3]
    return vertices, vertex_of[cell[:, None], edges]
