"""Waiting for jobs and processes, for the tests of the worker's life."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from onet_core.engine.client import Job

ROOT = Path(__file__).resolve().parents[3]
not_windows = pytest.mark.skipif(sys.platform == "win32", reason="signals and shell scripts")


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def begun(job: Job) -> Job:
    """The job, once it has reported."""
    while not job.poll(wait=1.0):
        assert not job.done
    return job


def stop(process: int) -> None:
    """Stops a child process; it may go on for a moment after it was told to."""
    os.kill(process, signal.SIGSTOP)
    os.waitid(os.P_PID, process, os.WSTOPPED | os.WNOWAIT)


def exists(process: int | None) -> bool:
    """Whether a process runs (one that has ended but was not waited for does not)."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
