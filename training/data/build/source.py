"""What datasets are built from: a list of shapes, each read when its turn comes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .normalise import Triangles


@dataclass(frozen=True, eq=False)
class NormalisedShape:
    """A shape in the network's frame; original coordinates are loc + scale * normalised."""

    triangles: Triangles
    loc: NDArray[np.float64]
    scale: float


@dataclass(frozen=True)
class Entry(ABC):
    """One shape of a source.

    method: `winding`, `floodfill` or `auto`; see `occupancy.make_solid`.
    """

    category: str
    name: str
    split: str
    method: str = "auto"
    source: str = ""
    licence: str = ""
    credit: str = ""

    @abstractmethod
    def load(self) -> NormalisedShape:
        """Reads the shape. Raises InputError where it can't be used."""
