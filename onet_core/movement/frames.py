"""Which frames of a movement can be used, and what is to be said about the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sentences import Sentence

FEWEST_POINTS = 50
"""A frame with fewer points says too little about where a shape is by now."""

MOST_PLACES = 100_000_000
"""Vertices times frames: they take 1.2 GB."""

FAR = 0.04
"""Beyond this share of the longest edge points are off the mesh."""

# And where they are so many times farther than is usual.
_TIMES = 2.5
_NAMED = 5


def usable(
    clouds: Sequence[NDArray[np.floating]], frames: Sequence[int], reference: int
) -> list[int]:
    """The numbers of the clouds (N, 3) that have enough points, those of `frames` in a list.

    reference: the frame whose mesh moves. Raises InputError where it is not usable itself, or no
    other frame is, and for clouds that are no rows of finite x, y, z.
    """
    if len(frames) < 2:
        raise InputError("A movement needs two frames or more: choose a longer range.")
    if reference not in frames:
        raise InputError(
            "Frame {frame}, whose mesh was to move, is not among the frames.", frame=reference
        )
    for frame, cloud in zip(frames, clouds, strict=True):
        if cloud.ndim != 2 or cloud.shape[1] != 3 or not np.isfinite(cloud).all():
            raise InputError("The points of frame {frame} are no places in space.", frame=frame)
    found = [number for number, cloud in enumerate(clouds) if len(cloud) >= FEWEST_POINTS]
    if list(frames).index(reference) not in found:
        raise InputError(
            "Frame {frame}, whose mesh was to move, has {count} points and needs {least}: choose "
            "another one.",
            frame=reference,
            count=len(clouds[list(frames).index(reference)]),
            least=FEWEST_POINTS,
        )
    if len(found) < 2:
        raise InputError(
            "Only frame {frame} has {least} points or more: there is no movement to follow.",
            frame=reference,
            least=FEWEST_POINTS,
        )
    return found


def assert_room(vertices: int, frames: int) -> None:
    """Raises InputError where so many vertices at so many frames take too much memory."""
    if vertices * frames > MOST_PLACES:
        raise InputError(
            "{vertices:,} vertices at {frames} frames are too many: choose fewer faces or a "
            "larger step.",
            vertices=vertices,
            frames=frames,
        )


def notes_of(
    frames: Sequence[int], used: Sequence[int], misses: NDArray[np.float64]
) -> tuple[Sentence, ...]:
    """What is to be said about frames that were left out or are ill followed.

    used: numbers of the frames that were not left out; misses: how far the points of each of those
    are from the mesh, as shares of its longest edge.
    """
    notes = []
    left_out = [frame for number, frame in enumerate(frames) if number not in set(used)]
    if left_out:
        notes.append(
            Sentence(
                "Frames with fewer than {least} points were left out: {frames}",
                least=FEWEST_POINTS,
                frames=_listed(left_out),
            )
        )
    limit = max(FAR, _TIMES * float(np.median(misses)))
    lost = [frames[number] for number, miss in zip(used, misses, strict=True) if miss > limit]
    if lost:
        notes.append(
            Sentence(
                "The mesh does not reach the points of these frames, a sudden change perhaps: "
                "{frames}",
                frames=_listed(lost),
            )
        )
    return tuple(notes)


def _listed(frames: Sequence[int]) -> str:
    """The first few of them."""
    words = ", ".join(str(frame) for frame in frames[:_NAMED])
    return words if len(frames) <= _NAMED else f"{words}, ... ({len(frames)})"
