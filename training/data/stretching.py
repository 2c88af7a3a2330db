"""Uneven stretching, so that a network sees more shapes than there are.

Each axis is stretched by a smooth, growing function of its own: legs get longer than backs, wings
wider than hulls, and what is straight along an axis stays straight. Left and right are stretched
alike, so that symmetric shapes stay so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Deviations of the logarithm of how much an axis is stretched: as a whole, and by each wave.
_WHOLE, _WAVE = 0.18, 0.22
# No part gets more than twice as long or short.
_MOST = 0.7
_WAVES = (1, 2)
_STEPS = 601


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
