"""Everything that a first reconstruction loads, loaded before it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import Cancelled, OnetError
from ..settings import Settings
from .messages import Params, Report, folders_of

RESOLUTION = 32
"""Cells of the shape that is made: it costs next to nothing beside what it loads."""


def make_ready(kind: str, params: Params, report: Report) -> bool:
    """Makes a tiny shape of that kind with the model that the user would get; says whether it did.

    params: model, folders, device, as for `reconstruct`. What is wrong with them the user learns
    when something is really asked for.
    """
    from ..pipeline.job import Job, run

    observed = _observed(kind)
    if observed is None:
        return False
    job = Job(
        **observed,
        kind=kind,
        model=params.get("model", ""),
        folders=folders_of(params),
        device=params.get("device", "auto"),
        settings=Settings(resolution=RESOLUTION),
        fit_within=0.01,
    )
    try:
        run(job, report)
    except Cancelled:
        raise
    except OnetError:
        return False
    return True


def _observed(kind: str) -> dict[str, Any] | None:
    """A ball, as the fields of a job; None for a kind that nothing is made of."""
    axis = np.linspace(-1, 1, 32)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    if kind == "points":
        points = np.random.default_rng(0).normal(size=(3000, 3))
        return {"points": points / np.linalg.norm(points, axis=1, keepdims=True)}
    if kind == "voxels":
        from ..inputs.volumes import VoxelGrid

        return {"voxels": VoxelGrid.of_array(x * x + y * y + z * z < 0.7, "")}
    if kind == "image":
        pixels = np.zeros((64, 64, 4), dtype=np.uint8)
        pixels[16:48, 16:48] = 255
        return {"pixels": pixels}
    return None
