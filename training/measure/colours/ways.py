"""Ways to colour a mesh from one picture, from the plainest to the one that ships."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onet_core.models.pictures.painting import Look, from_nearest
from onet_core.models.pictures.texture.painted import WEIGHTS, textured


@dataclass(frozen=True, eq=False)
class Given:
    """What a way knows.

    look: what the picture shows of the mesh. normals: (V, 3), of its vertices.
    picture: (S, S, 3). shown: (S, S), where it shows the object.
    """

    look: Look
    normals: NDArray[np.float64]
    picture: NDArray[np.uint8]
    shown: NDArray[np.bool_]


Way = Callable[[Given], NDArray[np.float64]]
"""What is known to colours (V, 3) of 0 to 255."""


def mean_colour(given: Given) -> NDArray[np.float64]:
    """All of it in the mean colour of the object in the picture."""
    return np.tile(given.look.mean, (len(given.look.vertices), 1))


def seen_and_mean(given: Given) -> NDArray[np.float64]:
    """What is hidden takes the mean colour."""
    return np.where(given.look.weights[:, :1] > 0, given.look.colours[:, 0], given.look.mean)


def nearest_visible(given: Given) -> NDArray[np.float64]:
    """What is hidden takes the colour of the nearest vertex that is seen."""
    return from_nearest(
        given.look.vertices, given.look.colours[:, 0], given.look.weights[:, 0] > 0, 1
    )


def mirrored_and_mean(given: Given) -> NDArray[np.float64]:
    """What is hidden takes its mirror image's colour, else the mean."""
    colours, known = given.look.blended()
    return np.where(known[:, None], colours, given.look.mean)


def mirrored_and_nearest(given: Given) -> NDArray[np.float64]:
    """What is hidden takes its mirror image's colour, else the nearest ones'."""
    return from_nearest(given.look.vertices, *given.look.blended())


def alike_places(
    vertices: NDArray[np.float64], normals: NDArray[np.float64], turned: float
) -> NDArray[np.float64]:
    """(V, 6): vertices whose normals are perpendicular are `turned` away, beside their distance."""
    # Two perpendicular normals are the root of 2 apart.
    return np.hstack([vertices, normals * (turned / np.sqrt(2))])


def from_field(given: Given, weights: Path = WEIGHTS) -> NDArray[np.float64]:
    """What is hidden takes its mirror image's colour, else what a texture field says."""
    return textured(given.look, given.normals, given.picture, given.shown, weights)


PLAIN = "seen, mirrored, else nearest"
SHIPS = "seen, mirrored, else the texture field (ships)"
OTHER = "seen, mirrored, else another texture field"

WAYS: dict[str, Way] = {
    "mean colour": mean_colour,
    "seen, else mean": seen_and_mean,
    "seen, else nearest": nearest_visible,
    "seen, mirrored, else mean": mirrored_and_mean,
    PLAIN: mirrored_and_nearest,
    SHIPS: from_field,
}
