"""One network with other values of its steps: what values have in common is made once.

A cloud is encoded and its surface found in seconds; the finishing steps take a fraction of one. So
twenty values of the finishing steps are compared in little more than the time of two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from onet_core.devices import choose_device
from onet_core.errors import NoSurfaceError
from onet_core.inputs.observation import Observation
from onet_core.mesh.mesh import Mesh
from onet_core.models.description import ModelDescription
from onet_core.pipeline.encoding import Encoded, encoded, without_holes
from onet_core.pipeline.finish import finished
from onet_core.pipeline.level import Level
from onet_core.pipeline.making import Making, Wish
from onet_core.pipeline.progress import Run
from onet_core.settings import Settings
from onet_core.surface.extract import Extraction

from .answers import EMPTY

# Only these do not change the surface, and only those not the field. A new field of `Steps` that is
# in neither list is taken for one that changes all.
FINISHING = (
    "smoothing",
    "snap_within",
    "snap_neighbours",
    "snap_radius",
    "snap_staying",
    "snap_noise",
)
LEVELLING = (
    "finest_asked",
    "faint_from",
    "faint_share",
    "faint_reach",
    "joined_from",
    "outline_margin",
    "outline_depth",
)


class Variants:
    """A network in evaluation mode with several descriptions that differ in threshold and steps."""

    def __init__(
        self,
        network: nn.Module,
        descriptions: Sequence[ModelDescription],
        settings: Settings,
        device: str | torch.device = "auto",
    ) -> None:
        self._device = choose_device(device)
        self._network = network.to(self._device)
        self._descriptions, self._settings = descriptions, settings

    def meshes(self, observation: Observation) -> Iterator[Mesh]:
        """What each description makes of an observation, in the network's frame.

        The same as `Reconstructor.reconstruct` makes; without faces where there is no surface.
        """
        read: dict[str, Encoded] = {}
        found: dict[str, tuple[Level, Extraction | NoSurfaceError]] = {}
        run = Run({}, None)
        model = self._descriptions[0]
        seen = without_holes(self._network, model, observation, self._settings, self._device)
        back = observation.frame.inverse @ seen.frame.matrix
        for described in self._descriptions:
            making = Making(described, self._device, Wish.of(self._settings), run)
            field, surface = (_without(described, names) for names in (_BOTH, FINISHING))
            if field not in read:
                read[field] = encoded(self._network, described, seen, self._settings, self._device)
            if surface not in found:
                (found[surface],) = making.surfaces([read[field]])
            level, extraction = found[surface]
            if isinstance(extraction, NoSurfaceError):
                yield EMPTY
            else:
                context = making.context(read[field], level, extraction)
                mesh = finished(extraction.mesh, context, run, {})
                yield mesh if seen is observation else mesh.transformed(back)


_BOTH = (*FINISHING, *LEVELLING)


def _without(described: ModelDescription, names: Sequence[str]) -> str:
    """What a description wants, but for those fields of its steps."""
    values: dict[str, Any] = {"threshold": described.threshold, **asdict(described.steps)}
    for name in (*names, "chosen_by"):
        del values[name]
    return repr(values)
