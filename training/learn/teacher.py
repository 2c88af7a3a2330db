"""A lighter network that learns what a heavier one says: its answers take the place of the labels.

Both read through one encoder, the heavier one's, which stays as it is: what is learned anew is the
decoder alone. Its answers are known everywhere and are smooth, so that few shapes and steps go far
(Ba and Caruana 2014; Hinton et al. 2015).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from onet_core.errors import ModelError
from onet_core.models.description import ModelDescription

# Logits beyond about this many, a probability of 0.9997, are all the same to a surface.
_PLAIN = 8.0


class Teacher:
    """A network whose answers another one learns.

    It is no module of the one that learns: checkpoints leave it out.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network: Any = network.eval().requires_grad_(False)

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

    @torch.no_grad()
    def __call__(self, points: Tensor, latent: Tensor, code: Any) -> Tensor:
        """Logits (B, T) at points (B, T, 3) of what the common encoder read."""
        self._network.to(points.device)
        return self._network.decode(points, latent, code)


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


def unlikeness(logits: Tensor, taught: Tensor) -> Tensor:
    """How far logits are from those of the teacher, of each point: (B, T) each -> (B, T).

    A difference counts as itself, a small one as half its square; where a place is plainly inside
    or outside, it hardly counts.
    """
    found, wanted = (_PLAIN * torch.tanh(values / _PLAIN) for values in (logits, taught))
    return functional.smooth_l1_loss(found, wanted, reduction="none")
