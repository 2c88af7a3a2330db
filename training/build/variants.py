"""Variants of shapes, so that a network sees more shapes than there are.

Each axis is stretched by a smooth, growing function of its own: legs get longer than backs, wings
wider than hulls, and what is straight along an axis stays straight. Left and right are stretched
alike, so that symmetric shapes stay so. Half of the variants or so are painted anew.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import trimesh
from numpy.typing import NDArray

from .normalise import Triangles, make_triangles, normalise
from .source import Entry, NormalisedShape

# Deviations of the logarithm of how much an axis is stretched: as a whole, and by each wave.
_WHOLE, _WAVE = 0.18, 0.22
# No part gets more than twice as long or short.
_MOST = 0.7
_WAVES = (1, 2)
# Edges are cut to this length at most, or else long slanted ones would stay straight.
_LONGEST_EDGE = 0.12
_STEPS = 601
_SHARE_PAINTED = 0.6
# Shapes of more colours are textured: these are tinted, not painted.
_MOST_COLOURS = 200


@dataclass(frozen=True)
class Variant(Entry):
    """A stretched shape; its coordinates are not those of the original."""

    original: Entry = field(kw_only=True)

    def load(self) -> NormalisedShape:
        """The original, stretched and perhaps painted. Raises InputError where it can't be used."""
        rng = np.random.default_rng(zlib.crc32(f"{self.category}/{self.name}".encode()))
        triangles = _with_short_edges(self.original.load().triangles)
        vertices = Stretch.drawn(rng)(triangles.vertices)
        colours = _painted(triangles.colours, rng)
        return NormalisedShape(*normalise(make_triangles(vertices, triangles.faces, colours)))


def with_variants(entries: Sequence[Entry], count: int) -> list[Entry]:
    """The entries and, of each one to train with, `count` variants."""
    variants = [
        Variant(
            entry.category,
            f"{entry.name}-stretched-{number}",
            entry.split,
            entry.method,
            entry.source,
            entry.licence,
            entry.credit,
            original=entry,
        )
        for number in range(1, count + 1)
        for entry in entries
        if entry.split == "train"
    ]
    return [*entries, *variants]


@dataclass(frozen=True, eq=False)
class Stretch:
    """Where each coordinate goes: places (S,), and for each axis where they go, (3, S)."""

    places: NDArray[np.float64]
    mapped: NDArray[np.float64]

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Stretch:
        """A random one for the unit cube: the middle stays, x goes as far as -x does."""
        places = np.linspace(-0.5, 0.5, _STEPS)
        mapped = []
        for axis in range(3):
            is_even = axis == 0
            slope = np.full(_STEPS, rng.normal() * _WHOLE)
            for wave in _WAVES:
                phase = 0 if is_even else rng.uniform(0, 2 * np.pi)
                slope += rng.normal() * _WAVE * np.cos(2 * np.pi * wave * places + phase)
            slope = np.exp(np.clip(slope, -_MOST, _MOST))
            grown = np.cumsum((slope[1:] + slope[:-1]) / 2) / (_STEPS - 1)
            grown = np.insert(grown, 0, 0.0)
            mapped.append(grown - grown[_STEPS // 2])
        return cls(places, np.array(mapped))

    def __call__(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (N, 3) of the unit cube, stretched."""
        axes = zip(points.T, self.mapped, strict=True)
        return np.stack([np.interp(along, self.places, mapped) for along, mapped in axes], axis=1)


def _with_short_edges(triangles: Triangles) -> Triangles:
    vertices, faces, origin = trimesh.remesh.subdivide_to_size(
        triangles.vertices, triangles.faces, _LONGEST_EDGE, max_iter=16, return_index=True
    )
    return Triangles(np.asarray(vertices), np.asarray(faces), triangles.colours[origin])


def _painted(colours: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Other colours for faces (F, 3), the same where they were the same."""
    if rng.random() > _SHARE_PAINTED:
        return colours
    unique, which = np.unique(colours, axis=0, return_inverse=True)
    if len(unique) > _MOST_COLOURS:
        changed = unique * rng.uniform(0.6, 1.4, 3)
    else:
        grey = rng.uniform(10, 250, (len(unique), 1))
        changed = np.where(
            rng.random((len(unique), 1)) < 0.7, rng.normal(grey, 45, (len(unique), 3)), unique
        )
    return np.clip(changed, 0, 255).astype(np.uint8)[which.ravel()]
