"""A worker without networks, for the tests of the pipes: the real loop, other methods."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from onet_core.engine import worker
from onet_core.engine.methods import METHODS, Answer, Params, Report
from onet_core.engine.protocol import Arrays
from onet_core.errors import NoSurfaceError


def echo(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Sends back what came, and who sends it."""
    return {"params": dict(params), "process": os.getpid()}, arrays


def work(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Works for `seconds` in steps, reporting after each one."""
    steps = max(1, round(float(params["seconds"]) / 0.01))
    for i in range(steps):
        time.sleep(0.01)
        report("work", (i + 1) / steps)
    return {}, {}


def hang(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Reports nothing and ignores all requests to stop."""
    time.sleep(600)
    return {}, {}


def deadlock(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Waits for a lock that it holds itself."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
    return {}, {}


def pipe(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Reads a pipe that nobody writes to."""
    return {"content": Path(params["path"]).read_text()}, {}


def compute(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Computes for `seconds` and reports nothing."""
    end = time.monotonic() + params["seconds"]
    while time.monotonic() < end:
        sum(range(1000))
    return {}, {}


def hoard(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Computes for seconds in one call of C that lets no other thread run."""
    start = time.monotonic()
    3 ** (2 ** int(params["power"]))
    return {"silent": time.monotonic() - start}, {}


def noise(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Prints as libraries do: from Python, from C, and from a child process."""
    print("from Python", flush=True)
    os.write(1, b"from C\n")
    os.system("echo from a child")
    return {"stdin": sys.stdin.read()}, {}


def end(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Ends the process in the given way."""
    print("famous last words", file=sys.stderr, flush=True)
    if params["how"] == "exit":
        os._exit(3)
    if params["how"] == "signal":
        os.kill(os.getpid(), getattr(signal, params["signal"]))
    if params["how"] == "garbage":
        os.write(params["fd"], b"this is no protocol\n" * 10_000)
        time.sleep(600)
    return {}, {}


def fail(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Raises."""
    if params["what"] == "sys.exit":
        sys.exit("bye")
    if params["what"] == "recursion":
        return fail(params, arrays, report)
    raise {
        "surface": NoSurfaceError("No surface."),
        "value": ValueError("first line.\nsecond"),
        "memory": MemoryError(),
        "long": ValueError("x" * 10**7),
        "interrupt": KeyboardInterrupt(),
        "module": ModuleNotFoundError("No module named 'torch'", name="torch"),
    }[params["what"]]


def unsendable(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Answers with what JSON can't say."""
    return {"value": float("nan")}, {}


METHODS.update(
    echo=echo,
    work=work,
    hang=hang,
    noise=noise,
    end=end,
    fail=fail,
    unsendable=unsendable,
    deadlock=deadlock,
    pipe=pipe,
    compute=compute,
    hoard=hoard,
)

if __name__ == "__main__":
    worker.main()
