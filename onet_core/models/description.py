"""What a weights file says about itself. Imports no torch, so that Blender can read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ..errors import ModelError
from ..kinds import NAMES as INPUT_KINDS

ARCHITECTURES = ("occupancy_network", "convolutional", "image_planes", "latent_planes")
LARGEST_INPUT = 10_000_000
MOST_DRAWS = 100
# More would take off what is there, and swell what is wide: by up to 0.09 % a step.
MOST_SMOOTHING = 30


@dataclass(frozen=True)
class ModelDescription:
    """Everything that is needed to rebuild a network and to tell users what it is for.

    name: short, for command lines; title: for people.
    architecture: one of `ARCHITECTURES`; network: keyword arguments of that class.
    input_kind: one of `INPUT_KINDS`; inputs: how an observation is brought to the network, for
    example {"image_size": 224} or {"points": 300, "noise": 0.005}; {"mirror": true} for pictures
    that were mirrored in training together with their shapes, {"half_turn": true} for points that
    were turned about the vertical: the field is then the mean of both; {"denoise": true} for points
    whose noise is averaged away before they are read where they are dense, see `inputs.denoise`.
    threshold: probability at the surface; share_of_highest: the surface lies at no more than this
    share of the highest probability that the network gives anywhere, so that an object that it is
    unsure of is drawn all the same, 0: it may lie higher; faint_from: the least probability at the
    surface of a part that the network is unsure of, see `pipeline.faint`, 0: such parts may be
    missing; joined_from: the least probability at the surface to which it may be lowered where that
    joins the mesh's parts, as thin ones tear first, 0: it is not lowered; smoothing: steps that
    take bumps off the mesh, see `mesh.smooth`; snap_within: how near to the surface
    points draw it to them, see `mesh.snap`, 0: it stays where the network says; draws: up to
    so many latents are drawn for a new shape until one is in one part; padding: the box of queries
    has edge 1 + padding.
    categories, training, metrics, limits: what it learned from, how, how well it does, and
    sentences on what it fails at, see `models.card`.
    Raises ModelError where a value can't be meant.
    """

    name: str
    title: str
    architecture: str
    input_kind: str
    network: dict[str, Any] = field(default_factory=dict)
    threshold: float = 0.2
    share_of_highest: float = 0.0
    faint_from: float = 0.0
    joined_from: float = 0.0
    smoothing: int = 0
    snap_within: float = 0.0
    draws: int = 1
    padding: float = 0.1
    categories: list[str] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    limits: str = ""
    licence: str = ""
    attribution: str = ""

    def __post_init__(self) -> None:
        for name, choices in (("architecture", ARCHITECTURES), ("input_kind", INPUT_KINDS)):
            if getattr(self, name) not in choices:
                raise ModelError(
                    "The model's {name} is {value!r}; this version knows {known}.",
                    name=name,
                    value=getattr(self, name),
                    known=", ".join(choices),
                )
        if not 0 < self.threshold < 1:
            raise ModelError(
                "The model's threshold is {threshold}, not between 0 and 1.",
                threshold=self.threshold,
            )
        if not 0 <= self.share_of_highest < 1:
            raise ModelError(
                "The model's share_of_highest is {share_of_highest}, not from 0 to below 1.",
                share_of_highest=self.share_of_highest,
            )
        for name in ("share_of_highest", "joined_from"):
            if getattr(self, name) and self.input_kind == "none":
                raise ModelError(
                    "The model's {name} is for networks that read something.", name=name
                )
        for name in ("faint_from", "joined_from"):
            least = getattr(self, name)
            if not 0 <= least <= self.threshold:
                raise ModelError(
                    "The model's {name} is {least}, not from 0 to its threshold.",
                    name=name,
                    least=least,
                )
        if not 0 <= self.smoothing <= MOST_SMOOTHING:
            raise ModelError(
                "The model's smoothing is {smoothing}, not 0 to {most} steps.",
                smoothing=self.smoothing,
                most=MOST_SMOOTHING,
            )
        if not 0 <= self.snap_within < 1 or (self.snap_within and self.input_kind != "points"):
            raise ModelError(
                "The model's snap_within is {snap_within}, not from 0 to below 1 for one that "
                "reads points.",
                snap_within=self.snap_within,
            )
        if not 1 <= self.draws <= MOST_DRAWS or (self.draws > 1 and self.input_kind != "none"):
            raise ModelError(
                "The model's draws are {draws}, not 1 to {most} for one that generates.",
                draws=self.draws,
                most=MOST_DRAWS,
            )
        if not 0 <= self.padding <= 1:
            raise ModelError(
                "The model's padding is {padding}, not between 0 and 1.", padding=self.padding
            )
        if not all(isinstance(category, str) for category in self.categories):
            raise ModelError("The model's categories are not all names.")
        for name, lowest in (("image_size", 32), ("points", 1), ("voxels", 1)):
            value = self.inputs.get(name, lowest)
            if type(value) is not int or not lowest <= value <= LARGEST_INPUT:
                raise ModelError(
                    "The model can't read inputs with {name} {value!r}.", name=name, value=value
                )
        noise = self.inputs.get("noise", 0.0)
        if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise <= 1:
            raise ModelError(
                "The model can't read inputs with {name} {value!r}.", name="noise", value=noise
            )
        for name, kind in (("mirror", "image"), ("half_turn", "points"), ("denoise", "points")):
            moved = self.inputs.get(name, False)
            if not isinstance(moved, bool) or (moved and self.input_kind != kind):
                raise ModelError(
                    "The model can't read inputs with {name} {value!r}.", name=name, value=moved
                )

    def at(self, threshold: float) -> ModelDescription:
        """The same with another threshold; what may not lie above it goes down with it.

        Raises ModelError unless 0 < threshold < 1.
        """
        return replace(
            self,
            threshold=threshold,
            faint_from=min(self.faint_from, threshold),
            joined_from=min(self.joined_from, threshold),
        )

    def to_json(self) -> str:
        """One line of JSON; `from_json` reads it back."""
        return json.dumps(asdict(self), ensure_ascii=True, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelDescription:
        """Raises ModelError for anything but a complete description of known fields and types."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError("The model's description is damaged (it is not JSON).") from error
        if not isinstance(values, Mapping):
            raise ModelError("The model's description is damaged (it is not an object).")
        known = {item.name: item for item in fields(cls)}
        for name, value in values.items():
            if name not in known:
                raise ModelError(
                    "The model's description has an unknown field {name!r}; it may have been "
                    "made by a newer version.",
                    name=name,
                )
            wanted = {"float": (float, int), "int": int, "str": str}.get(
                str(known[name].type), list if "list" in str(known[name].type) else dict
            )
            if not isinstance(value, wanted) or isinstance(value, bool):  # type: ignore[arg-type]
                raise ModelError(
                    "The model's description has an unusable value for {name!r}.", name=name
                )
        missing = {"name", "title", "architecture", "input_kind"} - set(values)
        if missing:
            raise ModelError(
                "The model's description lacks {names}.", names=", ".join(sorted(missing))
            )
        return cls(**values)
