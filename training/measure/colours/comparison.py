"""Each way's colours on true shapes, seen from all around beside the true ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.mesh.normals import face_based_normals

from ...data.build.normalise import Triangles
from ...data.build.shapes import list_indexed_shapes
from .perceptual import Perceptual, distance
from .scores import absolute_error, structural_similarity
from .views import ColouredShape, spread_of
from .ways import Given, Way

# Shapes whose colours deviate less (0 to 1) are of one colour: every way gets these right.
LEAST_SPREAD = 0.05
MOST_VERTICES = 100_000
"""Of a fine mesh; larger ones take a minute each."""


@dataclass(frozen=True)
class Score:
    """Of one way on one shape: over all pixels of the shape in all views, and over those alone
    that the picture does not show (None where there are none). unlike: see `perceptual`."""

    category: str
    name: str
    way: str
    error: float
    similarity: float
    hidden_error: float | None
    unlike: float | None = None


@dataclass(frozen=True, eq=False)
class Pictures:
    """For a sheet: the photograph, and the views (S, S, 3) of each way and the true ones."""

    name: str
    photograph: NDArray[np.uint8]
    made: dict[str, list[NDArray[np.float64]]]
    true: list[NDArray[np.float64]]


def coloured_triangles(source: Path, split: str) -> Iterator[tuple[Triangles, str]]:
    """The shapes of several colours of a split, whose faces look outwards, in mixed order, and
    their names with their categories."""
    entries = [
        entry
        for entry in list_indexed_shapes(source)
        if entry.split == split and entry.method == "winding"
    ]
    for place in np.random.default_rng(0).permutation(len(entries)):
        entry = entries[place]
        triangles = entry.load().triangles
        if spread_of(triangles) >= LEAST_SPREAD:
            yield triangles, f"{entry.category}/{entry.name}"


def coloured_shapes(source: Path, split: str, limit: int | None = None) -> Iterator[ColouredShape]:
    """The first of `coloured_triangles`, cut finely."""
    return (ColouredShape(*one) for one in islice(coloured_triangles(source, split), limit))


def compare(
    shape: ColouredShape,
    ways: Mapping[str, Way],
    *,
    is_lit: bool,
    perceptual: Perceptual | None = None,
) -> tuple[list[Score], Pictures] | None:
    """Scores of all ways on a shape, and what they look like; None where its picture shows nothing
    that colours could be taken from. perceptual: None to leave that measure out."""
    try:
        photograph, shown, look = shape.look(0, is_lit=is_lit)
    except InputError:
        return None
    given = Given(look, face_based_normals(look.vertices, shape.faces), photograph, shown)
    views = shape.around(look.view.azimuth)
    truth = [one.picture(shape.colours[one.faces]) for one in views]
    unseen = (look.weights[:, 0] == 0)[shape.faces].all(axis=1)
    hidden = []
    for one in views:
        mask = np.zeros(one.hit.shape, dtype=bool)
        mask[one.hit] = unseen[one.faces]
        hidden.append(mask)
    category, name = shape.name.split("/", 1)
    features = None if perceptual is None else perceptual.features(truth)
    scores, made = [], {}
    for title, way in ways.items():
        colours = np.clip(way(given), 0, 255)[shape.faces]
        pictures = [
            one.picture(np.einsum("hk,hkc->hc", one.weights, colours[one.faces])) for one in views
        ]
        made[title] = pictures
        pairs = list(zip(pictures, truth, views, strict=True))
        error = np.mean([absolute_error(ours, true, one.hit) for ours, true, one in pairs])
        alike = np.mean([structural_similarity(ours, true, one.hit) for ours, true, one in pairs])
        away = np.concatenate(
            [np.abs(ours - true)[mask] for (ours, true, _), mask in zip(pairs, hidden, strict=True)]
        )
        behind = float(away.mean()) if len(away) else None
        unlike = None
        if perceptual is not None and features is not None:
            unlike = distance(perceptual.features(pictures), features)
        scores.append(Score(category, name, title, float(error), float(alike), behind, unlike))
    return scores, Pictures(shape.name, photograph, made, truth)
