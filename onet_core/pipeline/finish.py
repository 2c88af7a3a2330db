"""The finishing steps: from the surface as the network says it is to the mesh that is asked for.

Each step is a function `(mesh, context) -> mesh`. A new one is written here, or in `mesh/` where it
is more than a call, and gets its line in `STEPS`, at the place where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..field import Field
from ..mesh.gaps import with_gaps
from ..mesh.mesh import Mesh
from ..mesh.normals import face_based_normals, vertex_normals
from ..mesh.parts import without_islands
from ..mesh.refine import refine
from ..mesh.simplify import simplify
from ..mesh.smooth import smooth
from ..mesh.snap import Pull, snap
from ..models.steps import Steps
from ..settings import Settings
from .progress import Progress, Run


class Cloud(NamedTuple):
    """The points that the surface may be drawn to.

    points: (N, 3) in the network's frame.
    noise: the points' deviation from the surface, 0 where that was not measured.
    """

    points: NDArray[np.float32]
    noise: float


def pull_of(steps: Steps) -> Pull:
    """How points draw a model's surface to them."""
    return Pull(
        steps.snap_within,
        steps.snap_neighbours,
        steps.snap_radius,
        steps.snap_staying,
        steps.snap_noise,
    )


@dataclass(frozen=True, eq=False)
class Context:
    """What the steps may need beside the mesh.

    field, threshold: of the network's surface.
    settings: what is asked for.
    smoothing: iterations, the model's own where the settings leave that open.
    cloud: the points to draw the surface to; None where it stays where it is.
    pull: how they draw it.
    scanned: all points of the cloud (N, 3); None for other kinds of input.
    gaps: how far from them the surface may go, in spacings; None where all gaps stay closed.
    device: that of the field.
    report: is called with a stage and the fraction of it that is done.
    is_of_field: whether the mesh is the field's surface, or one that follows a dense cloud.
    """

    field: Field
    threshold: float
    settings: Settings
    smoothing: int
    cloud: Cloud | None
    pull: Pull
    device: torch.device
    report: Progress
    scanned: NDArray[np.float32] | None = None
    gaps: float | None = None
    is_of_field: bool = True


class Step(NamedTuple):
    """One finishing step.

    name: for progress and timing.
    make: the step.
    is_wanted: whether the context asks for it.
    share: how long it takes where finding the surface takes 20; only the progress depends on it.
    """

    name: str
    make: Callable[[Mesh, Context], Mesh]
    is_wanted: Callable[[Context], bool]
    share: Callable[[Settings], float] = lambda settings: 0.0


def finished(mesh: Mesh, context: Context, run: Run, seconds: dict[str, float]) -> Mesh:
    """The mesh after all steps that the context asks for, in the order of `STEPS`.

    seconds: the time of each step is added to it.
    """
    for step in STEPS:
        if step.is_wanted(context):
            with run.stage(step.name, seconds, of_one=True):
                mesh = step.make(mesh, context)
    return mesh


def shares(settings: Settings) -> Mapping[str, float]:
    """How long the steps take beside each other, by name; finding the surface takes 20."""
    found: dict[str, float] = {}
    for step in STEPS:
        found[step.name] = found.get(step.name, 0.0) + step.share(settings)
    return found


def _opened(mesh: Mesh, context: Context) -> Mesh:
    assert context.gaps is not None
    assert context.scanned is not None
    opened = with_gaps(mesh, context.scanned, context.gaps)
    if opened.is_empty:
        raise InputError(
            "No part of the surface lies near the points. Choose a larger number for Gaps."
        )
    return opened


def _without_islands(mesh: Mesh, context: Context) -> Mesh:
    assert context.settings.remove_islands is not None
    return without_islands(mesh, context.settings.remove_islands)


def _smoothed(mesh: Mesh, context: Context) -> Mesh:
    return smooth(mesh, context.smoothing)


def _snapped(mesh: Mesh, context: Context) -> Mesh:
    assert context.cloud is not None
    return snap(mesh, context.cloud.points, context.pull, context.cloud.noise)


def _simplified(mesh: Mesh, context: Context) -> Mesh:
    assert context.settings.faces is not None
    return simplify(mesh, context.settings.faces)


def _refined(mesh: Mesh, context: Context) -> Mesh:
    return refine(
        mesh,
        context.field,
        threshold=context.threshold,
        steps=context.settings.refinement,
        seed=context.settings.random_seed,
        device=context.device,
        progress=context.report,
    )


def _with_normals(mesh: Mesh, context: Context) -> Mesh:
    """Normals of the field; of the faces where the surface is no longer the field's own."""
    if context.smoothing or context.cloud is not None or not context.is_of_field:
        normals = face_based_normals(mesh.vertices, mesh.faces)
    else:
        normals = vertex_normals(
            mesh.vertices,
            context.field,
            faces=mesh.faces,
            device=context.device,
            progress=context.report,
        )
    return replace(mesh, normals=normals)


def _is_refined(context: Context) -> bool:
    return context.settings.refinement > 0 and context.is_of_field


STEPS: tuple[Step, ...] = (
    # First, so that the other steps spend nothing on what goes.
    Step(
        "gaps", _opened,
        lambda c: c.gaps is not None and c.scanned is not None,
    ),
    Step("islands", _without_islands, lambda c: c.settings.remove_islands is not None),
    Step("smooth", _smoothed, lambda c: c.smoothing > 0),
    Step("snap", _snapped, lambda c: c.cloud is not None),
    Step(
        "simplify", _simplified, lambda c: c.settings.faces is not None,
        lambda settings: float(settings.faces is not None),
    ),
    Step("refine", _refined, _is_refined, lambda settings: 10.0 * settings.refinement),
    # Refinement brings back the field's bumps, and its distance from the points.
    Step("smooth", _smoothed, lambda c: _is_refined(c) and c.smoothing > 0),
    Step("snap", _snapped, lambda c: _is_refined(c) and c.cloud is not None),
    Step(
        "normals", _with_normals, lambda c: c.settings.normals,
        lambda settings: 2.0 * settings.normals,
    ),
)  # fmt: skip
