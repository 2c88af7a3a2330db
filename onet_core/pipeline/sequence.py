"""Several shapes of one model, such as samples and the steps of a morph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import NoSurfaceError
from ..mesh.mesh import Mesh
from .progress import Progress

if TYPE_CHECKING:
    from ..settings import Settings
    from .reconstructor import Reconstructor

# How many shapes are made at once on a graphics card; a processor gains nothing by it.
_TOGETHER = 8


@dataclass(frozen=True, eq=False)
class Shapes:
    """Meshes in the order of their codes.

    meshes: without faces where a code has no surface.
    seconds: by stage, of all together.
    evaluations: points that went through the network.
    model: its name.
    """

    meshes: list[Mesh]
    seconds: dict[str, float]
    evaluations: int
    model: str


def at_once(reconstructor: Reconstructor) -> int:
    """How many shapes are best made at once on the reconstructor's device."""
    return 1 if reconstructor.device.type == "cpu" else _TOGETHER


def shapes_of(
    reconstructor: Reconstructor,
    codes: Sequence[ArrayLike],
    settings: Settings,
    progress: Progress | None = None,
) -> Shapes:
    """The shapes of codes, see `Reconstructor.decode`.

    Raises NoSurfaceError where no code has a surface.
    """
    seconds: dict[str, float] = {}
    evaluations, problem = 0, NoSurfaceError()
    meshes = []
    together = at_once(reconstructor)
    for start in range(0, len(codes), together):
        some = codes[start : start + together]
        part = part_of(progress, start / len(codes), (start + len(some)) / len(codes))
        for made in reconstructor.decode_all(some, settings, part):
            if isinstance(made, NoSurfaceError):
                problem = made
                meshes.append(Mesh(np.empty((0, 3)), np.empty((0, 3), dtype=np.int32)))
                continue
            meshes.append(made.mesh)
            evaluations += made.evaluations
            for name, passed in made.seconds.items():
                seconds[name] = seconds.get(name, 0.0) + passed
    if all(mesh.is_empty for mesh in meshes):
        raise problem
    return Shapes(meshes, seconds, evaluations, reconstructor.description.name)


def with_shared_faces(
    shapes: Shapes, positions: Sequence[float], progress: Progress | None = None
) -> NDArray[np.float64]:
    """The vertices (N, V, 3) of N shapes that all have the faces of the first.

    The first shape's vertices go from surface to surface, see `mesh.carry`.
    positions: of the shapes in their morph, for messages. Raises NoSurfaceError where a shape has
    no surface.
    """
    from ..mesh.carry import Carrier

    for position, mesh in zip(positions, shapes.meshes, strict=True):
        if mesh.is_empty:
            raise NoSurfaceError(
                "There is no surface at {position:g} of the morph: bake it as meshes, or choose "
                "another threshold.",
                position=position,
            )
    carrier = Carrier(shapes.meshes[0].vertices, shapes.meshes[0].faces)
    steps = [carrier.places]
    for number, mesh in enumerate(shapes.meshes[1:], start=1):
        if progress is not None:
            progress("project", number / len(shapes.meshes))
        steps.append(carrier.onto(mesh.vertices, mesh.faces))
    return np.stack(steps)


def part_of(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """The progress of a part of the work, which begins and ends at these fractions of the whole."""
    if progress is None:
        return None
    whole = progress
    return lambda stage, fraction: whole(stage, start + (stop - start) * fraction)
