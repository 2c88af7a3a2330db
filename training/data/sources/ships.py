"""Ships and boats that are drawn at random: a hull, and what stands on its deck. CC0-1.0.

Coordinates while a ship is made: x to the side, y up from the keel, z from the bow (0) to the
stern (1). Every part is closed and overlaps those that it stands on, so winding numbers tell
inside from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from ..build.normalise import Triangles, make_triangles, normalise
from ..build.shapes import INDEX_FILE
from .stored import COLUMNS, place_of, write_shape, write_table

CATEGORY, GROUP, LICENCE, SOURCE = "vessel", "own-ship", "CC0-1.0", "drawn at random"
_STATIONS, _HEIGHTS = 28, 7
# Houses reach this far below the deck that they stand on.
_SUNK = 0.02


@dataclass(frozen=True)
class Hull:
    """A hull of length 1.

    beam, depth: at the broadest place, and from keel to rim amidships. fore: which share of the
    length narrows to the bow. stern: the stern's breadth over the beam. sheer: how much higher the
    rim is at the bow, rake: how far the bow leans forward at the rim. fullness: 1 for a V below,
    more for a U. well: how deep the deck lies below the rim; wall: how thick the rim is.
    """

    beam: float
    depth: float
    fore: float
    stern: float
    sheer: float
    rake: float
    fullness: float
    well: float
    wall: float

    def half_at(self, z: float, height: float) -> float:
        """Half the breadth outside at a place and a height below the rim."""
        at = np.array([z])
        share = np.clip(height / float(self.rim(at)[0]), 0, 1)
        return float(self.half_beam(at)[0] * share ** (1 / self.fullness))

    def half_beam(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Half the breadth at the rim at places (N,) along the ship."""
        bow = 1 - (1 - np.clip(z / self.fore, 0, 1)) ** 2
        aft = 1 - (1 - self.stern) * np.clip((z - 0.65) / 0.35, 0, 1) ** 2
        return self.beam / 2 * np.maximum(bow * aft, 0.03)

    def rim(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rim's height at places (N,)."""
        rise = np.clip(1 - z / 0.6, 0, 1) ** 2 + 0.25 * np.clip((z - 0.6) / 0.4, 0, 1) ** 2
        return self.depth + self.sheer * rise

    def deck(self, z: float) -> float:
        """The deck's height at a place, where houses stand."""
        return float(self.rim(np.array([z]))[0]) - self.well

    def mesh(self) -> trimesh.Trimesh:
        """The closed surface: outside, rim, walls and deck."""
        places = np.concatenate([np.linspace(0, 0.2, 9)[:-1], np.linspace(0.2, 1, _STATIONS - 8)])
        rings = []
        for z, half, rim in zip(places, self.half_beam(places), self.rim(places), strict=True):
            up = np.linspace(1, 0, _HEIGHTS)
            outer = np.stack([half * up ** (1 / self.fullness), rim * up], axis=1)
            # Walls end where the hull is narrow: the bow and the transom are solid.
            inner = max(half - self.wall, 0.35 * half)
            room = min(z, 1 - z) / self.wall > 0.99
            floor = rim - self.well if room and self.well else rim - 0.002
            side = np.concatenate([outer[:-1], [[0.0, 0.0]], outer[:-1][::-1] * (-1, 1)])
            below = min(inner, max(self.half_at(z, floor) - self.wall, 0.3 * inner))
            well = [(-inner, rim), (-below, floor), (below, floor), (inner, rim)]
            ring = np.concatenate([side, well])
            forward = -self.rake * np.clip(1 - z / 0.4, 0, 1) * ring[:, 1] / self.rim(places)[0]
            rings.append(np.column_stack([ring, z + forward]))
        return _lofted(np.array(rings))


def make_ship(seed: int) -> Triangles:
    """A ship in the network's frame, the same for the same seed."""
    rng = np.random.default_rng([seed, 74])
    kind = list(KINDS)[seed % len(KINDS)]
    hull, parts = KINDS[kind](rng)
    meshes = [hull.mesh(), *parts]
    colours = rng.integers(40, 230, (len(meshes), 3))
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    faces = np.concatenate([mesh.faces + at for mesh, at in zip(meshes, starts, strict=False)])
    paint = np.repeat(colours, [len(mesh.faces) for mesh in meshes], axis=0)
    return normalise(make_triangles(vertices, faces, paint))[0]


def write_ships(output: Path, seeds: range) -> int:
    """Writes ships and their index into a folder, returns how many. Raises OnetError."""
    rows = []
    for seed in seeds:
        kind = list(KINDS)[seed % len(KINDS)]
        name = f"own-{kind}-{seed:04d}"
        write_shape(make_ship(seed), place_of(output, CATEGORY, name))
        credit, title = "this project", f"{kind}({seed})"
        rows.append((name, CATEGORY, "train", "winding", SOURCE, LICENCE, credit, title, GROUP))
    write_table((*COLUMNS, "group"), rows, output / INDEX_FILE)
    return len(rows)


def _lofted(rings: NDArray[np.float64]) -> trimesh.Trimesh:
    """The closed surface through rings (N, R, 3), the first and last one filled."""
    count, around = rings.shape[:2]
    at = np.arange(count * around).reshape(count, around)
    quads = np.stack(
        [at[:-1], np.roll(at, -1, 1)[:-1], np.roll(at, -1, 1)[1:], at[1:]], axis=-1
    ).reshape(-1, 4)
    ends = np.stack([rings[0].mean(0), rings[-1].mean(0)])
    first, last = at.size, at.size + 1
    faces = [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
    faces.append(np.stack([np.roll(at[0], -1), at[0], np.full(around, first)], axis=1))
    faces.append(np.stack([at[-1], np.roll(at[-1], -1), np.full(around, last)], axis=1))
    mesh = trimesh.Trimesh(
        np.concatenate([rings.reshape(-1, 3), ends]), np.concatenate(faces), process=False
    )
    if mesh.volume < 0:
        mesh.invert()
    return mesh


def _house(
    low: float,
    high: float,
    front: float,
    back: float,
    half: float,
    lean: float = 0.0,
    tail: float = 0.0,
) -> trimesh.Trimesh:
    """A block from height low to high, front to back along z, 2 * half broad.

    lean, tail: how far its front and back lean inwards on the way up.
    """
    box = trimesh.creation.box((2 * half, high - low, back - front))
    box.apply_translation((0, (low + high) / 2, (front + back) / 2))
    top, ahead = box.vertices[:, 1] > (low + high) / 2, box.vertices[:, 2] < (front + back) / 2
    box.vertices[top & ahead, 2] += lean
    box.vertices[top & ~ahead, 2] -= tail
    return box


def _funnel(low: float, high: float, z: float, radius: float, x: float = 0.0) -> trimesh.Trimesh:
    pipe = trimesh.creation.cylinder(radius, high - low, sections=16)
    pipe.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
    pipe.apply_translation((x, (low + high) / 2, z))
    return pipe


Made = tuple[Hull, list[trimesh.Trimesh]]


def _tiers(
    hull: Hull, rng: np.random.Generator, front: float, back: float, count: int, width: float
) -> tuple[list[trimesh.Trimesh], float, float, float]:
    """Storeys that get smaller; also the top's height, its front and its back."""
    half = width * float(hull.half_beam(np.array([front, back])).min())
    low = hull.deck((front + back) / 2)
    storey = rng.uniform(0.055, 0.075)
    parts = []
    for _ in range(count):
        parts.append(
            _house(low - _SUNK, low + storey, front, back, half, lean=rng.uniform(0, 0.015))
        )
        low, half = low + storey, half * rng.uniform(0.82, 0.97)
        front, back = front + rng.uniform(0.01, 0.03), back - rng.uniform(0.01, 0.04)
    return parts, low, front, back


def _freighter(rng: np.random.Generator) -> Made:
    hull = _ship(rng, (0.19, 0.24), (0.12, 0.16), stern=(0.75, 0.95), well=0.02)
    front = rng.uniform(0.7, 0.76)
    parts, top, _, last = _tiers(hull, rng, front, 0.93, int(rng.integers(2, 4)), 0.8)
    parts.append(_funnel(top - _SUNK, top + rng.uniform(0.05, 0.08), last - 0.04, 0.03))
    holds = int(rng.integers(2, 5))
    edges = np.linspace(0.24, front - 0.03, holds + 1)
    height, half = rng.uniform(0.03, 0.09), rng.uniform(0.3, 0.4) * hull.beam
    for start, end in zip(edges[:-1], edges[1:] - 0.025, strict=True):
        low = hull.deck((start + end) / 2)
        parts.append(_house(low - _SUNK, low + height, start, end, half))
    return hull, parts


def _tug(rng: np.random.Generator) -> Made:
    hull = _ship(rng, (0.3, 0.38), (0.17, 0.22), stern=(0.7, 0.9), well=0.05)
    front = rng.uniform(0.24, 0.32)
    parts, top, _, last = _tiers(
        hull, rng, front, rng.uniform(0.6, 0.68), 1 + int(rng.integers(1, 3)), 0.66
    )
    parts.append(_funnel(top - 0.08, top + rng.uniform(0.05, 0.1), last - 0.04, 0.045))
    return hull, parts


def _liner(rng: np.random.Generator) -> Made:
    hull = _ship(rng, (0.2, 0.25), (0.13, 0.17), stern=(0.6, 0.85), well=0.0)
    parts, top, front, back = _tiers(
        hull, rng, rng.uniform(0.2, 0.28), rng.uniform(0.85, 0.93), int(rng.integers(2, 5)), 0.9
    )
    count = int(rng.integers(1, 4))
    high, radius = rng.uniform(0.07, 0.11), rng.uniform(0.03, 0.042)
    for z in np.linspace(front + 0.12, back - 0.12, count) if count > 1 else [back - 0.2]:
        parts.append(_funnel(top - _SUNK, top + high, float(z), radius))
    return hull, parts


def _trawler(rng: np.random.Generator) -> Made:
    hull = _ship(rng, (0.28, 0.34), (0.16, 0.21), stern=(0.65, 0.85), well=0.06)
    front = rng.uniform(0.56, 0.62) if rng.random() < 0.5 else rng.uniform(0.24, 0.3)
    parts, top, _, last = _tiers(hull, rng, front, front + 0.27, 2, 0.68)
    low = hull.deck(0.5)
    if front > 0.5:
        parts.append(_house(low - _SUNK, low + 0.05, 0.32, 0.47, 0.08))
    parts.append(_funnel(top - 0.05, top + 0.06, last - 0.03, 0.028))
    return hull, parts


def _motorboat(rng: np.random.Generator) -> Made:
    hull = _ship(rng, (0.32, 0.4), (0.14, 0.19), stern=(0.85, 1.0), well=0.05, fore=(0.5, 0.65))
    front, back = rng.uniform(0.3, 0.36), rng.uniform(0.62, 0.74)
    half = 0.72 * float(hull.half_beam(np.array([front]))[0])
    low = hull.deck(front)
    high = low + rng.uniform(0.13, 0.17)
    parts = [_house(low - 0.05, high, front, back, half, lean=0.1, tail=0.01)]
    if rng.random() < 0.5:
        parts.append(_house(low - 0.05, low + 0.055, 0.16, front + 0.05, 0.6 * half, lean=0.05))
    return hull, parts


def _rowboat(rng: np.random.Generator) -> Made:
    hull = _ship(
        rng, (0.34, 0.44), (0.15, 0.19), stern=(0.5, 0.85), well=0.1, fore=(0.5, 0.65), wall=0.03
    )
    parts = []
    for z in np.linspace(0.32, 0.8, int(rng.integers(2, 4))):
        low = hull.deck(float(z)) + 0.045
        half = hull.half_at(float(z), low) - 0.5 * hull.wall
        parts.append(_house(low, low + 0.03, z - 0.04, z + 0.04, half))
    return hull, parts


def _ferry(rng: np.random.Generator) -> Made:
    hull = _ship(rng, (0.24, 0.3), (0.11, 0.15), stern=(0.85, 1.0), well=0.0, fore=(0.3, 0.4))
    parts, top, front, back = _tiers(
        hull, rng, rng.uniform(0.18, 0.24), rng.uniform(0.9, 0.96), 2, 0.92
    )
    bridge = front + rng.uniform(0.0, 0.03)
    parts.append(_house(top - _SUNK, top + 0.05, bridge, bridge + 0.13, 0.3 * hull.beam, 0.015))
    for x in (-0.22, 0.22) if rng.random() < 0.5 else (0.0,):
        parts.append(_funnel(top - _SUNK, top + 0.08, back - 0.16, 0.032, x * hull.beam))
    return hull, parts


def _warship(rng: np.random.Generator) -> Made:
    hull = _ship(rng, (0.19, 0.24), (0.12, 0.16), stern=(0.6, 0.8), well=0.0, fore=(0.5, 0.65))
    parts, top, _, back = _tiers(
        hull, rng, rng.uniform(0.36, 0.42), rng.uniform(0.68, 0.74), int(rng.integers(2, 4)), 0.7
    )
    parts.append(_funnel(top - 0.06, top + 0.06, back - 0.02, 0.032))
    for z, way in ((rng.uniform(0.23, 0.27), -1), (rng.uniform(0.83, 0.87), 1)):
        low = hull.deck(z)
        parts.append(_house(low - _SUNK, low + 0.05, z - 0.04, z + 0.04, 0.045, 0.01, 0.01))
        ends = sorted((z, z + way * 0.11))
        parts.append(_house(low + 0.015, low + 0.042, ends[0], ends[1], 0.014))
    return hull, parts


def _ship(
    rng: np.random.Generator,
    beam: tuple[float, float],
    depth: tuple[float, float],
    *,
    stern: tuple[float, float],
    well: float,
    fore: tuple[float, float] = (0.3, 0.5),
    wall: float = 0.022,
) -> Hull:
    return Hull(
        rng.uniform(*beam),
        rng.uniform(*depth),
        rng.uniform(*fore),
        rng.uniform(*stern),
        rng.uniform(0.02, 0.07),
        rng.uniform(0.02, 0.1),
        rng.uniform(1.6, 3.5),
        well,
        wall,
    )


KINDS: dict[str, Callable[[np.random.Generator], Made]] = {
    "freighter": _freighter,
    "tug": _tug,
    "liner": _liner,
    "trawler": _trawler,
    "motorboat": _motorboat,
    "rowboat": _rowboat,
    "ferry": _ferry,
    "warship": _warship,
}
