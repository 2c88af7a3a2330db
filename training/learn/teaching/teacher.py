"""A lighter network that learns what a heavier one says: its answers take the place of the labels.

Both read through one encoder, the heavier one's, which stays as it is: what is learned anew is the
decoder alone. Its answers are known everywhere and are smooth, so that few shapes and steps go far
(Ba and Caruana 2014; Hinton et al. 2015).

As labels are not needed, a part of the queries may be drawn anew next to what is read, where a
surface can lie, and what the teacher answered may be shown more than once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from torch import nn

from onet_core.errors import ModelError
from onet_core.models.description import ModelDescription

from ...data.augmentation.batch import Batch
from .lessons import Lesson, next_to_surface
from .thinning import begin_thinned

# How many lessons are kept where they are shown again: of two grids of voxels 9 MB each.
_KEPT = 48
# Batches on which the channels are chosen that a network begins with.
_FIRST = 24


class Teacher:
    """A network whose answers another one learns.

    It is no module of the one that learns: checkpoints leave it out.

    near: share of the queries that are drawn next to the surface of the voxels, see
    `next_to_surface`; the others are the batch's own. showings: how often each lesson is learned
    from, between others, before there is a new one: an answer costs about as much as a step.
    """

    def __init__(self, network: nn.Module, *, near: float = 0.0, showings: int = 1) -> None:
        self._network: Any = network.eval().requires_grad_(False)
        self._near, self._showings = near, showings
        self._kept: deque[Lesson] = deque(maxlen=_KEPT)
        self._asked = 0

    def lead(self, pupil: nn.Module) -> str:
        """Gives a network its encoder, for good, and what else fits; says in a sentence what.

        Raises ModelError where the encoders differ; the network then stays as it was.
        """
        given, own = self._network.state_dict(), pupil.state_dict()
        fitting = {n: v for n, v in given.items() if n in own and v.shape == own[n].shape}
        wanted = {name for name in (*given, *own) if name.startswith("encoder.")}
        if not wanted or wanted - fitting.keys():
            raise ModelError(
                f"The teacher's encoder does not fit: {len(wanted - fitting.keys())} of "
                f"{len(wanted)} tensors are in one of the two networks only, or differ in shape."
            )
        pupil.load_state_dict({**own, **fitting})
        pupil.get_submodule("encoder").requires_grad_(False)
        return (
            f"The network has the teacher's encoder, which stays as it is, and begins with "
            f"{len(fitting) - len(wanted)} of its other {len(own) - len(wanted)} tensors."
        )

    def begin(self, pupil: nn.Module, batches: Iterable[Batch]) -> None:
        """Gives a network with narrower patches the most important channels of the teacher's, see
        `thinning`; does nothing to others. batches: of which the first are asked about."""
        decoders: list[Any] = [one.get_submodule("decoder") for one in (pupil, self._network)]
        narrow, wide = (getattr(decoder, "patches", None) for decoder in decoders)
        if narrow is None or wide is None or narrow.size != wide.size:
            return
        if len(narrow.fc_0.bias) < len(wide.fc_0.bias) and len(narrow.residual) <= len(
            wide.residual
        ):
            begin_thinned(pupil, self._network, [*map(self.asked, islice(batches, _FIRST))])

    def lesson(self, batch: Batch) -> Lesson:
        """What to learn next: from this batch, or an earlier one once more."""
        is_new = self._asked % self._showings == 0
        self._asked += 1
        if not is_new:
            return self._kept[int(torch.randint(len(self._kept), ()))]
        made = self.asked(batch)
        if self._showings > 1:
            self._kept.append(made)
        return made

    @torch.no_grad()
    def asked(self, batch: Batch, generator: torch.Generator | None = None) -> Lesson:
        """The teacher's answers on a batch, with random numbers of the generator or torch's own."""
        points, inputs = batch["points"], batch["inputs"]
        if near := round(self._near * points.shape[1]):
            drawn = next_to_surface(inputs, near, generator)
            points = torch.cat([drawn, points[:, near:]], dim=1)
        self._network.to(points.device)
        code = self._network.encode_inputs(inputs)
        none = points.new_zeros(len(points), 0)
        return Lesson(points, code, self._network.decode(points, none, code).float())


def taught_by(teacher: ModelDescription, pupil: ModelDescription) -> ModelDescription:
    """The pupil's description, with what the teacher learned from and what it may be used for."""
    learned = {name: fact for name, fact in teacher.training.items() if name != "configuration"}
    return replace(
        pupil,
        categories=pupil.categories or teacher.categories,
        licence=pupil.licence or teacher.licence,
        attribution=pupil.attribution or teacher.attribution,
        training={**pupil.training, "teacher": learned},
    )
