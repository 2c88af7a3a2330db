"""The button Check: asks the runtime for its versions, then has it generate a coarse shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from onet_core.engine.client import Answer, EngineClient, Event, Job, Progress
from onet_core.errors import OnetError
from onet_core.sentences import Sentence

RESOLUTION = 64
# Up to how many seconds a coarse shape takes for these words.
SPEEDS = (
    (0.3, Sentence("fast: the sliders of morphs follow the hand")),
    (2.0, Sentence("fine for all but the highest resolutions")),
    (float("inf"), Sentence("slow: choose Draft, or a graphics card")),
)


@dataclass
class Trial:
    """Two jobs of the worker, one after the other, used like one.

    params: of `generate`.
    accept: called with the answer to "hello", and raises where the second job makes no sense.
    """

    client: EngineClient
    params: Mapping[str, Any]
    accept: Callable[[Mapping[str, Any]], object]
    _found: dict[str, Any] = field(default_factory=dict, init=False)
    _job: Job = field(init=False)
    _error: OnetError | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._job = self.client.start("hello")

    @property
    def done(self) -> bool:
        return self._error is not None or (bool(self._found) and self._job.done)

    def poll(self, wait: float = 0.0) -> list[Event]:
        """See `Job.poll`; the end of the first job is no event."""
        if self.done:
            return []
        events = self._job.poll(wait)
        if self._found or not self._job.done:
            return events
        try:
            self._found = dict(self._job.result().values)
            self.accept(self._found)
            self._job = self.client.start("generate", self.params)
        except OnetError as error:
            self._error = error
        return []

    def cancel(self) -> None:
        """See `Job.cancel`."""
        self._job.cancel()

    def result(self, on_progress: Progress | None = None, timeout: float | None = None) -> Answer:
        """The answer to "hello", with the seconds that a coarse shape took.

        Raises whatever either job raised.
        """
        while not self.done:
            self.poll(wait=0.2)
        if self._error is not None:
            raise self._error
        made = self._job.result(on_progress, timeout)
        seconds = sum(made.values["seconds"].values())
        return Answer({**self._found, "seconds_of_a_draft": seconds})


def in_words(seconds: float) -> Sentence:
    """How fast a runtime is that makes a coarse shape in that time."""
    verdict = next(words for most, words in SPEEDS if seconds <= most)
    return Sentence(
        "A coarse shape takes {seconds:.1f} s, which is {reason}", seconds=seconds, reason=verdict
    )
