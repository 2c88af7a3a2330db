"""Many calls of a function shared out among processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from onet_core.errors import OnetError

# Libraries that start threads of their own; processes keep the cores busy already.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "IGL_NUM_THREADS")
Task = TypeVar("Task")
Answer = TypeVar("Answer")


def in_processes(
    function: Callable[..., Answer], tasks: Sequence[Task], *more: Any, workers: int
) -> Iterator[tuple[Task, Answer]]:
    """Each task with function(task, *more), as they are done; in this process for one worker.

    Raises OnetError where a process dies, and what the function raises.
    """
    if workers <= 1:
        for task in tasks:
            yield task, function(task, *more)
        return
    # Not forked: Embree, OpenMP and libigl have threads that a fork would leave behind.
    context = multiprocessing.get_context("spawn")
    with _single_threaded(), ProcessPoolExecutor(workers, context) as pool:
        waiting = {pool.submit(function, task, *more): task for task in tasks}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool as error:
            raise OnetError(
                "A worker process died, perhaps for want of memory: try again with fewer workers."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """While it lasts, new processes begin with one thread per library."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
