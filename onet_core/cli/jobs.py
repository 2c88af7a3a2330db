"""Inputs to mesh files, one after the other or several at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EngineError, InputError, OnetError
from ..files import assert_readable
from ..sentences import Sentence
from ..threads import spin_little
from .terminal import Progress, in_one_line

if TYPE_CHECKING:
    from ..pipeline.job import Job

# How many inputs a process has waiting: it goes on with the next while a result is put in place.
_AHEAD = 2


@dataclass(frozen=True)
class Task:
    """An input and where its mesh is written.

    number: which of the inputs it is.
    job: what is made, of a path.
    written: the mesh file.
    """

    number: int
    job: Job
    written: Path


@dataclass(frozen=True)
class Outcome:
    """What came of a task.

    error: what was wrong, in one line; empty where the mesh was written.
    is_input: whether the input was.
    faces: of the mesh.
    seconds: that it took.
    sentences: what is worth telling.
    """

    error: str = ""
    is_input: bool = False
    faces: int = 0
    seconds: float = 0.0
    sentences: tuple[Sentence, ...] = ()


def outcomes(tasks: Iterable[Task], at_once: int) -> Iterator[tuple[Task, Outcome]]:
    """Does the tasks and gives each with its outcome, in their order; no error ends the others.

    tasks: is asked for the next one when there is room for it. at_once: how many are done at a
    time; from 2 on each has a process with one thread, which holds a network of its own.
    """
    if at_once == 1:
        for task in tasks:
            with Progress(_path(task).name) as progress:
                yield task, perform(task, progress)
        return
    waiting: deque[tuple[Task, Future[Outcome]]] = deque()
    # Forked processes would share torch's threads, which they don't have.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, mp_context=context, initializer=_use_one_thread) as pool:
        try:
            for task in tasks:
                waiting.append((task, _submitted(pool, task)))
                if len(waiting) >= _AHEAD * at_once:
                    yield _ended(*waiting.popleft())
            while waiting:
                yield _ended(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def perform(task: Task, progress: Progress | None = None) -> Outcome:
    """Makes and writes one mesh."""
    from ..mesh.files import write_mesh
    from ..pipeline.job import run

    try:
        assert_readable(_path(task))
        result = run(task.job, progress)
        made = result.made
        try:
            note = write_mesh(made.mesh, task.written, up_axis=made.frame.up_axis)
        except OSError as error:
            raise OnetError(
                "Could not write {path}: {reason}.",
                path=task.written,
                reason=error.strerror or error,
            ) from error
    except Exception as error:
        return Outcome(in_one_line(error), isinstance(error, InputError))
    notes = [] if note is None else [note]
    return Outcome(
        faces=len(made.mesh.faces),
        seconds=sum(made.seconds.values()),
        sentences=(*result.findings.sentences(), *notes),
    )


def _path(task: Task) -> Path:
    assert task.job.path is not None
    return task.job.path


def _submitted(pool: ProcessPoolExecutor, task: Task) -> Future[Outcome]:
    try:
        return pool.submit(perform, task)
    except BrokenProcessPool as error:
        failed: Future[Outcome] = Future()
        failed.set_exception(error)
        return failed


def _ended(task: Task, future: Future[Outcome]) -> tuple[Task, Outcome]:
    try:
        return task, future.result()
    except BrokenProcessPool:
        error = EngineError(
            "A process that makes meshes was ended, perhaps for want of memory: use fewer --jobs."
        )
        return task, Outcome(str(error))


def _use_one_thread() -> None:
    """Before torch is loaded: whoever shares the processors with others waits for them else."""
    # Ctrl-C in a terminal reaches all processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    spin_little(os.environ)
    import torch

    torch.set_num_threads(1)
