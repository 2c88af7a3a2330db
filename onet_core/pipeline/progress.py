"""How long the stages of one run take, and how far the whole is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Progress = Callable[[str, float], None]
"""Is called with the stage and the fraction of the whole that is done, 0 to 1; may raise
`Cancelled`."""


class Run:
    """Times the stages of one run and turns their progress into that of the whole.

    shares: how long each stage takes beside the others, roughly; only the progress depends on it.
    shapes: how many shapes are made; `stage` divides a stage among them on request.
    """

    def __init__(
        self, shares: Mapping[str, float], progress: Progress | None, shapes: int = 1
    ) -> None:
        total = sum(shares.values()) or 1.0
        self._shares = {name: share / total for name, share in shares.items()}
        self._progress, self._shapes = progress, max(1, shapes)
        self._done = 0.0
        self._current = 0.0
        self._reached = 0.0

    @contextmanager
    def stage(
        self, name: str, seconds: dict[str, float] | None = None, *, of_one: bool = False
    ) -> Iterator[None]:
        """Runs a block whose share of the whole is done when it ends.

        seconds: the time is added to it, under the stage's name. of_one: the block belongs to one
        of the shapes, and another follows for each of the others.
        """
        self._current = self._shares.get(name, 0.0) / (self._shapes if of_one else 1)
        self.report(name, 0.0)
        start = time.perf_counter()
        yield
        if seconds is not None:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start
        self._done += self._current

    def report(self, name: str, fraction: float) -> None:
        """Passes on that a fraction of the current stage is done."""
        # A stage may begin anew, as a surface that is looked for at several levels does.
        self._reached = max(self._reached, min(1.0, self._done + self._current * fraction))
        if self._progress is not None:
            self._progress(name, self._reached)

    def finish(self) -> None:
        """Reports the end."""
        if self._progress is not None:
            self._progress("done", 1.0)
