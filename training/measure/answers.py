"""What a method says about a shape, and how it is measured and drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from onet_core.inputs.observation import Observation
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import evaluate_mesh, mesh_contains

from ..data.labelled import LabelledShape
from ..sheet import draw_mesh, draw_points
from .baselines.copies import ShapeCopy

Contains = Callable[[Mesh, NDArray[np.floating]], NDArray[np.bool_]]
EMPTY = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32))


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says about a shape: a mesh in the frame of the labels, or a copy.

    seconds: by stage; note: what went wrong or, for a copy, which shape was copied; contains: tells
    inside from outside, the original's test unless another is given.
    """

    answer: Mesh | ShapeCopy
    seconds: dict[str, float] = field(default_factory=dict)
    note: str = ""
    contains: Contains = mesh_contains

    def scores(self, target: LabelledShape, *, samples: int, seed: int) -> dict[str, float]:
        """The measures against the truth; samples: points drawn from the answer's surface."""
        if isinstance(self.answer, ShapeCopy):
            return self.answer.scores(target, samples=samples)
        return evaluate_mesh(
            self.answer,
            target.points,
            target.occupancies,
            target.surface_points,
            target.surface_normals,
            seed,
            samples=samples,
            contains=self.contains,
        )

    @property
    def is_closed(self) -> bool | None:
        """Whether every edge of the mesh has as many faces on one side as on the other.

        None for copies, which are no meshes.
        """
        if isinstance(self.answer, ShapeCopy):
            return None
        return not self.answer.is_empty and is_closed(self.answer)

    def picture(self) -> NDArray[np.uint8]:
        """For the contact sheet."""
        if isinstance(self.answer, ShapeCopy):
            copied = self.answer.shape
            return draw_points(copied.surface_points, copied.surface_normals)
        return draw_mesh(self.answer)


Method = Callable[[LabelledShape, Observation | None], Answer]


def is_closed(mesh: Mesh) -> bool:
    """Whether every directed edge is met by an edge that runs the other way."""
    count = len(mesh.vertices)
    starts = np.asarray(mesh.faces, dtype=np.int64)
    ends = np.roll(starts, -1, axis=1)
    forth = np.sort((starts * count + ends).ravel())
    back = np.sort((ends * count + starts).ravel())
    return bool((forth == back).all())
