"""The worker's client: starts the child process, sends work, and survives the child's death.

Needs the standard library and NumPy only, because it runs inside Blender. Blocking use is
`client.call(...)`; a user interface uses `job = client.start(...)` and `job.poll()` from a timer.
No method may be called from several threads at once.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from .. import errors
from ..errors import Cancelled, EngineError, OnetError
from .protocol import Arrays, Header, ProtocolError, read_message, write_message

Progress = Callable[[str, float], None]

MAIN = Path(__file__).resolve().with_name("__main__.py")
SECONDS_TO_START = 120.0
SECONDS_TO_CANCEL = 10.0
LOG_TAIL_LINES = 6
# Variables by which Blender, or whoever started it, would bend another Python.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONEXECUTABLE")


@dataclass(frozen=True)
class Event:
    """Something that happened to a job: progress, or its end."""

    kind: str  # "progress", "result" or "error"
    stage: str = ""
    fraction: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What a method returned: plain values and arrays."""

    values: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)


class Job:
    """A request under way. `poll` it, or wait with `result`."""

    def __init__(self, process: _Process, identity: int) -> None:
        self._process = process
        self._identity = identity
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
            message = self._process.next_message(0.0 if events else wait)
            if message is None:
                break
            event = self._take(*message)
            if event is not None:
                events.append(event)
        overdue = self._cancelled_at is not None and (
            time.monotonic() - self._cancelled_at > SECONDS_TO_CANCEL
        )
        if overdue and not self.done:
            self._process.kill()
            self._error = Cancelled()
            events.append(Event("error"))
        return events

    def _take(self, header: Header, arrays: Arrays) -> Event | None:
        kind = header.get("type")
        if kind == "dead":
            self._error = Cancelled() if self._cancelled_at is not None else self._process.obituary()
            return Event("error")
        if header.get("id") != self._identity:
            return None  # the late answer to a job that was given up
        if kind == "progress":
            return Event("progress", str(header["stage"]), float(header["fraction"]))
        if kind == "result":
            self._answer = Answer(header["result"], arrays)
            return Event("result")
        self._error = _error_of(header)
        return Event("error")

    def cancel(self) -> None:
        """Asks the worker to stop this job; a worker that does not is ended a little later."""
        if self._cancelled_at is None and not self.done:
            self._cancelled_at = time.monotonic()
            self._process.send({"type": "cancel", "id": self._identity})

    def result(self, on_progress: Progress | None = None, timeout: float | None = None) -> Answer:
        """Waits for the end.

        on_progress: called with stage and fraction; what it raises cancels the job and is raised.
        Raises the worker's error, and EngineError where the worker died or took too long.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while not self.done:
                for event in self.poll(wait=0.2):
                    if event.kind == "progress" and on_progress is not None:
                        on_progress(event.stage, event.fraction)
                if deadline is not None and not self.done and time.monotonic() > deadline:
                    self._process.kill()
                    raise EngineError(f"The worker did not answer within {timeout:g} seconds.")
        except BaseException:
            self.cancel()
            while not self.done:
                self.poll(wait=0.2)
            raise
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer


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

    def start(
        self, method: str, params: Mapping[str, Any] | None = None, arrays: Arrays | None = None
    ) -> Job:
        """Sends a request, starting a worker where there is none.

        Raises EngineError where the worker can't be started.
        """
        for attempt in (0, 1):
            process = self._started()
            self._jobs += 1
            header = {
                "type": "request", "id": self._jobs, "method": method, "params": dict(params or {})
            }
            # A worker that ended between two requests is replaced once.
            if process.send(header, arrays) or attempt:
                break
            self.close()
        return Job(process, self._jobs)

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

    def _started(self) -> _Process:
        if self._process is None or not self._process.alive:
            self.close()
            process = _Process(self.python, self._idle_seconds, self._log)
            process.wait_until_ready()
            self._process = process
        return self._process


class _Process:
    """One child process and the thread that reads from it."""

    def __init__(self, python: Path, idle_seconds: float, log: Path | None) -> None:
        if not python.is_file():
            raise EngineError(f"There is no Python at {python}: set the runtime up again.")
        self._keep_log = log is not None
        if log is None:
            handle, name = tempfile.mkstemp(prefix="onet-worker-", suffix=".log")
            os.close(handle)
            log = Path(name)
        self._log = log
        self._messages: queue.SimpleQueue[tuple[Header, Arrays]] = queue.SimpleQueue()
        self._dead = False
        environment = {key: value for key, value in os.environ.items() if key not in FOREIGN}
        command = [str(python), "-I", "-u", str(MAIN), "--idle-seconds", str(idle_seconds)]
        flags = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
        try:
            with log.open("ab") as errors_to:
                self._child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors_to,
                    env=environment, cwd=tempfile.gettempdir(), creationflags=flags,
                )
        except OSError as error:
            self._forget_log()
            raise EngineError(f"{python} can't be started: {error.strerror}.") from error
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._stdin: BinaryIO = self._child.stdin  # type: ignore[assignment]
        self._python = python
        self.identity = self._child.pid
        threading.Thread(target=self._listen, args=(self._child.stdout,), daemon=True).start()

    @property
    def alive(self) -> bool:
        return not self._dead and self._child.poll() is None

    def _listen(self, stream: Any) -> None:
        """Runs in a thread: queues the worker's messages, and its death as the last one."""
        try:
            while True:
                self._messages.put(read_message(stream))
        except (EOFError, OSError, ValueError, ProtocolError):
            self._messages.put(({"type": "dead"}, {}))

    def next_message(self, wait: float) -> tuple[Header, Arrays] | None:
        try:
            message = self._messages.get(block=wait > 0, timeout=wait or None)
        except queue.Empty:
            return None
        if message[0].get("type") == "dead":
            self._dead = True
            self._messages.put(message)  # whoever asks next learns it as well
        return message

    def wait_until_ready(self) -> None:
        message = self.next_message(SECONDS_TO_START)
        if message is None or message[0].get("type") != "ready":
            self.kill()
            error = self.obituary("could not be started")
            self._forget_log()
            raise error

    def send(self, header: Mapping[str, Any], arrays: Arrays | None = None) -> bool:
        """Whether the message went out; a worker that is gone is noticed when it is listened to."""
        try:
            write_message(self._stdin, header, arrays)
        except OSError:
            return False
        except ValueError as error:
            raise EngineError(f"The request can't be sent: {error}") from error
        return True

    def obituary(self, what: str = "stopped unexpectedly") -> EngineError:
        """What to tell about the worker's end."""
        try:
            code: int | None = self._child.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            code = None
        reason = {
            -9: "it was killed, perhaps because the memory was full: try a lower resolution",
            137: "it was killed, perhaps because the memory was full: try a lower resolution",
        }.get(code if code is not None else 0, f"exit status {code}")
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        tail = " | ".join(line.strip() for line in lines[-LOG_TAIL_LINES:])
        return EngineError(f"The worker process {what} ({reason})." + (f" It said: {tail}" if tail else ""))

    def kill(self) -> None:
        self._dead = True
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()

    def close(self) -> None:
        """Lets the worker end by itself, then makes it."""
        try:
            self._stdin.close()
        except OSError:
            pass  # it died with data in the pipe
        try:
            self._child.wait(2)
        except subprocess.TimeoutExpired:
            self.kill()
        self._dead = True
        self._forget_log()

    def _forget_log(self) -> None:
        if not self._keep_log:
            self._log.unlink(missing_ok=True)


def _error_of(header: Header) -> OnetError:
    """The worker's error as the exception it was."""
    known = getattr(errors, str(header.get("error")), EngineError)
    if not (isinstance(known, type) and issubclass(known, OnetError)):
        known = EngineError
    return known(str(header.get("message")))
