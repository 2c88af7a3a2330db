"""Variants of shapes, built like any shape: stretched unevenly, and half of them painted anew.

Also shapes that are shortened, for networks to whose cells long ones would be rods.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from ..stretching import Stretch
from .normalise import Triangles, make_triangles, normalise
from .source import Entry, NormalisedShape

# Edges are cut to this length at most, or else long slanted ones would stay straight.
_LONGEST_EDGE = 0.12
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


@dataclass(frozen=True)
class Shortened(Entry):
    """A shape whose length, front to back, is at most `longest` times its width."""

    original: Entry = field(kw_only=True)
    longest: float = field(kw_only=True)

    def load(self) -> NormalisedShape:
        """The original, shortened if it is longer. Raises InputError where it can't be used."""
        shape = self.original.load()
        vertices, faces = shape.triangles.vertices, shape.triangles.faces
        width, _, length = np.ptp(vertices[faces].reshape(-1, 3), axis=0)
        if length <= self.longest * width:
            return shape
        shorter = vertices * (1, 1, self.longest * width / length)
        return NormalisedShape(*normalise(make_triangles(shorter, faces, shape.triangles.colours)))


def shortened(entries: Sequence[Entry], longest: float | None) -> list[Entry]:
    """The entries, each at most `longest` times as long as wide; None leaves them as they are."""
    if longest is None:
        return list(entries)
    return [Shortened(**_facts(entry), original=entry, longest=longest) for entry in entries]


def with_variants(entries: Sequence[Entry], count: int) -> list[Entry]:
    """The entries and, of each one to train with, `count` variants."""
    variants = [
        Variant(**{**_facts(entry), "name": f"{entry.name}-stretched-{number}"}, original=entry)
        for number in range(1, count + 1)
        for entry in entries
        if entry.split == "train"
    ]
    return [*entries, *variants]


def _facts(entry: Entry) -> dict[str, Any]:
    """What an entry says of its shape, by name."""
    return {item.name: getattr(entry, item.name) for item in fields(Entry)}


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
