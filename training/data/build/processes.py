"""Many calls of a function shared out among processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
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
    function: Callable[..., Answer],
    tasks: Sequence[Task],
    *more: Any,
    workers: int,
    lost: Callable[[Task], Answer] | None = None,
) -> Iterator[tuple[Task, Answer]]:
    """Each task with function(task, *more), as they are done; in this process for one worker.

    A task whose process dies is tried again, alone; those that kill their process a second time are
    left out, with `lost(task)` in place of an answer. Raises what the function raises.
    """
    if workers <= 1:
        for task in tasks:
            yield task, function(task, *more)
        return
    left = list(tasks)
    with _single_threaded():
        while left:
            done = set()
            for number, answer in _until_one_dies(function, left, more, workers):
                done.add(number)
                yield left[number], answer
            left = [task for number, task in enumerate(left) if number not in done]
            # One of those that were begun has ended its process: the first, for they go in order.
            for task in left[: 2 * workers + 1]:
                answers = list(_until_one_dies(function, [task], more, 1))
                if not answers and lost is None:
                    raise OnetError(
                        "A worker process died, perhaps for want of memory: try again with fewer "
                        "workers."
                    )
                yield task, answers[0][1] if answers or lost is None else lost(task)
            left = left[2 * workers + 1 :]


def _until_one_dies(
    function: Callable[..., Answer], tasks: Sequence[Task], more: tuple[Any, ...], workers: int
) -> Iterator[tuple[int, Answer]]:
    """The numbers of tasks and their answers, until a process dies."""
    # Not forked: Embree, OpenMP and libigl have threads that a fork would leave behind.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, end_with_parent) as pool:
        waiting = {pool.submit(function, task, *more): number for number, task in enumerate(tasks)}
        try:
            for future in as_completed(waiting):
                # Those that were done before the process died count.
                if not isinstance(future.exception(), BrokenProcessPool):
                    yield waiting[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """Has this process end when the one that started it does, however that one ended.

    A pool's processes wait for work on a pipe that they hold open themselves: a parent that was
    killed would leave them behind.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
