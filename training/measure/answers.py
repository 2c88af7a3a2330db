"""What a method says about a shape, and how it is measured and drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from onet_core.errors import InputError, NoSurfaceError
from onet_core.inputs.observation import Observation
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import evaluate_mesh, mesh_contains
from onet_core.models.occupancy_network import OccupancyNetwork
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

from ..data.datasets.shapenet import ShapeDataset
from ..data.labelled import LabelledShape
from ..sheet import draw_mesh, draw_points, voxel_surface
from .baselines.copies import ShapeCopy
from .generation import in_network_frame, infer_latent

Contains = Callable[[Mesh, NDArray[np.floating]], NDArray[np.bool_]]
EMPTY = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32))


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says about a shape: a mesh in the frame of the labels, or a copy.

    seconds: by stage.
    note: what went wrong or, for a copy, which shape was copied.
    contains: tells inside from outside, the original's test unless another is given.
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


def reconstructing(reconstructor: Reconstructor, settings: Settings) -> Method:
    """The method that answers with the network's mesh of an observation."""

    def answer(target: LabelledShape, observation: Observation | None) -> Answer:
        assert observation is not None
        try:
            made = reconstructor.reconstruct(observation, settings)
        except NoSurfaceError as error:
            return Answer(EMPTY, note=str(error))
        return Answer(made.mesh, made.seconds)

    return answer


def rebuilding(reconstructor: Reconstructor, network: nn.Module, settings: Settings) -> Method:
    """A generative network's answer: the shape encoded from its labels and decoded again."""

    def answer(target: LabelledShape, observation: Observation | None) -> Answer:
        latent = infer_latent(network, target, settings.random_seed)
        try:
            made = reconstructor.generate(latent, settings)
        except NoSurfaceError as error:
            return Answer(EMPTY, note=str(error))
        return Answer(in_network_frame(made), made.seconds)

    return answer


def remembering(
    reconstructor: Reconstructor, network: nn.Module, root: Path, split: str, settings: Settings
) -> Method:
    """The answer of a network that learned a code for each shape of a split: that code's mesh.

    For the experiment on representation power (paper, section 4.1). A code's place is the shape's
    place in the dataset that it learned from. Raises InputError where that has another number of
    shapes.
    """
    categories = reconstructor.description.categories or None
    known = ShapeDataset(root, split, "index", categories=categories).shapes
    assert isinstance(network, OccupancyNetwork)
    assert isinstance(network.encoder, nn.Embedding)
    codes = network.encoder.weight.detach().float().cpu().numpy()
    if len(codes) != len(known):
        raise InputError(
            f"The network learned the codes of {len(codes)} shapes, but the split {split!r} of "
            f"{root} has {len(known)} in its categories: name the data that it learned from."
        )
    code_of = dict(zip(known, codes, strict=True))

    def answer(target: LabelledShape, observation: Observation | None) -> Answer:
        if (target.category, target.name) not in code_of:
            return Answer(EMPTY, note="the network never learned it")
        try:
            made = reconstructor.decode(code_of[target.category, target.name], settings)
        except NoSurfaceError as error:
            return Answer(EMPTY, note=str(error))
        return Answer(in_network_frame(made), made.seconds)

    return answer


def input_picture(observation: Observation | None) -> NDArray[np.uint8]:
    """What a network saw of a shape, for the contact sheet."""
    if observation is None:
        return draw_points(np.zeros((0, 3)))
    if observation.kind == "points":
        return draw_points(observation.data)
    if observation.kind == "voxels":
        return draw_points(*voxel_surface(observation.data > 0))
    return (255 * observation.data.transpose(1, 2, 0)).round().astype(np.uint8)
