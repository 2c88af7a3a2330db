"""The files of a dataset's shapes, read when they are asked for and kept while memory lasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import get_worker_info

from onet_core.errors import InputError
from onet_core.inputs.formats.binvox import read_binvox
from onet_core.inputs.observation import VOXEL_RESOLUTION

from .files import LabelledPoints, all_finite, read_array, read_arrays, read_points
from .sampling import DISTANCES_FILE, FARTHEST, NEAR_FILE, near_surface, surface_distances

# What all workers together keep in memory; shapes beyond it are read from disk each time.
CACHE_BYTES = 4 * 1024**3
# The file that the near bits of a shape belong to.
POINTS_FILE = "points.npz"


@dataclass(frozen=True)
class Names:
    """What the files of a shape are called in its folder.

    points: labelled query points.
    pointcloud: samples of the surface.
    voxels: a binvox grid.
    images: the folder of its pictures.
    """

    points: str = POINTS_FILE
    pointcloud: str = "pointcloud.npz"
    voxels: str = "model.binvox"
    images: str = "img_choy2016"


class ShapeFiles:
    """Reads what belongs to each shape. Everything raises InputError that names the file."""

    def __init__(self, folders: Sequence[Path], names: Names, cache_bytes: int) -> None:
        """folders: one for each shape. cache_bytes: see `CACHE_BYTES`."""
        self.folders = folders
        self.names = names
        self.cache_bytes = cache_bytes
        self.cached_bytes = 0
        self._cache: dict[tuple[str, int], Any] = {}

    def labelled(self, index: int) -> LabelledPoints:
        """Its query points and which of them are inside."""
        path = self.folders[index] / self.names.points
        return self._cached("points", index, lambda: read_points(path), lambda found: found.nbytes)

    def near(self, index: int, labelled: LabelledPoints) -> NDArray[np.uint8]:
        """A bit for each labelled point: set where it is near the surface.

        As it was stored with the points of `points.npz`; found here where it was not.
        """
        path = self.folders[index] / NEAR_FILE

        def read() -> NDArray[np.uint8]:
            if self.names.points != POINTS_FILE or not path.is_file():
                return np.packbits(near_surface(labelled.points, self.surface(index)))
            stored = read_array(path)
            if stored.dtype != np.uint8 or stored.shape != labelled.packed.shape:
                raise InputError(
                    f"{path} has not one bit for each point of {POINTS_FILE}: remove it, or make "
                    "it again with `python -m training.data.build near`."
                )
            return stored

        return self._cached("near", index, read, lambda found: found.nbytes)

    def distances(
        self, index: int, labelled: LabelledPoints, farthest: float
    ) -> NDArray[np.float16]:
        """How far each labelled point is from the surface, (N,), or `farthest` where it is farther.

        As it was stored with the points of `points.npz`; found here where it was not.
        """
        path = self.folders[index] / DISTANCES_FILE

        def read() -> NDArray[np.float16]:
            if self.names.points != POINTS_FILE or farthest > FARTHEST or not path.is_file():
                found = surface_distances(labelled.points, self.surface(index), farthest)
                return found.astype(np.float16)
            stored = read_array(path)
            if stored.dtype != np.float16 or stored.shape != labelled.points.shape[:1]:
                raise InputError(
                    f"{path} has not one distance for each point of {POINTS_FILE}: remove it, or "
                    "make it again with `python -m training.data.build near`."
                )
            return np.minimum(stored, np.float16(farthest))

        kind = f"distances up to {farthest:g}"
        return self._cached(kind, index, read, lambda found: found.nbytes)

    def surface(self, index: int) -> NDArray[np.floating]:
        """Samples of its surface, (S, 3) float16."""
        path = self.folders[index] / self.names.pointcloud

        def read() -> NDArray[np.floating]:
            points = read_arrays(path, ("points",))["points"]
            if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
                raise InputError(f"{path} should hold rows of x, y, z, but has {points.shape}.")
            if not all_finite(points):
                raise InputError(f"{path} holds coordinates that are not finite numbers.")
            return points.astype(np.float16, copy=False)

        return self._cached("surface", index, read, lambda found: found.nbytes)

    def voxels(self, index: int) -> NDArray[np.uint8]:
        """A bit for each of its 32^3 cells along x, y, z: set where it is occupied."""
        path = self.folders[index] / self.names.voxels

        def read() -> NDArray[np.uint8]:
            if not path.is_file():
                raise InputError(f"The file {path} is missing.")
            occupied = read_binvox(path).occupied
            if occupied.shape != (VOXEL_RESOLUTION,) * 3:
                raise InputError(
                    f"{path} should have {VOXEL_RESOLUTION}^3 cells, but has {occupied.shape}."
                )
            return np.packbits(occupied)

        return self._cached("voxels", index, read, lambda found: found.nbytes)

    def views(self, index: int, *, only_first: bool) -> list[tuple[str, bytes]]:
        """Names and contents of its pictures, as they lie on disk."""
        folder = self.folders[index] / self.names.images

        def read() -> list[tuple[str, bytes]]:
            paths = sorted(path for path in folder.glob("*") if path.suffix in (".jpg", ".png"))
            if not paths:
                raise InputError(f"There are no pictures in {folder}.")
            chosen = paths[:1] if only_first else paths
            return [(path.name, path.read_bytes()) for path in chosen]

        return self._cached(
            "views", index, read, lambda found: sum(len(content) for _, content in found)
        )

    def _cached(
        self, kind: str, index: int, read: Callable[[], Any], size: Callable[[Any], int]
    ) -> Any:
        key = kind, index
        if key in self._cache:
            return self._cache[key]
        found = read()
        worker = get_worker_info()
        budget = self.cache_bytes // (worker.num_workers if worker else 1)
        if self.cached_bytes + size(found) <= budget:
            self._cache[key] = found
            self.cached_bytes += size(found)
        return found
