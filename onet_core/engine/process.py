"""The worker's process: its pipes, the two threads that serve them, and its death.

Needs the standard library and NumPy only, because it runs inside Blender; used by `client`.
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
from pathlib import Path
from typing import BinaryIO

from .. import errors
from ..errors import EngineError, OnetError
from ..sentences import Sentence
from ..threads import spin_little
from .alive import SECONDS_OF_SILENCE, Watch
from .protocol import Arrays, Header, ProtocolError, read_message

Message = tuple[Header, Arrays]
Inbox = queue.SimpleQueue[Message]

MAIN = Path(__file__).resolve().with_name("__main__.py")
SECONDS_TO_START = 60.0
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


def _sentence_in(line: str) -> Sentence:
    """What a process wrote as JSON before it ended; the line itself where that is none."""
    try:
        return Sentence.from_json(json.loads(line))
    except ValueError:
        return Sentence(line)


class WorkerProcess:
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
        self._hung = False
        self._watch = Watch(self._child)
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
        """Whether jobs that it did not begin may be given to another worker."""
        return self._ready and not self._closed and not self._babble

    @property
    def too_slow_to_start(self) -> bool:
        return not self._ready and time.monotonic() - self._started_at > SECONDS_TO_START

    def hangs(self) -> bool:
        """Whether it is silent and does nothing, see `Watch`; to be asked while a job waits."""
        self._hung = self._ready and self._watch.hangs()
        return self._hung

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
        # A worker that goes breaks the pipe; the thread that listens notices and reports it.
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
        self._watch.heard()
        if kind == "ready":
            self._ready = True
        elif kind == "alive" and self._ready:
            return
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
            message = Sentence.from_json(header.get("sentence"))
        except ValueError as error:
            message = Sentence(str(error))
        if header.get("logged"):
            self._keep_log = True
            message = Sentence(
                "{message} The details are in {path}.", message=message, path=self.log
            )
        return known(message)

    def obituary(self) -> EngineError:
        """The sentence about the worker's end."""
        if self._closed:
            return EngineError("The worker was closed before it had answered.")
        status = self._child.poll()
        if self._babble:
            reason = Sentence("its answer can't be understood: {error}", error=self._babble)
        elif self._hung:
            reason = Sentence(
                "it hung, silent for {seconds:g} seconds, and was ended: try again, with another "
                "input if it hangs again",
                seconds=SECONDS_OF_SILENCE,
            )
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
