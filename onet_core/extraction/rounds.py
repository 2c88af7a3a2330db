"""The rounds of an extraction: evaluating a field at grid points, counted, timed and reported."""

from __future__ import annotations

import time
from functools import partial

import torch
from torch import Tensor

from .field import EXACT_BAND, Field, PreparedField, Progress, evaluate, grid_to_box
from .following import Evaluate


class Rounds:
    """Evaluates a field at grid points; counts, times and reports it.

    evaluations: how many points each round asked for; seconds: by stage; are_rough: whether the
    field has a faster way in half precision; tolerance: see `surface.extract`, 0 where it has none.
    """

    def __init__(
        self,
        field: Field,
        padding: float,
        device: torch.device | str,
        dtype: torch.dtype,
        batch_points: int | None,
        report: Report,
        tolerance: float,
    ) -> None:
        self.device, self.dtype, self.report = torch.device(device), dtype, report
        is_rough_faster = isinstance(field, PreparedField) and field.is_rough_faster
        self.tolerance = tolerance if is_rough_faster else 0.0
        self.are_rough = is_rough_faster
        self.evaluations: list[int] = []
        self.seconds = {"network": 0.0, "mise": 0.0, "marching cubes": 0.0}
        self.padding = padding
        self._field, self._batch_points = field, batch_points
        self._clock = time.perf_counter()

    def at(
        self,
        indices: Tensor,
        resolution: int,
        level: float | None = None,
        halvings: int | None = None,
        exact_band: float = EXACT_BAND,
    ) -> Tensor:
        """Logits (n,) at grid indices (n, 3), which may lie between grid points.

        level, exact_band: see `field.evaluate`; halvings: of the coarse grid, as the resolution's
        for progress.
        """
        self.report.start_round(len(indices), resolution, halvings)
        points = grid_to_box(indices, resolution, self.padding, self.dtype).to(self.device)
        self.lap("mise")
        logits = evaluate(
            self._field,
            points,
            level=level,
            exact_band=exact_band,
            batch_points=self._batch_points,
            progress=self.report.advance,
        )
        self.evaluations.append(len(indices))
        self.lap("network")
        return logits

    def on(self, resolution: int, is_rough: bool) -> Evaluate:
        """The function of grid indices that `follow` needs; is_rough: wherever that is faster."""
        if is_rough:
            return partial(self.at, resolution=resolution, level=0.0, exact_band=0.0)
        return partial(self.at, resolution=resolution)

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
