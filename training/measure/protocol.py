"""What an evaluation measures, and how; which shapes of a split it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from onet_core.errors import InputError
from onet_core.mesh.metrics import SURFACE_SAMPLES
from onet_core.models.description import ModelDescription

from ..data.conditions import PLAIN, Conditions
from ..data.labelled import list_shapes


@dataclass(frozen=True)
class Protocol:
    """What is measured, and how.

    limit: how many shapes, spread evenly over the split.
    samples: labelled points and surface points per shape (100,000 in the paper).
    resolution, threshold: of the meshes, the threshold None for the model's own.
    seed: draws inputs, noise and surface samples.
    conditions: of the point clouds.
    symmetry: whether our network may complete symmetric clouds by their mirror image.
    """

    split: str = "test"
    train_split: str = "train"
    categories: tuple[str, ...] | None = None
    limit: int | None = None
    samples: int = SURFACE_SAMPLES
    resolution: int = 128
    threshold: float | None = None
    seed: int = 0
    conditions: Conditions = PLAIN
    symmetry: bool = True

    @property
    def is_complete(self) -> bool:
        """True where nothing was left out, so that the numbers may stand in a table."""
        return self.limit is None and self.samples >= SURFACE_SAMPLES

    def fitting(self, description: ModelDescription) -> Protocol:
        """The protocol for a model: one that knows shapes by number knows training shapes only."""
        if description.input_kind != "index":
            return self
        categories = self.categories or tuple(description.categories) or None
        return replace(self, split=self.train_split, categories=categories)

    def shapes(self, root: Path) -> list[tuple[str, str]]:
        """(category, name) of the shapes to measure. Raises InputError where there are none."""
        listed = list_shapes(root, self.split, self.categories)
        if self.samples < 1:
            raise InputError(f"At least 1 sample point is needed, not {self.samples}.")
        if self.limit is None:
            return listed
        if self.limit < 1:
            raise InputError(f"The limit must be at least 1 shape, not {self.limit}.")
        return [listed[index] for index in spread(len(listed), self.limit)]


def spread(total: int, count: int) -> list[int]:
    """At most `count` of range(total), spread evenly."""
    return sorted({int(i) for i in np.linspace(0, total - 1, min(total, count)).round()})
