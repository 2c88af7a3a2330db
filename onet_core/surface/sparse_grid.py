"""The grid points next to a surface, and nothing else of the grid.

Points are sorted integer keys on the field's device, with a table of their neighbours; cells are
not stored: a cell is there where its eight corners are. The grid is surrounded by one layer of
points that are `OUTSIDE`, so that a shape that leaves the box is closed at it.

The grids of several objects are one grid here: the object's number is the first digit of the keys.
What lies on both sides of that digit's change are outer layers, so no surface leads across.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import pad

OUTSIDE = -1e6
"""The value that surrounds the grid, so that a shape that leaves the box is closed at it."""

MISSING = -1
"""In a table of neighbours: there is none."""

# The eight points beside a point are bits of a byte, numbered 4 x + 2 y + z by the steps to them.
# Of each axis: those with a step along it.
_STEPPED = (0xF0, 0xCC, 0xAA)

# A share of all points; from here on searching for neighbours is faster than making a table.
_FEW = 0.05
# Keys below which a table of all of them is made: 16 MB, the grids of 128 cells and of less.
_LARGE = 1 << 22


@dataclass(eq=False)
class SparseGrid:
    """Some points of a grid of `resolution` cells along each axis of the box, for each object.

    keys: (n,) int64, sorted, see `keys_of`.
    values: (n,) logits.
    is_known: (n,), whether a value is the field's own, as precise as it is wanted, or else only an
        estimate.
    level: what lies above is inside.
    """

    resolution: int
    level: float
    keys: Tensor
    values: Tensor
    is_known: Tensor
    _crossings: list[Tensor] | None = field(default=None, init=False)

    @classmethod
    def of_coarse(
        cls, values: Tensor, is_known: Tensor, resolution: int, level: float
    ) -> SparseGrid:
        """All points of each object's grid, (objects, n, n, n) with n = resolution + 1."""
        border = (1,) * 6
        all_values = pad(values, border, value=OUTSIDE).flatten()
        all_known = pad(is_known, border, value=True).flatten()
        keys = torch.arange(len(all_values), device=values.device)
        return cls(resolution, level, keys, all_values, all_known)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def strides(self) -> tuple[int, int, int]:
        """What a step along each axis adds to a key."""
        return _strides(self.resolution)

    def indices(self, chosen: Tensor | None = None) -> Tensor:
        """Grid indices (n, 3), from -1 to resolution + 1, of all or the chosen points."""
        return indices_of(self.keys if chosen is None else self.keys[chosen], self.resolution)

    def objects(self, chosen: Tensor | None = None) -> Tensor:
        """Which object each of all or the chosen points belongs to, (n,)."""
        return objects_of(self.keys if chosen is None else self.keys[chosen], self.resolution)

    def is_beyond(self, indices: Tensor) -> Tensor:
        """Which of the points (n, 3) lie in the layer around the grid, (n,)."""
        return ((indices < 0) | (indices > self.resolution)).any(dim=1)

    @property
    def is_inside(self) -> Tensor:
        """(n,) whether a point is inside, as its value says."""
        return self.values > self.level

    def is_inside_at(self, places: Tensor) -> Tensor:
        """(m,) whether the points at these places are inside."""
        return self.values[places] > self.level

    def place(self, keys: Tensor) -> Tensor:
        """Where points of these keys are, (m,) int64, `MISSING` for those that are not there."""
        if (table := self._places) is not None:
            return table[(keys + 1).clamp(0, len(table) - 1)].long()
        place = torch.searchsorted(self.keys, keys).clamp_(max=max(len(self) - 1, 0))
        return torch.where(self.keys[place] == keys, place, MISSING)

    @cached_property
    def _places(self) -> Tensor | None:
        return table_of(self.keys)

    @cached_property
    def following(self) -> list[Tensor]:
        """Of each axis: where each point's next neighbour along it is, (n + 1,) int64.

        The last entry is that of the point `MISSING`, which so is its own neighbour.
        """
        missing = self.keys.new_full((1,), MISSING)
        tables = [self.place(self.keys + stride) for stride in self.strides[:2]]
        # Along z the next point is the next key, if it is there.
        here = torch.arange(1, len(self) + 1, device=self.keys.device)
        has_next = torch.zeros_like(self.is_known)
        has_next[:-1] = self.keys[1:] == self.keys[:-1] + 1
        tables.append(torch.where(has_next, here, MISSING))
        return [torch.cat([table, missing]) for table in tables]

    def before(self, axis: int, places: Tensor) -> Tensor:
        """Where the neighbours before the points at these places (m,) are, along an axis, (m,)."""
        if "_preceding" in vars(self) or len(places) > _FEW * len(self):
            return self._preceding[axis][places]
        found = self.place(self.keys[places] - self.strides[axis])
        return torch.where(places == MISSING, MISSING, found)

    @cached_property
    def _preceding(self) -> list[Tensor]:
        """As `following`, for the neighbours before."""
        here = torch.arange(len(self) + 1, device=self.keys.device)
        tables = []
        for following in self.following:
            table = torch.full_like(following, MISSING)
            # Those without a next one write to the last entry, that of the point `MISSING`.
            table.scatter_(0, torch.where(following == MISSING, len(self), following), here)
            table[MISSING] = MISSING
            tables.append(table)
        return tables

    @cached_property
    def is_cell(self) -> Tensor:
        """(n + 1,) whether all corners of the cell are there whose lowest corner is the point."""
        last = torch.ones(len(self) + 1, dtype=torch.bool, device=self.keys.device)
        last[MISSING] = False
        for following in self.following:
            last = last & last[following]
        return last

    def crossings(self, axis: int) -> Tensor:
        """The points (m,) whose edge to the next one along the axis is crossed by the surface."""
        if self._crossings is None:
            inside = self.is_inside
            found = []
            for following in self.following:
                stop = following[:-1]
                found.append(((stop != MISSING) & (inside != inside[stop])).nonzero().squeeze(1))
            self._crossings = found
        return self._crossings[axis]

    def set_values(self, places: Tensor, values: Tensor) -> None:
        """Gives the points at these places, (m,) or a mask (n,), other values."""
        before = self.is_inside_at(places)
        self.values[places] = values
        if (self.is_inside_at(places) != before).any():
            self._crossings = None

    def mixed_cells(self) -> tuple[Tensor, Tensor]:
        """The cells with corners on both sides, in the order of their keys.

        Returns the places of their corners (C, 8), in the order of `CORNERS`, and their cases (C,)
        uint8, bit c set where corner c is inside.
        """
        lowest, case = self.mixed()
        corners = lowest[:, None]
        for axis in (2, 1, 0):
            corners = torch.cat([corners, self.following[axis][corners]], dim=1)
        return corners, case

    def mixed(self) -> tuple[Tensor, Tensor]:
        """The lowest corners (C,) of the cells with corners on both sides, and their cases."""
        inside = torch.cat([self.is_inside, self.is_inside.new_zeros(1)]).to(torch.uint8)
        case = inside.clone()
        # Eight bits by three shifts: a corner's number has 4 for x, 2 for y, 1 for z.
        for bits, axis in ((1, 2), (2, 1), (4, 0)):
            case |= case[self.following[axis]] << bits
        is_mixed = self.is_cell & (case != 0) & (case != 255)
        lowest = is_mixed.nonzero().squeeze(1)
        return lowest, case[lowest]

    def as_estimate(self) -> SparseGrid:
        """The corners of the mixed cells, none known but those around the box."""
        corners, _ = self.mixed_cells()
        chosen = torch.zeros_like(self.is_known)
        chosen[corners.flatten()] = True
        values = self.values[chosen]
        unknown = torch.zeros_like(values, dtype=torch.bool)
        grid = SparseGrid(self.resolution, self.level, self.keys[chosen], values, unknown)
        return grid.with_border()

    def forget_values(self, is_kept: Tensor) -> None:
        """Makes the values of all objects but those that are kept (objects,) estimates."""
        self.is_known &= is_kept[self.objects()] | self.is_beyond(self.indices())

    def with_border(self) -> SparseGrid:
        """Gives the points around the grid their value; returns this grid."""
        beyond = self.is_beyond(self.indices())
        self.set_values(beyond, self.values.new_tensor(OUTSIDE))
        self.is_known |= beyond
        return self

    def joined(
        self, keys: Tensor, values: Tensor, is_known: Tensor
    ) -> tuple[SparseGrid, Tensor, Tensor]:
        """A grid with further points (m,), sorted, none of which is there; this one is used up.

        Returns it and where these points (n,) and the new ones (m,) are in it.
        """
        count = torch.arange(len(keys), device=keys.device)
        new = torch.searchsorted(self.keys, keys) + count
        is_old = torch.ones(len(self) + len(keys), dtype=torch.bool, device=keys.device)
        is_old[new] = False
        old = is_old.nonzero().squeeze(1)

        def merged(one: Tensor, other: Tensor) -> Tensor:
            both = one.new_empty(len(is_old))
            both[old], both[new] = one, other
            return both

        grid = SparseGrid(
            self.resolution,
            self.level,
            merged(self.keys, keys),
            merged(self.values, values),
            merged(self.is_known, is_known),
        )
        # The tables go along: only the new points' neighbours have to be looked for.
        moved = torch.cat([old, old.new_tensor([MISSING])])
        tables = []
        for axis, stride in enumerate(self.strides):
            after, before = grid.place(keys + stride), grid.place(keys - stride)
            table = torch.full((len(grid) + 1,), MISSING, device=keys.device)
            table[old] = moved[self.following[axis][:-1]]
            table[new] = after
            has_before = before != MISSING
            table[before[has_before]] = new[has_before]
            tables.append(table)
        grid.following = tables
        return grid, old, new


