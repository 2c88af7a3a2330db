"""Grids of cells: which numbers are occupied ones, and which rows of numbers are cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from ..errors import InputError
from ..sentences import Sentence
from .formats.tables.columns import as_colours
from .limits import MOST_CELLS, bounded

# Values of 8 bits above this are probabilities; labels of parts are small numbers.
_LABELS = 64
# Distances lie at least this share of their range above the smallest all along the border.
_OUTWARDS = 0.25
_CELLS_OF_QUERIES = 32


@dataclass(frozen=True, eq=False)
class VoxelGrid:
    """Occupied cells somewhere in space.

    occupied: (X, Y, Z) bool along the source's x, y, z.
    origin: (3,) the lower corner of cell (0, 0, 0), in source coordinates.
    pitch: the edge of a cell, in source coordinates.
    colours: (N, 3) uint8 sRGB of the occupied cells, in the order of their indices, or None.
    """

    occupied: NDArray[np.bool_]
    origin: NDArray[np.float64]
    pitch: float
    colours: NDArray[np.uint8] | None = None

    @classmethod
    def of_array(cls, values: ArrayLike, name: str = "") -> VoxelGrid:
        """Numbers (X, Y, Z) as cells, see `occupied_cells`; see `with_notes` for the rest."""
        return cls.with_notes(values, name)[0]

    @classmethod
    def with_notes(
        cls, values: ArrayLike, name: str = ""
    ) -> tuple[VoxelGrid, tuple[Sentence, ...]]:
        """The grid of numbers (X, Y, Z), and what had to be decided for it.

        The grid's box is centred at the origin with its longest edge 1. Axes of length 1 in front
        (batch, channel) or behind are dropped; four numbers a cell are colours with opacity. Raises
        InputError for anything else.
        """
        label = name or "The voxel grid"
        array = np.asarray(values)
        while array.ndim > 3 and len(array) == 1:
            array = array[0]
        if array.ndim == 4 and array.shape[3] == 1:
            array = array[..., 0]
        if array.size == 0 or array.dtype.kind not in "biuf" or not _is_grid(array):
            raise InputError(
                "{name} must be numbers in three dimensions, not {dtype} of shape {shape}.",
                name=label, dtype=array.dtype, shape=array.shape,
            )  # fmt: skip
        bounded(label, "cells", int(np.prod(array.shape[:3])), MOST_CELLS)
        colours = None
        no_notes: tuple[Sentence, ...] = ()
        if array.ndim == 4:
            occupied, notes = array[..., 3] > 0, no_notes
            colours = as_colours(np.nan_to_num(np.asarray(array[occupied][:, :3])))
        else:
            occupied, notes = occupied_cells(array, label)
        shape = np.array(occupied.shape, dtype=np.float64)
        return cls(occupied, -0.5 * shape / shape.max(), 1 / shape.max(), colours), notes

    def centres(self) -> NDArray[np.float64]:
        """The middles of the occupied cells (N, 3), in the order of `colours`."""
        return (np.argwhere(self.occupied) + 0.5) * self.pitch + self.origin


def _is_grid(array: NDArray[Any]) -> bool:
    return array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 4)


def occupied_cells(
    array: NDArray[Any], name: str
) -> tuple[NDArray[np.bool_], tuple[Sentence, ...]]:
    """Which cells of numbers (X, Y, Z) are occupied, and what had to be decided for that.

    Booleans and labels: above 0. Shares from 0 to 1: from 0.5. 8-bit shares: from 128. With a sign
    (distances, logits): on the other side of 0 than the border of the array is. Any other numbers
    above 0: from half of the largest. Raises InputError where no number is finite.
    """
    if array.dtype.kind == "b":
        return array, ()
    notes: list[Sentence] = []
    values = array
    if array.dtype.kind == "f":
        unknown = ~np.isfinite(array)
        count = int(np.count_nonzero(unknown))
        if count == array.size:
            raise InputError("{name} has no cell with a finite number.", name=name)
        if count:
            known = array[~unknown]
            # Unknown is outside, whichever side that is.
            outside = known.max() if _is_negative_inside(array) else known.min()
            values = np.where(unknown, outside, array)
            notes.append(
                Sentence("{count:,} cells that are not finite were taken for empty", count=count)
            )
    low, high = values.min(), values.max()
    if low < 0 < high:
        if _is_negative_inside(values):
            notes.append(
                Sentence(
                    "Cells below 0 were taken for the inside, as in a signed distance; change the "
                    "sign of the numbers for the other side"
                )
            )
            return values < 0, tuple(notes)
        notes.append(Sentence("Cells above 0 were taken for the inside"))
        return values > 0, tuple(notes)
    if array.dtype.kind == "f" and low >= 0 and _grows_outwards(values):
        if high > 1:
            raise InputError(
                "{name} holds distances without a sign, which do not say where the inside is: give "
                "signed distances or occupancies.",
                name=name,
            )
        notes.append(
            Sentence(
                "The numbers grow towards the border, as truncated distances do: cells below 0.5 "
                "were taken for the inside"
            )
        )
        return values < 0.5, tuple(notes)
    if array.dtype.kind == "f" and high <= 1:
        return values >= 0.5, tuple(notes)
    if low > 0 and low < high:
        # No cell is empty by its number: the background has one too.
        level = (float(low) + float(high)) / 2
        notes.append(_level_note(level, float(low), float(high)))
        return values >= level, tuple(notes)
    whole = array.dtype.kind != "f" or np.array_equal(values, np.round(values))
    if not whole or _is_grey(values):
        level = 128 if array.dtype == np.uint8 and high > 128 else float(high) / 2
        notes.append(_level_note(level, float(low), float(high)))
        return values >= level, tuple(notes)
    return values > 0, tuple(notes)


def _level_note(level: float, low: float, high: float) -> Sentence:
    return Sentence(
        "Cells from {level:g} on were taken for the inside (the numbers go from {low:g} to "
        "{high:g})",
        level=level, low=low, high=high,
    )  # fmt: skip


def _grows_outwards(values: NDArray[Any]) -> bool:
    """Whether numbers of many kinds are larger all along the border than in the middle."""
    border, inner = _border(values), values[tuple(slice(1, -1) for _ in range(3))]
    low, high = float(values.min()), float(values.max())
    if not inner.size or border.min() <= low + _OUTWARDS * (high - low):
        return False
    kinds = len(np.unique(values[:: max(1, len(values) // 16)]))
    return bool(border.mean() > inner.mean() and kinds > 8)


def _border(values: NDArray[Any]) -> NDArray[Any]:
    """The numbers along the six sides of an array, one after the other."""
    sides = [np.take(values, end, axis=axis).ravel() for axis in range(3) for end in (0, -1)]
    return np.concatenate(sides)


def _is_grey(values: NDArray[Any]) -> bool:
    """Whether whole numbers above 0 are shades rather than labels: large, and of many kinds."""
    if values.max() <= _LABELS:
        return False
    return len(np.unique(values[:: max(1, len(values) // 16)])) > _LABELS


def _is_negative_inside(values: NDArray[Any]) -> bool:
    """Whether more of the array's border is above 0 than below."""
    border = _border(values)
    return bool(np.count_nonzero(border > 0) > np.count_nonzero(border < 0))


def grid_of_queries(
    points: NDArray[np.floating], inside: NDArray[np.bool_], name: str
) -> VoxelGrid:
    """Query points (N, 3) with the occupancy of each (N,), as cells: each as its nearest point."""
    bounded(name, "points", len(points), 10_000_000)
    points = np.asarray(points, dtype=np.float64)
    if not np.isfinite(points).all():
        raise InputError("{name} has query points that are not finite.", name=name)
    low, high = points.min(0), points.max(0)
    pitch = float((high - low).max()) / _CELLS_OF_QUERIES
    if pitch <= 0:
        raise InputError("{name} has all its query points in one place.", name=name)
    shape = np.maximum(1, np.ceil((high - low) / pitch - 1e-6)).astype(np.int64)
    centres = (np.indices(shape).reshape(3, -1).T + 0.5) * pitch + low
    _, nearest = cKDTree(points).query(centres)
    return VoxelGrid(inside[nearest].reshape(shape), low, pitch)
