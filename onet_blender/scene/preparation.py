"""A job of the worker whose input is still being prepared."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from onet_core.engine.client import Answer, Event, Progress, Task
from onet_core.errors import Cancelled, OnetError

from .pieces import Gradual, Pieces

T = TypeVar("T")


class Finished:
    """A `Task` with nothing left to do."""

    done = True

    def poll(self, wait: float = 0.0) -> list[Event]:
        """See `Job.poll`."""
        return []

    def cancel(self) -> None:
        """It is too late for that."""

    def result(self, on_progress: Progress | None = None, timeout: float | None = None) -> Answer:
        """See `Job.result`."""
        return Answer({})


class Preparation(Generic[T]):
    """First pieces in Blender's main thread, then the worker's job for what they make: one `Task`.

    start: hands that to the worker, or gives `Finished` where that is all. What can be done at once
    is done; raises what that raises.
    """

    def __init__(self, pieces: Pieces[T], start: Callable[[T], Task]) -> None:
        self._gradual = Gradual(pieces)
        self._start = start
        self._job: Task | None = None
        self._error: OnetError | None = None
        self._go_on()

    @property
    def prepared(self) -> T:
        """What the worker was asked for."""
        return self._gradual.result

    @property
    def done(self) -> bool:
        return self._error is not None or (self._job is not None and self._job.done)

    def poll(self, wait: float = 0.0) -> list[Event]:
        """See `Job.poll`."""
        if self._job is None and self._error is None:
            self._gradual.wait(wait)
            try:
                self._go_on()
            except OnetError as error:
                self._error = error
        if self._job is not None:
            return self._job.poll(wait)
        told = self._gradual.told()
        return [] if told is None else [Event("progress", told)]

    def cancel(self) -> None:
        """See `Job.cancel`."""
        if self._job is not None:
            self._job.cancel()
        elif self._error is None:
            self._gradual.close()
            self._error = Cancelled()

    def result(self, on_progress: Progress | None = None, timeout: float | None = None) -> Answer:
        """See `Job.result`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._job is None and self._error is None:
            self.poll(wait=0.2)
        if self._error is not None:
            raise self._error
        assert self._job is not None
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        return self._job.result(on_progress, left)

    def _go_on(self) -> None:
        if self._gradual.step():
            self._job = self._start(self._gradual.result)
