"""The worker's loop: reads requests from stdin, answers on stdout, until stdin closes.

stdout belongs to the protocol alone: whatever libraries print goes to stderr, which is the log.
One request runs at a time; a thread keeps reading, so that a cancel request is seen meanwhile.
Another one sends a heartbeat every two seconds as long as the process does anything: a worker that
is stopped or waits for ever is silent, and the client ends it.
"""

from __future__ import annotations

import argparse
import os
import platform
import queue
import signal
import sys
import threading
import time
import traceback
from typing import BinaryIO

from ..errors import Cancelled, DeviceError, EngineError, OnetError
from ..sentences import Sentence
from .methods import METHODS
from .protocol import Arrays, Header, ProtocolError, read_message, write_message

SECONDS_BETWEEN_REPORTS = 0.05
SECONDS_BETWEEN_HEARTBEATS = 2.0
# Processor time between two heartbeats that is work: the heartbeat itself takes less.
SECONDS_OF_WORK = 0.001
# How long work may go on for a client that is gone before it is cut off.
SECONDS_TO_STOP = 5.0
LONGEST_MESSAGE = 2000


class Worker:
    """Serves one client over a pair of streams."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO, idle_seconds: float) -> None:
        self._requests = requests
        self._answers = answers
        self._idle_seconds = idle_seconds
        self._waiting: queue.SimpleQueue[tuple[Header, Arrays] | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._client_gone = threading.Event()
        self._is_busy = False
        self._sending = threading.Lock()

    def serve(self) -> None:
        """Runs until the client is gone, asks for the end, or has been silent for long."""
        write_message(self._answers, {"type": "ready", "python": platform.python_version()})
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()
        while True:
            try:
                request = self._waiting.get(timeout=self._idle_seconds)
            except queue.Empty:
                return
            if request is None:
                return
            header, arrays = request
            del request  # so that the arrays go as soon as the method is done with them
            if header["method"] == "shutdown":
                self._send(header["id"], {"type": "result", "result": {}})
                return
            self._answer(header, arrays)
            del arrays

    def _beat(self) -> None:
        """Says that the process is alive, at work only where it has used the processor.

        Whatever computes, reads or waits for a graphics card uses some; threads that wait for each
        other, or for a pipe that nobody writes to, use none.
        """
        worked = time.process_time()
        while not self._client_gone.wait(SECONDS_BETWEEN_HEARTBEATS):
            before, worked = worked, time.process_time()
            if not self._is_busy or worked - before > SECONDS_OF_WORK:
                self._send(0, {"type": "alive"})
                worked = time.process_time()

    def _listen(self) -> None:
        """Sorts what arrives: cancel requests are noted at once, others wait for their turn."""
        try:
            while True:
                header, arrays = read_message(self._requests)
                _assert_well_formed(header)
                if header["type"] == "cancel":
                    self._cancelled.add(header["id"])
                else:
                    self._waiting.put((header, arrays))
        except (EOFError, OSError):
            pass  # the client has closed the pipe or died
        except ProtocolError as error:
            print(f"The connection is broken: {error}", file=sys.stderr, flush=True)
        self._client_gone.set()
        self._waiting.put(None)
        # The main thread ends the process when it comes to it; nobody needs what it computes.
        time.sleep(SECONDS_TO_STOP)
        os._exit(1)

    def _answer(self, header: Header, arrays: Arrays) -> None:
        identity = header["id"]
        last_report = 0.0

        def report(stage: str, fraction: float) -> None:
            nonlocal last_report
            if identity in self._cancelled or self._client_gone.is_set():
                raise Cancelled
            now = time.monotonic()
            # The end is always reported, however soon it comes after the last report.
            if fraction >= 1 or now - last_report >= SECONDS_BETWEEN_REPORTS:
                last_report = now
                message = {"type": "progress", "stage": stage, "fraction": round(fraction, 4)}
                self._send(identity, message)

        try:
            method = METHODS.get(header["method"])
            if method is None:
                raise EngineError(
                    "The worker does not know the method {method!r}.", method=header["method"]
                )
            self._is_busy = True
            report("start", 0.0)
            result, result_arrays = method(header["params"], arrays, report)
            self._send(identity, {"type": "result", "result": result}, result_arrays)
        except BaseException as error:  # whatever it is, sys.exit included, it is an answer
            self._send(identity, {"type": "error", **_as_header(error)})
        finally:
            self._is_busy = False
            self._cancelled.discard(identity)

    def _send(self, identity: int, header: Header, arrays: Arrays | None = None) -> None:
        try:
            with self._sending:
                write_message(self._answers, {**header, "id": identity}, arrays)
        except OSError:
            self._client_gone.set()


def _assert_well_formed(header: Header) -> None:
    """Raises ProtocolError for a header that this module could not read further."""
    kind, identity = header.get("type"), header.get("id")
    good = type(identity) is int and (
        kind == "cancel"
        or (
            kind == "request"
            and isinstance(header.get("method"), str)
            and isinstance(header.get("params"), dict)
        )
    )
    if not good:
        raise ProtocolError(f"A message of type {kind!r} is not complete.")


def _as_header(error: BaseException) -> Header:
    """The error as the user should read it; anything unexpected leaves its traceback in the log."""
    logged = False
    if isinstance(error, OnetError):
        reported = error
    elif isinstance(error, MemoryError):
        reported = DeviceError("There is not enough memory: choose a lower resolution.")
    elif isinstance(error, ModuleNotFoundError):
        reported = EngineError(
            "The runtime ({python}) lacks the package {name!r}: set it up again.",
            python=sys.executable,
            name=error.name,
        )
    else:
        first = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        kind, logged = type(error).__name__, True
        reported = EngineError(
            "An unexpected error stopped this step ({kind}: {error}).", kind=kind, error=first
        )
    if reported is not error:
        traceback.print_exception(error, file=sys.stderr)
        sys.stderr.flush()
    sentence = reported.sentence
    if len(str(sentence)) > LONGEST_MESSAGE:
        sentence = Sentence(str(sentence)[:LONGEST_MESSAGE])
    return {"error": type(reported).__name__, "sentence": sentence.as_json(), "logged": logged}


def main() -> None:
    """Takes over the standard streams and serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle-seconds", type=float, default=1800.0)
    arguments = parser.parse_args()
    # Ctrl-C in a terminal reaches all its processes; it is the client's to say what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The duplicates are not inherited by what the worker may start, and 0 and 1 are harmless then.
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    Worker(requests, answers, arguments.idle_seconds).serve()
    # A thread may still wait in a read that nothing will end.
    sys.stderr.flush()
    os._exit(0)
