"""The worker's client: starts the child process, sends work, and survives the child's death.

Needs the standard library and NumPy only, because it runs inside Blender. Blocking use is
`client.call(...)`; a user interface uses `job = client.start(...)` and `job.poll()` from a timer:
neither of these two ever waits, two threads per worker do the reading and the writing. A client and
its jobs belong to one thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from .. import errors
from ..errors import Cancelled, EngineError, OnetError
from ..sentences import Sentence
from ..threads import spin_little
from .protocol import Arrays, Header, ProtocolError, encode_message, read_message

Progress = Callable[[str, float], None]
Message = tuple[Header, Arrays]
Inbox = queue.SimpleQueue[Message]

MAIN = Path(__file__).resolve().with_name("__main__.py")
SECONDS_TO_START = 60.0
SECONDS_TO_CANCEL = 10.0
SECONDS_TO_END = 2.0
UNSUITABLE = 78  # __main__.py's status for an interpreter that can't be used
LOG_TAIL_LINES = 6
LOG_TAIL_BYTES = 16_384
DEAD: Message = ({"type": "dead"}, {})
KILLED = Sentence("it was killed, perhaps because the memory was full: try a lower resolution")
CRASHED = Sentence("it crashed: try to compute on the processor")
# What a status of the child usually means; 137 is what shells and containers make of -9.
FATES = {
    -9: KILLED,
    137: KILLED,
    -11: CRASHED,
    0xC0000005: CRASHED,
}


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


def _sentence_in(line: str) -> Sentence:
    """What a process wrote as JSON before it ended; the line itself where that is none."""
    try:
        return Sentence.from_json(json.loads(line))
    except ValueError:
        return Sentence(line)


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
        """Ends a worker that does not start or does not cancel; `poll` then learns of its death."""
        waited = None if self._cancelled_at is None else time.monotonic() - self._cancelled_at
        if self._process.too_slow_to_start or (waited is not None and waited > SECONDS_TO_CANCEL):
            self._process.kill()

    def cancel(self) -> None:
        """Asks the worker to stop this job; a worker that does not is ended a little later."""
        if self._cancelled_at is None and not self.done:
            self._cancelled_at = time.monotonic()
            self._process.send(encode_message({"type": "cancel", "id": self._identity}))

    def result(self, on_progress: Progress | None = None, timeout: float | None = None) -> Answer:
        """Waits for the end.

        on_progress: called with stage and fraction; what it raises cancels the job and is raised.
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
        self._process: _Process | None = None
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

    def _submit(self, request: _Request) -> tuple[_Process, int, Inbox]:
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
            self._process = _Process(self.python, self._idle_seconds, self._log)
        inbox = self._process.open_inbox(self._jobs)
        self._process.send(parts)
        return self._process, self._jobs, inbox