def table_of(keys: Tensor) -> Tensor | None:
    """Where each key from -1 to one beyond the last is among sorted keys (n,), int32, or `MISSING`.

    Reading that takes a fifth of searching. None where it would be large, or on graphics cards.
    """
    last = int(keys[-1]) if len(keys) and keys.device.type == "cpu" else _LARGE
    if last >= _LARGE:
        return None
    table = torch.full((last + 3,), MISSING, dtype=torch.int32)
    table[keys + 1] = torch.arange(len(keys), dtype=torch.int32)
    return table


def halved(grid: SparseGrid) -> SparseGrid:
    """The corners of the mixed cells' eight parts, on the grid of twice the resolution.

    New points get the mean of the points around them as an estimate.
    """
    parts = _parts(grid)
    old = parts.nonzero().squeeze(1)
    resolution = 2 * grid.resolution
    indices = grid.indices(old)
    first = keys_of(2 * indices, resolution, grid.objects(old))
    parts, beyond = parts[old], torch.zeros_like(parts[old])
    for axis, stepped in enumerate(_STEPPED):
        index = indices[:, axis]
        is_first, is_last = index < 0, index == grid.resolution
        beyond |= (is_first | is_last) * stepped
        # Before the first layer there is nothing, nor beyond the last.
        parts = torch.where(is_first, parts & stepped, parts) * (index <= grid.resolution)
    del indices
    chosen = _bits(parts).flatten().nonzero().squeeze(1)
    steps = [sum(some) for some in product(*[(0, stride) for stride in _strides(resolution)])]
    keys = (first[:, None] + first.new_tensor(steps)).flatten()[chosen]
    keys, order = torch.sort(keys)
    chosen = chosen[order]
    del first, order
    beyond = _bits(beyond).flatten()[chosen]
    values = _means(grid, old).flatten()[chosen].masked_fill_(beyond, OUTSIDE)
    is_known = grid.is_known[old[chosen >> 3]] & (chosen & 7 == 0) | beyond
    return SparseGrid(resolution, grid.level, keys, values, is_known)


