"""What datasets are built from: a list of shapes, each read when its turn comes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.files import is_folder
from onet_core.kinds import MESH_ENDINGS

from .normalise import Triangles


def find_meshes(folder: Path) -> list[Path]:
    """All mesh files below a folder, in order. Raises InputError where there are none."""
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in MESH_ENDINGS
        and not is_folder(path)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise InputError(f"There are no meshes in {folder}.")
    return found


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
