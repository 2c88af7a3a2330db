"""The rounds of an extraction: evaluating fields at grid points, counted, timed and reported."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from .. import devices
from ..field import EXACT_BAND, Field, PreparedField, Progress, evaluate, grid_to_box
from .following import Evaluate
from .memory import Memory
from .sparse_grid import indices_of, keys_of, objects_of


class Rounds:
    """Evaluates fields at grid points; counts, times and reports it.

    evaluations: of each object, how many points each round asked for; seconds: by stage;
    memory: of one field, what it said in earlier searches; it learns what it says in this one.
    added: logits (n,) at points (n, 3) that are added to all that fields say, after memory.
    are_networks: whether all fields are prepared networks; are_rough: whether they have a faster
    way in half precision; tolerance: see `surface.extract`, 0 where they have none.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        padding: float,
        device: torch.device | str,
        dtype: torch.dtype,
        batch_points: int | None,
        report: Report,
        tolerance: float,
        memory: Memory | None = None,
        added: Field | None = None,
    ) -> None:
        self.device, self.dtype, self.report = torch.device(device), dtype, report
        prepared = [field for field in fields if isinstance(field, PreparedField)]
        self.are_networks = len(prepared) == len(fields)
        self.are_rough = self.are_networks and all(field.is_rough_faster for field in prepared)
        self.tolerance = tolerance if self.are_rough else 0.0
        self.evaluations: list[list[int]] = [[] for _ in fields]
        self.seconds = {"network": 0.0, "mise": 0.0, "marching cubes": 0.0}
        self.padding = padding
        self._fields, self._batch_points, self._added = fields, batch_points, added
        # What half precision said is not what float32 would say.
        self._memory = memory if self.objects == 1 and not self.are_rough else None
        if devices.is_card(self.device):
            self._memory = None  # Looking something up there takes longer than asking again.
        self._clock = time.perf_counter()

    @property
    def objects(self) -> int:
        """How many fields there are."""
        return len(self._fields)

    def at(
        self,
        indices: Tensor,
        resolution: int,
        level: float | None = None,
        halvings: int | None = None,
        objects: Tensor | None = None,
        is_rough: Sequence[bool] | None = None,
    ) -> Tensor:
        """Logits (n,) at grid indices (n, 3), which may lie between grid points.

        level: see `field.evaluate`; halvings: of the coarse grid, as the resolution's for progress.
        objects: which field each point asks, (n,), by default the first. is_rough: which of them
        may answer in half precision everywhere.
        """
        self.report.start_round(len(indices), resolution, halvings)
        points = grid_to_box(indices, resolution, self.padding, self.dtype).to(self.device)
        self.lap("mise")
        if self._added is not None:
            level = None  # What is far from it may be near with what is added.
        if self._memory is not None:
            keys = keys_of(indices.to(self.device), resolution)
            logits = self._memory.recalled(keys, resolution, partial(self._ask, points, level))
        else:
            logits = self._asked(points, level, objects, is_rough)
        if self._added is not None:
            logits = logits + self._added(points)
        self.lap("network")
        return logits

    def _asked(
        self,
        points: Tensor,
        level: float | None,
        objects: Tensor | None,
        is_rough: Sequence[bool] | None,
    ) -> Tensor:
        """Logits of all fields at points (n, 3), see `at`."""
        logits = points.new_empty(len(points))
        done = 0
        for number, field in enumerate(self._fields):
            rows: Tensor | slice = slice(None)
            if self.objects > 1 and objects is not None:
                rows = (objects == number).nonzero().squeeze(1)
            asked = points[rows]
            if not len(asked):
                continue
            rough = is_rough is not None and is_rough[number] and self.are_rough
            logits[rows] = evaluate(
                field,
                asked,
                level=0.0 if rough else level,
                exact_band=0.0 if rough else EXACT_BAND,
                batch_points=self._batch_points,
                progress=partial(self._advance, done, len(asked), len(points)),
            )
            self.evaluations[number].append(len(asked))
            done += len(asked)
            if objects is None:
                break
        return logits

    def _ask(self, points: Tensor, level: float | None, wanted: Tensor) -> Tensor:
        """Logits of the only field at those points (n, 3) that are wanted, a mask (n,)."""
        asked = points[wanted]
        self.evaluations[0].append(len(asked))
        return evaluate(
            self._fields[0],
            asked,
            level=level,
            batch_points=self._batch_points,
            progress=self.report.advance,
        )

    def on(self, resolution: int, is_rough: Sequence[bool] | None = None) -> Evaluate:
        """The function of keys that `follow` needs; is_rough: see `at`."""
        return partial(self._at_keys, resolution, None, is_rough)

    def sides(self, resolution: int, level: float) -> Evaluate:
        """The function of keys that a search needs, which asks which side of a level they are."""
        return partial(self._at_keys, resolution, level, None)

    def _at_keys(
        self,
        resolution: int,
        level: float | None,
        is_rough: Sequence[bool] | None,
        keys: Tensor,
    ) -> Tensor:
        objects = objects_of(keys, resolution) if self.objects > 1 else None
        indices = indices_of(keys, resolution)
        return self.at(indices, resolution, level, objects=objects, is_rough=is_rough)

    def _advance(self, done: int, part: int, total: int, fraction: float) -> None:
        self.report.advance((done + fraction * part) / total)

    def lap(self, name: str) -> None:
        """Books the time since the last lap to a stage."""
        now = time.perf_counter()
        self.seconds[name] += now - self._clock
        self._clock = now


class Report:
    """Turns rounds of unknown number and size into a fraction that only grows.

    A surface meets about four times as many grid points for each halving, which predicts the rounds
    to come from those on the grid that is searched; the coarse grid is full.
    """

    def __init__(self, progress: Progress | None, resolution_0: int, depth: int) -> None:
        self._progress = progress
        self._resolution_0 = resolution_0
        self._depth = depth
        self._on_grid = 0
        self._halvings = 0
        self._size = 0
        self._done = 0
        self._expected = 0.0
        self._fraction = 0.0

    def start_round(self, size: int, resolution: int, halvings: int | None) -> None:
        self._done += self._size
        self._size = size
        if halvings is None:
            halvings = (resolution // self._resolution_0).bit_length() - 1
        if halvings != self._halvings:
            self._halvings, self._on_grid = halvings, 0
        self._on_grid += size
        left = self._depth - halvings
        if halvings == 0:
            following = self._on_grid / 2 * sum(4.0**step for step in range(left))
        else:
            following = self._on_grid * sum(4.0**step for step in range(1, left + 1))
        self._expected = self._done + size + following

    def advance(self, fraction_of_round: float) -> None:
        if self._progress is None:
            return
        done = (self._done + fraction_of_round * self._size) / self._expected
        self._fraction = max(self._fraction, 0.95 * min(done, 1.0))
        self._progress("network", self._fraction)

    def finish(self) -> None:
        if self._progress is not None:
            self._progress("marching cubes", 1.0)