def _parts(grid: SparseGrid) -> Tensor:
    """Which of the eight points beside each point, on the grid of twice the resolution, are corners
    of the mixed cells' parts: (n,) uint8."""
    parts = torch.zeros_like(grid.is_known, dtype=torch.uint8)
    parts[grid.mixed()[0]] = 1
    # A new point is a step of 0 or 1 along each axis from an old one: it lies in the cell of
    # that one and, along each axis without a step, in that before.
    for bits, axis in ((1, 2), (2, 1), (4, 0)):
        some = parts.nonzero().squeeze(1)
        own = parts[some]
        parts[some] |= own << bits
        parts[grid.following[axis][some]] |= own
    return parts


def _means(grid: SparseGrid, places: Tensor) -> Tensor:
    """The means of the corners between which each of the eight points beside the points (m,)
    lies, on the grid of twice the resolution: (m, 8)."""
    corners = places[None]
    for following in grid.following:
        corners = torch.stack([corners, following[corners]], dim=1).flatten(0, 1)
    values = torch.cat([grid.values, grid.values.new_zeros(1)])
    means = values[corners].view(2, 2, 2, -1)
    for axis in range(3):
        start, stop = means.unbind(axis)
        means = torch.stack([start, (start + stop) / 2], dim=axis)
    return means.view(8, -1).T


def _bits(numbers: Tensor) -> Tensor:
    """The bits of numbers (n,) uint8, the lowest first: (n, 8) bool."""
    bits = torch.arange(8, dtype=torch.uint8, device=numbers.device)
    return (numbers[:, None] >> bits & 1).bool()


def keys_of(indices: Tensor, resolution: int, objects: Tensor | int = 0) -> Tensor:
    """Keys (n,) of grid indices (n, 3), each from -1 to resolution + 1; ordered by x, y, z, those
    of one of the objects (n,) after the other."""
    x, y, z = (indices + 1).unbind(1)
    across, along, _ = _strides(resolution)
    return (objects * (resolution + 3) + x) * across + y * along + z


def indices_of(keys: Tensor, resolution: int) -> Tensor:
    """Grid indices (n, 3) of keys (n,)."""
    size = resolution + 3
    rows, z = keys // size, keys % size
    return torch.stack([rows // size % size, rows % size, z], dim=1) - 1


def objects_of(keys: Tensor, resolution: int) -> Tensor:
    """Which object each of the keys (n,) belongs to, (n,)."""
    return keys // (resolution + 3) ** 3


def _strides(resolution: int) -> tuple[int, int, int]:
    size = resolution + 3
    return size * size, size, 1
