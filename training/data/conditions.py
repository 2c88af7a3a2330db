"""Under which conditions a point cloud is observed: count, noise, missing parts, outliers, turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.inputs.frame import Frame
from onet_core.models.description import ModelDescription

Points = NDArray[np.floating]
TURNS = ("none", "any")
BOX = 1.1  # edge of the box around the shape in which outliers lie
# A hole takes away this share of the surface at most; a larger share is lost in several places.
LARGEST_HOLE = 0.1


@dataclass(frozen=True)
class Conditions:
    """How a scan of a shape comes about; the defaults are the paper's plain setting.

    count, noise: number of points and standard deviation per coordinate, None for those that the
        model was trained with.
    missing: share of the surface that no point lies on, in round holes of a tenth of the surface at
        most.
    outliers: share of the points that lie anywhere in the box instead of near the surface.
    turn: "any" turns the shape about the vertical by a random angle and scales it to the unit cube
        anew. Raises InputError for impossible values.
    """

    count: int | None = None
    noise: float | None = None
    missing: float = 0.0
    outliers: float = 0.0
    turn: str = "none"

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise InputError(f"At least 1 input point is needed, not {self.count}.")
        if self.noise is not None and not 0 <= self.noise < 1:
            raise InputError(f"The input's noise can't be {self.noise:g}.")
        for name in ("missing", "outliers"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(
                    f"The share of {name} must be at least 0 and below 1, not "
                    f"{getattr(self, name):g}."
                )
        if self.turn not in TURNS:
            raise InputError(f"The turn {self.turn!r} is not one of {', '.join(TURNS)}.")

    @property
    def are_plain(self) -> bool:
        """True for what the model was trained with, nothing missing, added or turned."""
        return self == Conditions()

    def inputs_of(self, description: ModelDescription) -> ModelDescription:
        """The description with these conditions' number of points and noise as its inputs.

        Raises InputError where the model reads no point clouds but the conditions are not plain.
        """
        if self.are_plain:
            return description
        if description.input_kind != "points":
            raise InputError(
                f"The model {description.name!r} reads no point clouds, whose number of points, "
                "noise, holes, outliers and turn could be chosen."
            )
        inputs = dict(description.inputs)
        if self.count is not None:
            inputs["points"] = self.count
        if self.noise is not None:
            inputs["noise"] = self.noise
        return replace(description, inputs=inputs)

    def text(self) -> str:
        """What is not plain beside count and noise, for reports; empty if nothing is."""
        parts = []
        if self.missing:
            parts.append(f"{self.missing:.0%} of the surface missing")
        if self.outliers:
            parts.append(f"{self.outliers:.0%} outliers")
        if self.turn == "any":
            parts.append("turned about the vertical by any angle")
        return ", ".join(parts)


PLAIN = Conditions()


def with_holes(surface: Points, share: float, rng: np.random.Generator) -> Points:
    """Surface points (N, 3) without a share of them: round holes around random points of it."""
    holes = int(np.ceil(share / LARGEST_HOLE - 1e-9))
    for size in np.diff(np.linspace(0, round(share * len(surface)), holes + 1).round().astype(int)):
        distance = np.linalg.norm(surface - surface[rng.integers(len(surface))], axis=1)
        surface = surface[np.argpartition(distance, size)[size:]]
    return surface


def with_outliers(points: Points, share: float, rng: np.random.Generator) -> Points:
    """Points (N, 3), a share of which is replaced by others anywhere in the box."""
    count = round(share * len(points))
    points = points.copy()
    chosen = rng.choice(len(points), count, replace=False)
    points[chosen] = BOX * (rng.random((count, 3)) - 0.5)
    return points


def turned_frame(surface: Points, rng: np.random.Generator) -> Frame:
    """The frame in which a surface (N, 3) stands turned about the vertical by a random angle.

    There its bounding box is centred and has 1 as its longest edge, as of any shape of a dataset.
    """
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array(
        [
            [np.cos(angle), 0, np.sin(angle)],
            [0, 1, 0],
            [-np.sin(angle), 0, np.cos(angle)],
        ]
    )
    turned = surface.astype(np.float64) @ turn.T
    bounds = Frame.of_points(turned, "y").matrix
    back = np.eye(4)
    back[:3, :3] = turn.T
    return Frame(back @ bounds)
