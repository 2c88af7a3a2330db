"""The worker's method for shapes that move."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .messages import Answer, Params, Report, answer_of, job_of
from .protocol import Arrays


def move(params: Params, arrays: Arrays, report: Report) -> Answer:
    """The mesh of one frame of a moving shape, and how its vertices move, see `movement.moving`.

    params and arrays: as for `reconstruct`, for the points of the frame `reference`; also frames,
    whole numbers; counts, of each frame's points; the array `clouds` (N, 3), those of all frames.
    Answers as `reconstruct` does, without what is about its input; with frames, those that were
    used; notes about them, sentences as JSON; and the array `moves` (T, V, 3), from the vertices.
    """
    from ..movement.moving import run_movement

    frames, counts = params.get("frames"), params.get("counts")
    if (
        not isinstance(frames, list)
        or not isinstance(counts, list)
        or len(counts) != len(frames)
        or not all(type(one) is int for one in (*frames, *counts))
        or "clouds" not in arrays
        or sum(counts) != len(arrays["clouds"])
        or min(counts, default=0) < 0
    ):
        raise InputError("A movement needs the points of all its frames, and how many each has.")
    clouds = np.split(arrays["clouds"], np.cumsum(counts)[:-1]) if counts else []
    made = run_movement(job_of(params, arrays), clouds, frames, int(params["reference"]), report)
    info, result = answer_of(made.result.made)
    info["frames"] = made.frames
    info["notes"] = [note.as_json() for note in made.notes]
    return info, {**result, "moves": made.moves}
