"""Shapes and stretched variants of each, made from the labelled points instead of the meshes."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..stretching import Stretch
from .files import LabelledPoints, read_arrays, read_points
from .sampling import near_surface, surface_distances
from .shape_files import Names, ShapeFiles
from .shapenet import ShapeDataset

# Variants of each shape beside itself.
VARIANTS = 3


class StretchedFiles(ShapeFiles):
    """The files of every shape, then those of its first variants, of its second ones, ...

    A point is inside of a stretched solid where it was inside before, so nothing is labelled anew;
    as meshes' variants, these are centred again and their longest edge is 1.
    """

    def __init__(self, folders: list[Path], names: Names, cache_bytes: int) -> None:
        self.originals = len(folders)
        super().__init__(folders * (1 + VARIANTS), names, cache_bytes)

    def labelled(self, index: int) -> LabelledPoints:
        """Its query points, moved, and which of them are inside."""

        def read() -> LabelledPoints:
            found = read_points(self.folders[index] / self.names.points)
            return LabelledPoints(self._moved(index, found.points), found.packed)

        return self._cached("points", index, read, lambda found: found.nbytes)

    def surface(self, index: int) -> NDArray[np.floating]:
        """Samples of its surface, moved, (S, 3) float16."""

        def read() -> NDArray[np.floating]:
            path = self.folders[index] / self.names.pointcloud
            return self._moved(index, read_arrays(path, ("points",))["points"])

        return self._cached("surface", index, read, lambda found: found.nbytes)

    def near(self, index: int, labelled: LabelledPoints) -> NDArray[np.uint8]:
        """A bit for each labelled point: set where it is near the surface."""
        if index < self.originals:
            return super().near(index, labelled)

        def find() -> NDArray[np.uint8]:
            return np.packbits(near_surface(labelled.points, self.surface(index)))

        return self._cached("near", index, find, lambda found: found.nbytes)

    def distances(
        self, index: int, labelled: LabelledPoints, farthest: float
    ) -> NDArray[np.float16]:
        """How far each labelled point is from the surface, (N,), `farthest` at most."""
        if index < self.originals:
            return super().distances(index, labelled, farthest)

        def find() -> NDArray[np.float16]:
            found = surface_distances(labelled.points, self.surface(index), farthest)
            return found.astype(np.float16)

        return self._cached(f"distances up to {farthest:g}", index, find, lambda one: one.nbytes)

    def _moved(self, index: int, points: NDArray[np.floating]) -> NDArray[np.floating]:
        if index < self.originals:
            return points.astype(np.float16)
        stretch, middle, edge = self._stretch(index)
        within = np.clip(points, -0.5, 0.5)
        # Around the unit cube, of which a stretching knows, space is only moved.
        return ((stretch(within) + (points - within) - middle) / edge).astype(np.float16)

    def _stretch(self, index: int) -> tuple[Stretch, NDArray[np.float64], float]:
        """A variant's own stretching, and the middle and longest edge of what becomes of it."""

        def draw() -> tuple[Stretch, NDArray[np.float64], float]:
            folder = self.folders[index]
            name = f"{folder.parent.name}/{folder.name}-{index // self.originals}"
            stretch = Stretch.drawn(np.random.default_rng(zlib.crc32(name.encode())))
            path = folder / self.names.pointcloud
            surface = read_arrays(path, ("points",))["points"]
            moved = stretch(surface)
            low, high = moved.min(0), moved.max(0)
            return stretch, (low + high) / 2, float((high - low).max())

        return self._cached("stretch", index, draw, lambda _: 0)


class StretchedShapes(ShapeDataset):
    """`ShapeDataset` with VARIANTS stretched variants of each shape, listed after all originals."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        before = self.files
        self.files = StretchedFiles(list(before.folders), before.names, before.cache_bytes)
        self.shapes = self.shapes * (1 + VARIANTS)
