"""The augmentations by name, for configurations.

An entry of `data.augmentations` is a name, or a name with settings: `{missing: {most: 0.3}}`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onet_core.errors import OnetError

from . import clouds, pictures, shapes, voxels
from .batch import Batch

Choice = str | Mapping[str, Any]


class AugmentationError(OnetError):
    """There is no such augmentation, or not with these settings or for this kind of input."""


@dataclass(frozen=True)
class Augmentation:
    """A function of a batch, and the kinds of input that it works for."""

    function: Callable[..., Batch]
    kinds: tuple[str, ...]

    @property
    def settings(self) -> dict[str, float]:
        """Names and defaults of its settings."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


_POINTS, _VOXELS, _IMAGE = ("points",), ("voxels",), ("image",)

AUGMENTATIONS = {
    "mirror": Augmentation(shapes.mirror, ("points", "voxels", "image", "none")),
    "quarter_turns": Augmentation(shapes.quarter_turns, ("points", "voxels")),
    "stretch": Augmentation(shapes.stretch, _POINTS),
    "uneven_stretch": Augmentation(shapes.uneven_stretch, _POINTS),
    "turn": Augmentation(shapes.turn, _POINTS),
    "tilt": Augmentation(shapes.tilt, _POINTS),
    "deform": Augmentation(shapes.deform, _POINTS),
    "fit_cloud": Augmentation(shapes.fit_cloud, _POINTS),
    "vary_count": Augmentation(clouds.vary_count, _POINTS),
    "mirrored_halves": Augmentation(clouds.mirrored_halves, _POINTS),
    "missing": Augmentation(clouds.missing, _POINTS),
    "outliers": Augmentation(clouds.outliers, _POINTS),
    "voxel_holes": Augmentation(voxels.voxel_holes, _VOXELS),
    "voxel_noise": Augmentation(voxels.voxel_noise, _VOXELS),
    "light": Augmentation(pictures.light, _IMAGE),
    "colour": Augmentation(pictures.colour, _IMAGE),
    "background": Augmentation(pictures.background, _IMAGE),
    "reframe": Augmentation(pictures.reframe, _IMAGE),
}


def augment(batch: Batch, input_kind: str, choices: Sequence[Choice]) -> Batch:
    """Applies the chosen augmentations in order. Raises AugmentationError as the check does."""
    for choice in choices:
        augmentation, settings = _find(choice, input_kind)
        batch = augmentation.function(batch, input_kind, **settings)
    return batch


def check_augmentations(choices: Sequence[Choice], input_kind: str) -> None:
    """Raises AugmentationError where an entry can't be applied to inputs of this kind."""
    for choice in choices:
        _find(choice, input_kind)


def _find(choice: Choice, input_kind: str) -> tuple[Augmentation, dict[str, float]]:
    if isinstance(choice, str):
        choice = {choice: {}}
    if not isinstance(choice, Mapping) or len(choice) != 1:
        raise AugmentationError(
            f"The augmentation {choice!r} is neither a name nor a name with settings."
        )
    ((name, given),) = choice.items()
    if name not in AUGMENTATIONS:
        raise AugmentationError(
            f"There is no augmentation {name!r}; there are {', '.join(AUGMENTATIONS)}."
        )
    augmentation = AUGMENTATIONS[name]
    if input_kind not in augmentation.kinds:
        raise AugmentationError(
            f"The augmentation {name!r} is for {' and '.join(augmentation.kinds)}, "
            f"not for inputs of the kind {input_kind!r}."
        )
    settings = dict(given or {})
    for setting, value in settings.items():
        if setting not in augmentation.settings:
            names = ", ".join(augmentation.settings) or "none"
            raise AugmentationError(
                f"The augmentation {name!r} has no setting {setting!r}; it has {names}."
            )
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            raise AugmentationError(
                f"The setting {setting!r} of {name!r} is {value!r}, but must be a number from 0."
            )
    return augmentation, settings
