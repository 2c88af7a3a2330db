"""The worker's loop: reads requests from stdin, answers on stdout, until stdin closes.

stdout belongs to the protocol alone: whatever libraries print goes to stderr, which is the log.
One request runs at a time; a thread keeps reading, so that a cancel request is seen meanwhile.
"""

from __future__ import annotations

import argparse
import os
import platform
import queue
import sys
import threading
import time
import traceback
from typing import BinaryIO

from ..errors import Cancelled, DeviceError, EngineError, OnetError
from .methods import METHODS
from .protocol import Arrays, Header, ProtocolError, read_message, write_message

SECONDS_BETWEEN_REPORTS = 0.05


class Worker:
    """Serves one client over a pair of streams."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO, idle_seconds: float) -> None:
        self._requests = requests
        self._answers = answers
        self._idle_seconds = idle_seconds
        self._waiting: queue.SimpleQueue[tuple[Header, Arrays] | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._client_gone = threading.Event()

    def serve(self) -> None:
        """Runs until the client is gone, asks for the end, or has been silent for long."""
        write_message(self._answers, {"type": "ready", "python": platform.python_version()})
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            try:
                request = self._waiting.get(timeout=self._idle_seconds)
            except queue.Empty:
                return
            if request is None or request[0].get("method") == "shutdown":
                return
            self._answer(*request)

    def _listen(self) -> None:
        """Sorts what arrives: cancel requests are noted at once, others wait for their turn."""
        try:
            while True:
                header, arrays = read_message(self._requests)
                if header.get("type") == "cancel":
                    self._cancelled.add(int(header["id"]))
                else:
                    self._waiting.put((header, arrays))
        except (EOFError, OSError):
            pass  # the client has closed the pipe or died
        except ProtocolError as error:
            print(f"The connection is broken: {error}", file=sys.stderr, flush=True)
        self._client_gone.set()
        self._waiting.put(None)

    def _answer(self, header: Header, arrays: Arrays) -> None:
        identity = int(header["id"])
        last_report = 0.0

        def report(stage: str, fraction: float) -> None:
            nonlocal last_report
            if identity in self._cancelled or self._client_gone.is_set():
                raise Cancelled
            now = time.monotonic()
            if now - last_report >= SECONDS_BETWEEN_REPORTS:
                last_report = now
                message = {"type": "progress", "stage": stage, "fraction": round(fraction, 4)}
                self._send(identity, message)

        try:
            method = METHODS.get(header.get("method", ""))
            if method is None:
                raise EngineError(f"The worker does not know the method {header.get('method')!r}.")
            report("start", 0.0)
            result, result_arrays = method(header.get("params", {}), arrays, report)
            self._send(identity, {"type": "result", "result": result}, result_arrays)
        except Exception as error:  # whatever it is, it is an answer; the worker lives on
            told = _as_told(error)
            self._send(
                identity, {"type": "error", "error": type(told).__name__, "message": str(told)}
            )
        finally:
            self._cancelled.discard(identity)

    def _send(self, identity: int, header: Header, arrays: Arrays | None = None) -> None:
        try:
            write_message(self._answers, {**header, "id": identity}, arrays)
        except (BrokenPipeError, OSError):
            self._client_gone.set()


def _as_told(error: Exception) -> OnetError:
    """The error as the user should read it; anything unexpected leaves its traceback in the log."""
    if isinstance(error, OnetError):
        return error
    traceback.print_exception(error, file=sys.stderr)
    sys.stderr.flush()
    if isinstance(error, MemoryError):
        return DeviceError("The memory does not suffice: choose a lower resolution.")
    if isinstance(error, ModuleNotFoundError):
        return EngineError(f"The runtime lacks the package {error.name!r}: set it up again.")
    first = (str(error).strip().splitlines() or [""])[0]
    return EngineError(f"An unexpected error stopped this step ({type(error).__name__}: {first}).")


def main() -> None:
    """Takes over the standard streams and serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle-seconds", type=float, default=1800.0)
    arguments = parser.parse_args()
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    Worker(requests, answers, arguments.idle_seconds).serve()
    # A thread may still wait in a read that nothing will end.
    sys.stderr.flush()
    os._exit(0)
