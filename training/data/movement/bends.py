"""Movements of any shape: it bends, twists, swells, waves and has joints that turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Places = NDArray[np.float64]
Bend = Callable[[Places, float], Places]
"""Moves places (N, 3) by a strength, 0 for none."""


def smooth_way(stops: Places, steps: int) -> Places:
    """(steps, ...) values that go from the first of the stops (K, ...) to the last.

    They start, arrive at each stop and end at rest, as limbs do.
    """
    place = np.linspace(0, len(stops) - 1, steps)
    before = np.minimum(place.astype(int), len(stops) - 2)
    share = place - before
    share = share * share * (3 - 2 * share)
    share = share.reshape(-1, *([1] * (stops.ndim - 1)))
    return (1 - share) * stops[before] + share * stops[before + 1]


def random_movement(rng: np.random.Generator, steps: int) -> Callable[[Places], Places]:
    """A function that takes places (N, 3) in the unit cube to all steps, (steps, N, 3)."""
    bends = [_joint(rng) for _ in range(int(rng.integers(1, 4)))]
    others = [_bent, _twisted, _waved, _swollen]
    bends += [others[kind](rng) for kind in rng.choice(4, int(rng.integers(0, 3)), replace=False)]
    ways = [smooth_way(_strengths(rng), steps) for _ in bends]
    turns = smooth_way(np.stack([np.zeros(3), rng.normal(0, 0.25, 3)]), steps)
    shifts = smooth_way(np.stack([np.zeros(3), rng.normal(0, 0.1, 3)]), steps)

    def moved(places: Places) -> Places:
        found = []
        for step in range(steps):
            now = places
            for bend, way in zip(bends, ways, strict=True):
                now = bend(now, float(way[step]))
            found.append(Rotation.from_rotvec(turns[step]).apply(now) + shifts[step])
        return np.stack(found)

    return moved


def _strengths(rng: np.random.Generator) -> Places:
    """Of two or three stops, the first of which need not be at rest."""
    return rng.normal(0, 1, int(rng.integers(2, 4))) * 0.8


def _direction(rng: np.random.Generator) -> Places:
    found = rng.normal(size=3)
    return found / np.linalg.norm(found)


def _eased(values: Places) -> Places:
    """From 0 below 0 to 1 above 1, smooth."""
    share = np.clip(values, 0, 1)
    return share * share * (3 - 2 * share)


def _joint(rng: np.random.Generator) -> Bend:
    """What lies beyond a plane turns about a line in it; skin between stretches."""
    normal, middle = _direction(rng), rng.uniform(-0.3, 0.3, 3)
    axis = np.cross(normal, _direction(rng))
    axis /= max(float(np.linalg.norm(axis)), 1e-9)
    width, most = rng.uniform(0.04, 0.15), rng.uniform(0.3, 1.1)

    def bend(places: Places, strength: float) -> Places:
        share = _eased(((places - middle) @ normal) / width + 0.5)
        angles = (most * strength * share)[:, None] * axis
        return Rotation.from_rotvec(angles).apply(places - middle) + middle

    return bend


def _bent(rng: np.random.Generator) -> Bend:
    """Like a bow: the turn grows along a direction."""
    along, axis, most = _direction(rng), _direction(rng), rng.uniform(0.4, 1.2)
    axis = axis - (axis @ along) * along
    axis /= max(float(np.linalg.norm(axis)), 1e-9)

    def bend(places: Places, strength: float) -> Places:
        # Rotations of what lies at a height, about the middle line's place there.
        height = places @ along
        angles = most * strength * height
        middle = height[:, None] * along
        turned = Rotation.from_rotvec(angles[:, None] * axis).apply(places - middle)
        curve = most * strength
        if abs(curve) < 1e-6:
            return turned + middle
        side = np.cross(axis, along)
        line = np.sin(angles)[:, None] * along + (1 - np.cos(angles))[:, None] * side
        return turned + line / curve

    return bend


def _twisted(rng: np.random.Generator) -> Bend:
    along, most = _direction(rng), rng.uniform(0.5, 1.5)

    def bend(places: Places, strength: float) -> Places:
        angles = (most * strength * (places @ along))[:, None] * along
        return Rotation.from_rotvec(angles).apply(places)

    return bend


def _waved(rng: np.random.Generator) -> Bend:
    along, aside = _direction(rng), _direction(rng)
    length, phase, most = rng.uniform(3, 9), rng.uniform(0, 6.3), rng.uniform(0.02, 0.08)

    def bend(places: Places, strength: float) -> Places:
        return (
            places + (most * strength * np.sin(length * (places @ along) + phase))[:, None] * aside
        )

    return bend


def _swollen(rng: np.random.Generator) -> Bend:
    """Longer along a direction and thinner across it, of the same volume."""
    along, most = _direction(rng), rng.uniform(0.1, 0.3)

    def bend(places: Places, strength: float) -> Places:
        stretch = np.exp(most * strength)
        height = (places @ along)[:, None] * along
        return height * stretch + (places - height) / np.sqrt(stretch)

    return bend
