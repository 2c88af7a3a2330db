"""The smooth field of a voxel grid: its surface runs through the occupied cells at the border.

A distance, about, is smoothed and held to its sign in every cell, in turn, as for instance Whitaker
does, "Reducing aliasing artifacts in iso-surfaces of binary volumes" (2000): steps go, and parts of
a single cell stay. The smoothing is Taubin's, which does not shrink ("A signal processing approach
to fair surface design", 1995).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

FloatArray = NDArray[np.float32]

LAYERS = 3
"""Cells on either side of the border that are smoothed."""

_ROUNDS, _PASSES = 4, 4
_SHRINK, _GROW = 0.5 / 6, -0.53 / 6

_THIN = 0.25
"""Parts of one or two cells, which have no cell with others all around, have at least this value in
their middle: so they don't break."""


def field_of_cells(occupied: NDArray[np.bool_]) -> FloatArray:
    """The field at the middle of every cell (A, B, C), in cells: negative inside, about a distance.

    occupied: (A, B, C), with at least `LAYERS` + 1 empty cells on every side. An occupied cell may
    be full or only touched by the object, as it is where meshes are voxelised: its surface is
    taken to run halfway through. Parts of one cell are about half as thick.
    """
    values = _layers(occupied)
    flat = values.reshape(-1)
    band = np.flatnonzero(np.abs(flat) < LAYERS)
    is_inside = occupied.reshape(-1)[band]
    steps = (np.array(values.strides) // values.itemsize).tolist()
    before, after = ([band + sign * step for step in steps] for sign in (-1, 1))

    def smoothed() -> None:
        for _ in range(_PASSES):
            for share in (_SHRINK, _GROW):
                around = sum(flat[cells] for cells in (*before, *after))
                flat[band] += np.float32(share) * (around - 6 * flat[band])

    for _ in range(_ROUNDS):
        smoothed()
        flat[band] = np.where(is_inside, np.minimum(flat[band], 0), np.maximum(flat[band], 0))
    smoothed()
    # A cell that a slanted surface touches lies further out than one that it runs along.
    touched = sum(np.abs(flat[b] - flat[a]) for a, b in zip(before, after, strict=True)) / 4
    flat[band] += touched
    thin = occupied & ~binary_dilation(binary_erosion(occupied), np.ones((3, 3, 3)))
    values[thin] = np.minimum(values[thin], -_THIN)
    return values


def _layers(occupied: NDArray[np.bool_]) -> FloatArray:
    """How many cells each is from the border, less a half, negative inside, at most LAYERS."""
    values = np.where(occupied, np.float32(-0.5), np.float32(0.5))
    for cells, step in ((occupied, -1), (~occupied, 1)):
        for _ in range(LAYERS):
            cells = binary_erosion(cells, border_value=step > 0)
            values[cells] += step
    return values
