"""The surface of a field, followed from the cells that hold points to where it leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cube_cases import CORNERS, EDGE_AXIS, EDGE_CORNERS, TRIANGLE_COUNTS, TRIANGLES

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SIZE = 1 << 20
_MIDDLE = 1 << 19
_STRIDES = np.array([_SIZE * _SIZE, _SIZE, 1])
_SIDES = [(axis, step) for axis in range(3) for step in (-1, 1)]
_LEAST_FRACTION = 1e-4
"""Vertices keep so much of an edge's length from its ends, so that no face has no area."""


def follow(
    field: Callable[[FloatArray], FloatArray],
    points: FloatArray,
    cell: float,
    *,
    is_straight: bool = False,
    most_rounds: int = 10_000,
) -> tuple[FloatArray, NDArray[np.int32]]:
    """The closed surface where the field is 0, negative inside, as vertices (V, 3), faces (F, 3).

    Begins with the cells of that edge that hold points (N, 3) and goes on to the neighbour across
    every side that the surface leaves through, so that it is closed wherever the field is. Cells'
    corners are at multiples of the edge. is_straight: whether the field rises evenly between
    corners; if not, it is asked at the vertices, too.
    """
    nodes, cells = _Table(np.float64), _Table(np.uint8)
    fresh = unique(_keys(np.floor(points / cell).astype(np.int64)))
    for _ in range(most_rounds):
        if not len(fresh):
            break
        corners = _corner_keys(fresh)
        wanted = unique(corners)
        wanted = wanted[~nodes.has(wanted)]
        if len(wanted):
            nodes.add(wanted, field(_indices(wanted).astype(np.float64) * cell))
        inside = nodes.values(corners).reshape(-1, 8) < 0
        cells.add(fresh, np.packbits(inside, axis=1, bitorder="little")[:, 0])
        ahead = []
        for axis, step in _SIDES:
            side = inside[:, CORNERS[:, axis] == (step > 0)]
            is_left = side.any(axis=1) & ~side.all(axis=1)
            ahead.append(fresh[is_left] + step * _STRIDES[axis])
        fresh = unique(np.concatenate(ahead))
        fresh = fresh[~cells.has(fresh)]
    return _polygons(field, cells, nodes, cell, is_straight)


class _Table:
    """Values by keys, to which more are added in rounds, some of which have few.

    Sorted keys in layers, of which each has at least twice as many as the next: keys are put in
    order with few others, as often as the number of keys has binary digits.
    """

    def __init__(self, kind: type[np.generic]) -> None:
        self._kind = kind
        self._layers: list[tuple[IntArray, NDArray[Any]]] = []

    def add(self, keys: IntArray, values: NDArray[Any]) -> None:
        """Adds values (N,) by sorted keys (N,), none of which has one yet."""
        self._layers.append((keys, values))
        while len(self._layers) > 1 and len(self._layers[-2][0]) < 2 * len(self._layers[-1][0]):
            self._join()

    def has(self, keys: IntArray) -> NDArray[np.bool_]:
        """Which of the keys (N,) have a value."""
        found = np.zeros(len(keys), dtype=bool)
        for known, _ in self._layers:
            found |= known.take(np.searchsorted(known, keys), mode="clip") == keys
        return found

    def values(self, keys: IntArray) -> NDArray[Any]:
        """The values (N,) of keys, which all have one."""
        found = np.empty(len(keys), dtype=self._kind)
        for known, values in self._layers:
            place = np.searchsorted(known, keys)
            is_here = known.take(place, mode="clip") == keys
            found[is_here] = values[place[is_here]]
        return found

    def all(self) -> tuple[IntArray, NDArray[Any]]:
        """All keys (N,), sorted, and their values (N,)."""
        while len(self._layers) > 1:
            self._join()
        return self._layers[0] if self._layers else (np.zeros(0, np.int64), np.zeros(0, self._kind))

    def _join(self) -> None:
        (keys, values), (more, more_values) = self._layers[-2:]
        place = np.searchsorted(keys, more)
        self._layers[-2:] = [(np.insert(keys, place, more), np.insert(values, place, more_values))]


def unique(keys: IntArray) -> IntArray:
    """Each key once, sorted. NumPy's own way is by hashes, which is far slower for such keys."""
    ordered = np.sort(keys)
    is_first = np.ones(len(ordered), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def _polygons(
    field: Callable[[FloatArray], FloatArray],
    cells: _Table,
    nodes: _Table,
    cell: float,
    is_straight: bool,
) -> tuple[FloatArray, NDArray[np.int32]]:
    """Marching cubes over cells, whose cases are known by the keys of their lowest corners, from
    values at nodes; see `follow`."""
    keys, case = cells.all()
    is_crossed = (case > 0) & (case < 255)
    keys, case = keys[is_crossed], case[is_crossed]
    counts = TRIANGLE_COUNTS[case]
    owner = np.repeat(np.arange(len(case)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    edges = TRIANGLES[case[owner], within]  # (F, 3)
    lower = CORNERS[EDGE_CORNERS[:, 0]] @ _STRIDES
    slots = (keys[owner, None] + lower[edges]) * 3 + EDGE_AXIS[edges]
    used = unique(slots.ravel())
    faces = np.searchsorted(used, slots).astype(np.int32)
    node, axis = used // 3, used % 3
    nodes.all()
    start, stop = nodes.values(node), nodes.values(node + _STRIDES[axis])
    corners: FloatArray = _indices(node).astype(np.float64)
    ways = np.eye(3)[axis]
    if is_straight:
        fraction = start / (start - stop)
    else:
        fraction = _crossing(
            lambda share: field((corners + ways * share[:, None]) * cell), start, stop
        )
    fraction = np.clip(fraction, _LEAST_FRACTION, 1 - _LEAST_FRACTION)
    return (corners + ways * fraction[:, None]) * cell, faces


def _crossing(
    values: Callable[[FloatArray], FloatArray], start: FloatArray, stop: FloatArray
) -> FloatArray:
    """The share (M,) of each edge at which values are 0, which are start and stop (M,) at its ends:
    by false position, twice."""
    share = start / (start - stop)
    found = values(share)
    is_before = (found < 0) == (start < 0)
    low, high = np.where(is_before, share, 0), np.where(is_before, 1, share)
    start, stop = np.where(is_before, found, start), np.where(is_before, stop, found)
    return np.asarray(low + (high - low) * start / (start - stop))


def _keys(indices: IntArray) -> IntArray:
    x, y, z = (indices + _MIDDLE).T
    return np.asarray((x * _SIZE + y) * _SIZE + z)


def _indices(keys: IntArray) -> IntArray:
    return np.stack([keys // (_SIZE * _SIZE), keys // _SIZE % _SIZE, keys % _SIZE], 1) - _MIDDLE


def _corner_keys(cells: IntArray) -> IntArray:
    return np.asarray((cells[:, None] + CORNERS @ _STRIDES).ravel())
