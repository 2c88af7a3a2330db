"""What a weights file says about itself. Imports no torch, so that Blender can read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..errors import ModelError
from ..kinds import NAMES as INPUT_KINDS
from .record import Limits, Record, limited
from .steps import Steps, lifted

ARCHITECTURES = (
    "occupancy_network",
    "convolutional",
    "image_planes",
    "latent_planes",
    "projected",
    "picture_pair",
)
LARGEST_INPUT = 10_000_000
# What may stand in `ModelDescription.inputs`, by type and limits.
INPUTS: dict[str, tuple[tuple[type, ...], Limits]] = {
    "image_size": ((int,), Limits(32, LARGEST_INPUT)),
    "points": ((int,), Limits(1, LARGEST_INPUT)),
    "voxels": ((int,), Limits(1, LARGEST_INPUT)),
    "noise": ((int, float), Limits(0, 1)),
}


@dataclass(frozen=True)
class ModelDescription(Record):
    """Everything that is needed to rebuild a network and to tell users what it is for.

    name: short, for command lines.
    title: for people.
    architecture: one of `ARCHITECTURES`.
    input_kind: one of `kinds.NAMES`.
    network: keyword arguments of the architecture's class.
    threshold: probability at the surface.
    steps: what the model wants of the pipeline's steps.
    padding: the box of queries has edge 1 + padding.
    categories: what it learned from.
    inputs: how an observation is brought to the network, such as {"image_size": 224} or
        {"points": 300, "noise": 0.005}.
    training: how it learned.
    metrics: how well it does, see `models.card`.
    limits: sentences on what it fails at.
    licence, attribution: of the weights.
    Raises ModelError where a value can't be meant.
    """

    name: str
    title: str
    architecture: str = limited(choices=ARCHITECTURES)
    input_kind: str = limited(choices=INPUT_KINDS)
    network: dict[str, Any] = field(default_factory=dict)
    threshold: float = limited(0.2, 0, 1, is_above=True, is_below=True)
    steps: Steps = field(default_factory=Steps)
    padding: float = limited(0.1, 0, 1)
    categories: list[str] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    limits: str = ""
    licence: str = ""
    attribution: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.steps.check_kind(self.input_kind)
        for name in ("faint_from", "joined_from"):
            least = getattr(self.steps, name)
            if least > self.threshold:
                raise ModelError(
                    "The model's {name} is {least}, not from 0 to its threshold.",
                    name=name,
                    least=least,
                )
        for name, (types, limits) in INPUTS.items():
            value = self.inputs.get(name, limits.low)
            if isinstance(value, bool) or not isinstance(value, types) or not limits.hold(value):
                raise ModelError(
                    "The model can't read inputs with {name} {value!r}.", name=name, value=value
                )

    def at(self, threshold: float) -> ModelDescription:
        """The same with another threshold; what may not lie above it goes down with it.

        Raises ModelError unless 0 < threshold < 1.
        """
        steps = replace(
            self.steps,
            faint_from=min(self.steps.faint_from, threshold),
            joined_from=min(self.steps.joined_from, threshold),
        )
        return replace(self, threshold=threshold, steps=steps)

    def to_json(self) -> str:
        """One line of JSON; `from_json` reads it back."""
        return json.dumps(asdict(self), ensure_ascii=True, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelDescription:
        """Raises ModelError for anything but a complete description of known fields and types.

        Descriptions of 0.1.0 are read too, see `steps.lifted`.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError("The model's description is damaged (it is not JSON).") from error
        if not isinstance(values, Mapping):
            raise ModelError("The model's description is damaged (it is not an object).")
        return cls.of(lifted(values))
