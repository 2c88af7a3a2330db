"""Clouds of frames -> the mesh of one of them and where its vertices are at the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..pipeline.job import Job, Progress, Result, run
from ..pipeline.sequence import part_of
from ..sentences import Sentence
from .frames import assert_room, notes_of, usable
from .tracking import tracked

# Of the whole time, what the mesh of one frame takes.
_FIRST = 0.3


@dataclass(frozen=True, eq=False)
class Movement:
    """What came of it.

    result: the mesh of the reference frame, in the source's coordinates, and how it was made.
    frames: (T,) those that were used.
    moves: (T, V, 3) how far each vertex of the mesh is from its place at rest.
    notes: what is worth saying about frames.
    """

    result: Result
    frames: list[int]
    moves: NDArray[np.float32]
    notes: tuple[Sentence, ...]

    def vertices(self, number: int) -> NDArray[np.float64]:
        """(V, 3) at one of the frames, in the source's coordinates."""
        rest = np.asarray(self.result.made.mesh.vertices, dtype=np.float64)
        return np.asarray(rest + self.moves[number])


def run_movement(
    job: Job,
    clouds: Sequence[NDArray[np.floating]],
    frames: Sequence[int],
    reference: int,
    progress: Progress | None = None,
) -> Movement:
    """The movement of a shape that was scanned at several frames.

    job: of the points of the frame `reference`, all of them. clouds: (N, 3) of each frame, in
    their order; they need not have as many points as each other, nor the same. progress: see
    `pipeline.job.run`. Raises InputError for frames that can't be used, and what `run` raises.
    """
    if job.points is None:
        raise InputError("A movement is followed through points: these are none.")
    used = usable(clouds, frames, reference)
    result = run(job, part_of(progress, 0.0, _FIRST))
    made = result.made
    assert_room(len(made.mesh.vertices), len(used))
    back = made.frame.inverse
    inside = made.mesh.transformed(back)

    def report(fraction: float) -> None:
        if progress is not None:
            progress("follow", _FIRST + (1 - _FIRST) * fraction)

    report(0.0)
    seen = [
        np.asarray(clouds[number], np.float64) @ back[:3, :3].T + back[:3, 3] for number in used
    ]
    kept = [frames[number] for number in used]
    track = tracked(inside, seen, kept.index(reference), progress=report)
    turn = made.frame.matrix[:3, :3]
    moves = track.vertices - np.asarray(inside.vertices, dtype=np.float32)
    for number in range(len(moves)):
        moves[number] = moves[number] @ turn.T
    if progress is not None:
        progress("done", 1.0)
    return Movement(result, kept, moves, notes_of(frames, used, track.misses))
