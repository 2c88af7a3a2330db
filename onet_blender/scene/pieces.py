"""Work of Blender's main thread in pieces, between which the interface is drawn.

A piece ends where the generator yields: None, or a `Future` that the next piece has to wait for,
or a `Sentence` that says to the user what comes next. What needs no Blender is such a future,
computed in a thread of its own.

A piece of the extension's own stays below 50 ms up to 1.1 million faces, 1.5 million coloured
points and 18 megapixels of a painted picture: larger arrays Blender hands over whole or, a hundred
times as slowly, number by number. Blender's own steps can take longer: decoding other pictures
than `picture_kinds` lists, saving a render of more than 3 megapixels, meshing a Volume of more
than 200 cells, importing a file, an undo step of a huge scene.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import Cancelled
from onet_core.sentences import Sentence

T = TypeVar("T")
Pieces = Generator[Future[Any] | Sentence | None, None, T]

# A tick that has taken this long begins no further piece.
SECONDS_OF_A_TICK = 0.005


def in_background(work: Callable[[], T]) -> Future[T]:
    """Has a thread do what needs no Blender."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # raised by the future
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="onet arrays").start()
    return future


def all_at_once(pieces: Pieces[T]) -> T:
    """Does all pieces, as scripts want it, and returns what comes out."""
    while True:
        try:
            waited = next(pieces)
        except StopIteration as end:
            result: T = end.value
            return result
        if isinstance(waited, Future):
            wait([waited])


class Room:
    """Memory for arrays that Blender fills, got and written to by a thread before.

    What nobody has written to yet takes longer to be had than to be filled. sizes: in bytes.
    """

    _used: ClassVar[Room | None] = None

    def __init__(self, sizes: Iterable[int]) -> None:
        self._free = [np.full(size, 0, np.uint8) for size in sizes]

    @property
    def left(self) -> list[int]:
        """The sizes that nobody has taken, in bytes."""
        return [len(memory) for memory in self._free]

    @contextmanager
    def used(self) -> Iterator[None]:
        """Has `empty` take from here, in the main thread."""
        Room._used = self
        try:
            yield
        finally:
            Room._used = None

    @classmethod
    def empty(cls, shape: int | tuple[int, ...], kind: Any) -> NDArray[Any]:
        """As `np.empty`, in memory that is there already if some has the size."""
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        if cls._used is not None:
            for number, memory in enumerate(cls._used._free):
                if len(memory) == size:
                    del cls._used._free[number]
                    return memory.view(kind).reshape(shape)
        return np.empty(shape, dtype=kind)


class Gradual(Generic[T]):
    """Pieces that a timer does, as many at each tick as fit into it."""

    def __init__(self, pieces: Pieces[T]) -> None:
        self._pieces = pieces
        self._waited: Future[Any] | None = None
        self._result: T | None = None
        self._told: Sentence | None = None
        self.done = False

    def step(self) -> bool:
        """Goes on; whether all is done. Raises what a piece raises, which is the end of it all.

        Raises Cancelled where a step back has taken away what the pieces were at work on.
        """
        start = time.perf_counter()
        while not self.done and (self._waited is None or self._waited.done()):
            try:
                came = next(self._pieces)
                self._waited = came if isinstance(came, Future) else None
                self._told = came if isinstance(came, Sentence) else self._told
            except StopIteration as end:
                self._result = end.value
                self.done = True
            except ReferenceError as error:
                raise Cancelled() from error
            if time.perf_counter() - start > SECONDS_OF_A_TICK:
                break
        return self.done

    def told(self) -> Sentence | None:
        """What it is at; None where that was asked already."""
        told, self._told = self._told, None
        return told

    @property
    def result(self) -> T:
        """What came out."""
        assert self.done
        return self._result  # type: ignore[return-value]

    def wait(self, seconds: float) -> None:
        """Waits for what the next piece needs."""
        if self._waited is not None:
            wait([self._waited], seconds)

    def close(self) -> None:
        """Ends it before its end; what was half made is taken away."""
        self._pieces.close()
