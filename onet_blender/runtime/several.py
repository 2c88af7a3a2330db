"""Several tasks one after the other, used like one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from onet_core.engine.client import Answer, Event, Progress, Task
from onet_core.errors import Cancelled, OnetError


class Several:
    """Starts the next task when the one before is done; what fails does not stop the others.

    starts: each begins one task. `answers` has an answer or the error of each, in their order.
    """

    def __init__(self, starts: Sequence[Callable[[], Task]]) -> None:
        self._waiting = list(starts)
        self._count = len(starts)
        self._running: Task | None = None
        self._is_cancelled = False
        self.answers: list[Answer | OnetError] = []
        self._go_on()

    @property
    def done(self) -> bool:
        return self._running is None and not self._waiting

    def poll(self, wait: float = 0.0) -> list[Event]:
        """See `Job.poll`; the ends of the single tasks are no events."""
        if self._running is None:
            return []
        events = [
            replace(event, fraction=(len(self.answers) + event.fraction) / self._count)
            for event in self._running.poll(wait)
            if event.kind == "progress"
        ]
        self._go_on()
        return events

    def cancel(self) -> None:
        """Stops what runs and starts no more."""
        self._is_cancelled = True
        self._waiting.clear()
        if self._running is not None:
            self._running.cancel()

    def result(self, on_progress: Progress | None = None, timeout: float | None = None) -> Answer:
        """Waits for all; raises Cancelled, or the first error where none has an answer."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.done:
            self.poll(wait=0.2)
            if deadline is not None and time.monotonic() > deadline:
                self.cancel()
        if self._is_cancelled:
            raise Cancelled()
        failed = [answer for answer in self.answers if isinstance(answer, OnetError)]
        if len(failed) == self._count:
            raise failed[0]
        return Answer({})

    def _go_on(self) -> None:
        while True:
            if self._running is not None:
                if not self._running.done:
                    return
                running, self._running = self._running, None
                try:
                    self.answers.append(running.result())
                except OnetError as error:
                    self.answers.append(error)
            if not self._waiting:
                return
            try:
                self._running = self._waiting.pop(0)()
            except OnetError as error:
                self.answers.append(error)