class _Process:
    """One child process, the thread that reads from it and the thread that writes to it."""

    def __init__(self, python: Path, idle_seconds: float, log: Path | None) -> None:
        if not python.is_file():
            raise EngineError(
                "There is no Python at {python}: set the runtime up again.", python=python
            )
        self._keep_log = log is not None
        if log is None:
            try:
                handle, name = tempfile.mkstemp(prefix="onet-worker-", suffix=".log")
            except OSError as error:
                raise EngineError(
                    "The worker's log can't be made among the temporary files: {error}.",
                    error=error.strerror,
                ) from error
            os.close(handle)
            log = Path(name)
        self.log = log
        # -I keeps the user's packages and the working folder out; the variables would only reach
        # what the worker itself starts.
        command = [
            str(python),
            "-I",
            "-u",
            "-X",
            "utf8",
            str(MAIN),
            "--idle-seconds",
            str(idle_seconds),
        ]
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.upper().startswith(("PYTHON", "__PYVENV"))
        }
        spin_little(environment)
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows has it, and needs it
        try:
            with log.open("ab") as log_file:
                self._log_start = log_file.tell()
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log_file,
                    env=environment,
                    cwd=tempfile.gettempdir(),
                    creationflags=flags,
                )
        except OSError as error:
            self._forget_log()
            raise EngineError(
                "{python} can't be started: {error}.", python=python, error=error.strerror
            ) from error
        self.identity = self._child.pid
        self._started_at = time.monotonic()
        self._python = python
        self._ready = False
        self._dead = False
        self._killed = False
        self._closed = False
        self._babble = ""
        self._lock = threading.Lock()  # over _dead and _inboxes
        self._inboxes: dict[int, Inbox] = {}
        self._outbox: queue.SimpleQueue[list[bytes | memoryview] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(
            target=self._listen, args=(self._child.stdout,), daemon=True, name="onet engine reader"
        )
        self._writer = threading.Thread(
            target=self._tell, args=(self._child.stdin,), daemon=True, name="onet engine writer"
        )
        self._reader.start()
        self._writer.start()

    @property
    def alive(self) -> bool:
        """Whether it can still take requests."""
        return not (self._dead or self._killed) and self._child.poll() is None

    @property
    def may_repeat(self) -> bool:
        """Whether what it did not come to is worth giving to another worker."""
        return self._ready and not self._closed and not self._babble

    @property
    def too_slow_to_start(self) -> bool:
        return not self._ready and time.monotonic() - self._started_at > SECONDS_TO_START

    def open_inbox(self, identity: int) -> Inbox:
        """Where the messages of a job will arrive, and the worker's death as the last one."""
        inbox: Inbox = queue.SimpleQueue()
        with self._lock:
            if self._dead:
                inbox.put(DEAD)
            self._inboxes[identity] = inbox
        return inbox

    def send(self, parts: list[bytes | memoryview]) -> None:
        """Has a message written; a worker that is gone is noticed when it is listened to."""
        self._outbox.put(parts)

    def _tell(self, stream: BinaryIO) -> None:
        """Runs in a thread: writes what is to be sent, until None."""
        # A worker that goes breaks the pipe; the thread that listens notices and tells.
        with contextlib.suppress(OSError), stream:
            while (parts := self._outbox.get()) is not None:
                for part in parts:
                    stream.write(part)
                stream.flush()

    def _listen(self, stream: BinaryIO) -> None:
        """Runs in a thread: hands the worker's messages to their jobs, and its death to all."""
        with stream:
            try:
                while True:
                    self._deliver(*read_message(stream))
            except EOFError:
                pass
            except (OSError, ValueError, TypeError, ProtocolError) as error:
                self._babble = str(error)
                self._child.kill()
        try:
            self._child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._outbox.put(None)
        with self._lock:
            self._dead = True
            for inbox in self._inboxes.values():
                inbox.put(DEAD)

    def _deliver(self, header: Header, arrays: Arrays) -> None:
        kind = header.get("type")
        if kind == "ready":
            self._ready = True
        elif not self._ready or kind not in ("progress", "result", "error"):
            raise ProtocolError(f"It sent {kind!r}, which is not expected.")
        else:
            identity = int(header.get("id", 0))
            with self._lock:
                inbox = self._inboxes.get(identity)
                if kind != "progress":
                    self._inboxes.pop(identity, None)
            if inbox is not None:
                inbox.put((header, arrays))

    def error_of(self, header: Header) -> OnetError:
        """The worker's error as the exception it was."""
        known = getattr(errors, str(header.get("error")), EngineError)
        if not (isinstance(known, type) and issubclass(known, OnetError)):
            known = EngineError
        try:
            told = Sentence.from_json(header.get("sentence"))
        except ValueError as error:
            told = Sentence(str(error))
        if header.get("logged"):
            self._keep_log = True
            told = Sentence("{told} The details are in {path}.", told=told, path=self.log)
        return known(told)

    def obituary(self) -> EngineError:
        """What to tell about the worker's end."""
        if self._closed:
            return EngineError("The worker was closed before it had answered.")
        status = self._child.poll()
        if self._babble:
            reason = Sentence("what it said can't be understood: {error}", error=self._babble)
        elif self.too_slow_to_start:
            seconds = SECONDS_TO_START
            reason = Sentence("it said nothing for {seconds:g} seconds", seconds=seconds)
        elif status in FATES:
            reason = FATES[status]
        else:
            reason = Sentence("exit status {status}", status=status)
        with self.log.open("rb") as log_file:
            size = log_file.seek(0, os.SEEK_END)
            log_file.seek(max(self._log_start, size - LOG_TAIL_BYTES))
            lines = log_file.read().decode("utf-8", errors="replace").strip().splitlines()
        if status == UNSUITABLE and not self._ready and lines:
            return EngineError(_sentence_in(lines[-1]))
        if self._ready:
            end = EngineError("The worker process stopped unexpectedly: {reason}.", reason=reason)
        else:
            end = EngineError(
                "The worker process ({python}) could not be started: {reason}.",
                python=self._python,
                reason=reason,
            )
        if not lines:
            return end
        self._keep_log = True
        tail = " | ".join(line.strip() for line in lines[-LOG_TAIL_LINES:])
        return EngineError(
            "{end} Its log ({path}) ends with: {log}", end=end, path=self.log, log=tail
        )

    def kill(self) -> None:
        """Ends it at once; its death reaches the jobs by the thread that listens."""
        self._killed = True
        self._child.kill()

    def close(self) -> None:
        """Lets the worker end by itself, then makes it."""
        self._closed = True
        self._outbox.put(None)
        try:
            self._child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._child.kill()
        self._reader.join(SECONDS_TO_END)
        self._writer.join(SECONDS_TO_END)
        self._forget_log()

    def _forget_log(self) -> None:
        if not self._keep_log:
            self.log.unlink(missing_ok=True)
