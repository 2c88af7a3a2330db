"""The worker's client: starts the child process, sends work, and survives the child's death.

Needs the standard library and NumPy only, because it runs inside Blender. Blocking use is
`client.call(...)`; a user interface uses `job = client.start(...)` and `job.poll()` from a timer:
neither of these two ever waits, two threads per worker do the reading and the writing. A client and
its jobs belong to one thread.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..errors import Cancelled, EngineError, OnetError
from ..sentences import Sentence
from .process import Inbox, WorkerProcess
from .protocol import Arrays, Header, encode_message

Progress = Callable[[str, float], None]

SECONDS_TO_CANCEL = 10.0


@dataclass(frozen=True)
class Event:
    """Something that happened to a job: progress, or its end."""

    kind: str  # "progress", "result" or "error"
    stage: str | Sentence = ""  # the worker's are names, others may be for the user as they are
    fraction: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What a method returned: plain values and arrays."""

    values: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class _Request:
    """What a job asks for; kept until the worker is heard of, to be repeated if need be."""

    method: str
    params: dict[str, Any]
    arrays: Arrays


class Job:
    """A request under way. `poll` it, or wait with `result`."""

    def __init__(self, client: EngineClient, request: _Request) -> None:
        self._client = client
        self._request: _Request | None = request
        self._process, self._identity, self._inbox = client._submit(request)
        self._repeated = False
        self._answer: Answer | None = None
        self._error: OnetError | None = None
        self._cancelled_at: float | None = None

    @property
    def done(self) -> bool:
        """Whether `poll` has seen the end."""
        return self._answer is not None or self._error is not None

    def poll(self, wait: float = 0.0) -> list[Event]:
        """What happened since the last call, oldest first; waits at most `wait` seconds for it."""
        events: list[Event] = []
        while not self.done:
            try:
                waiting = wait > 0 and not events
                header, arrays = self._inbox.get(waiting, wait if waiting else None)
            except queue.Empty:
                break
            event = self._take(header, arrays)
            if event is not None:
                events.append(event)
        if not self.done:
            self._end_overdue()
        return events

    def _take(self, header: Header, arrays: Arrays) -> Event | None:
        kind = header["type"]
        if kind == "dead":
            return self._take_death()
        self._request = None
        if kind == "progress":
            return Event("progress", str(header["stage"]), float(header["fraction"]))
        if kind == "result":
            self._answer = Answer(header["result"], arrays)
            return Event("result")
        self._error = self._process.error_of(header)
        return Event("error")

    def _take_death(self) -> Event | None:
        if self._cancelled_at is not None:
            self._error = Cancelled()
        elif self._request is not None and self._process.may_repeat and not self._repeated:
            # The worker went, idle for long or by another job's fault, before it began this one.
            try:
                self._process, self._identity, self._inbox = self._client._submit(self._request)
            except EngineError as error:
                self._error = error
            self._repeated = True
            return None if self._error is None else Event("error")
        else:
            self._error = self._process.obituary()
        return Event("error")

    def _end_overdue(self) -> None:
        """Ends a worker that does not start, answer or cancel; `poll` then learns of its death."""
        waited = None if self._cancelled_at is None else time.monotonic() - self._cancelled_at
        process = self._process
        late = waited is not None and waited > SECONDS_TO_CANCEL
        if late or process.too_slow_to_start or process.hangs():
            process.kill()

    def cancel(self) -> None:
        """Asks the worker to stop this job; a worker that does not is ended a little later."""
        if self._cancelled_at is None and not self.done:
            self._cancelled_at = time.monotonic()
            self._process.send(encode_message({"type": "cancel", "id": self._identity}))

    def result(self, on_progress: Progress | None = None, timeout: float | None = None) -> Answer:
        """Waits for the end.

        on_progress: called with stage and fraction; its exceptions cancel the job and are raised.
        timeout: in seconds; a worker that takes longer is ended.
        Raises the worker's error, and EngineError where the worker died or took too long.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while not self.done:
                for event in self.poll(wait=0.2):
                    if event.kind == "progress" and on_progress is not None:
                        on_progress(str(event.stage), event.fraction)
                if deadline is not None and not self.done and time.monotonic() > deadline:
                    self._process.kill()
                    self._error = EngineError(
                        "The worker did not answer within {timeout:g} seconds.", timeout=timeout
                    )
        except BaseException:
            self.cancel()
            while not self.done:
                self.poll(wait=0.2)
            raise
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer


class Task(Protocol):
    """What `Job` offers to who waits for it; other processes than the worker can offer it too."""

    @property
    def done(self) -> bool: ...

    def poll(self, wait: float = 0.0) -> list[Event]: ...

    def cancel(self) -> None: ...

    def result(
        self, on_progress: Progress | None = None, timeout: float | None = None
    ) -> Answer: ...


class EngineClient:
    """Owns at most one worker process, started when it is first needed.

    python: the runtime's interpreter; idle_seconds: after this long without work the worker ends
    by itself; log: where its messages go, a temporary file if None.
    """

    def __init__(
        self, python: str | Path, *, idle_seconds: float = 1800.0, log: Path | None = None
    ) -> None:
        self.python = Path(python)
        self._idle_seconds = idle_seconds
        self._log = log
        self._process: WorkerProcess | None = None
        self._jobs = 0

    @property
    def alive(self) -> bool:
        """Whether a worker is running now."""
        return self._process is not None and self._process.alive

    @property
    def process_id(self) -> int | None:
        """The worker's process, None where there is none."""
        return self._process.identity if self._process is not None and self.alive else None

    @property
    def log(self) -> Path | None:
        """Where the last worker's messages are, None where none was started or kept."""
        path = self._process.log if self._process is not None else None
        return path if path is not None and path.is_file() else None

    def start(
        self, method: str, params: Mapping[str, Any] | None = None, arrays: Arrays | None = None
    ) -> Job:
        """Sends a request, starting a worker where there is none; does not wait for it.

        The arrays must not be changed before the job's first event. Raises EngineError where there
        is no such interpreter or the request can't be sent; that the worker does not come up, the
        job tells.
        """
        return Job(self, _Request(method, dict(params or {}), dict(arrays or {})))

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        arrays: Arrays | None = None,
        *,
        on_progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Sends a request and waits for its answer; see `Job.result` for what it raises."""
        return self.start(method, params, arrays).result(on_progress, timeout)

    def close(self) -> None:
        """Ends the worker, if there is one. The next request starts a new one."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _submit(self, request: _Request) -> tuple[WorkerProcess, int, Inbox]:
        self._jobs += 1
        header = {
            "type": "request",
            "id": self._jobs,
            "method": request.method,
            "params": request.params,
        }
        try:
            parts = encode_message(header, request.arrays)
        except ValueError as error:
            raise EngineError(
                "The request {method!r} can't be sent: {error}", method=request.method, error=error
            ) from error
        if self._process is None or not self._process.alive:
            self.close()
            self._process = WorkerProcess(self.python, self._idle_seconds, self._log)
        inbox = self._process.open_inbox(self._jobs)
        self._process.send(parts)
        return self._process, self._jobs, inbox
