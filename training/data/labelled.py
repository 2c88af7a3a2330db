"""The ground truth of a shape as the evaluation reads it, from the original's layout."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError

from .datasets.files import read_arrays, read_points

# The original breaks the ties of 16-bit coordinates by noise of this deviation.
JITTER = 1e-4


@dataclass(frozen=True, eq=False)
class LabelledShape:
    """One shape of a dataset, in the network's frame.

    points: (N, 3) float32 in the box of edge 1.1.
    occupancies: (N,) bool.
    surface_points: (M, 3) float32.
    surface_normals: (M, 3) float32.
    folder: where its files are.
    """

    category: str
    name: str
    folder: Path
    points: NDArray[np.float32]
    occupancies: NDArray[np.bool_]
    surface_points: NDArray[np.float32]
    surface_normals: NDArray[np.float32]


def list_shapes(
    root: Path, split: str, categories: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """(category, name) of every shape of a split, in the order of the lists.

    split: the lists' name; "train:8" for no more than the first eight shapes of each category.
    categories: None for every folder that has a list of that split. Raises InputError where the
    dataset, a named category's list, or every shape is missing.
    """
    split, _, count = split.partition(":")
    if count and not count.isdecimal():
        raise InputError(f"How many shapes of {split!r} must be a whole number, not {count!r}.")
    if not root.is_dir():
        raise InputError(f"There is no dataset folder {root}.")
    if categories is None:
        categories = sorted(path.parent.name for path in root.glob(f"*/{split}.lst"))
    shapes = []
    for category in categories:
        listing = root / category / f"{split}.lst"
        if not listing.is_file():
            raise InputError(f"The category {category!r} has no list {listing}.")
        names = listing.read_text(encoding="utf-8").split("\n")
        found = [(category, name.strip()) for name in names if name.strip()]
        shapes += found[: int(count)] if count else found
    if not shapes:
        raise InputError(f"The dataset {root} has no shapes in its split {split!r}.")
    return shapes


def read_shape(root: Path, category: str, name: str) -> LabelledShape:
    """Reads points.npz and pointcloud.npz of one shape.

    Raises InputError, naming the file, where one is missing, damaged or of another layout.
    """
    folder = root / category / name
    labels = read_points(folder / "points.npz")
    points = _coordinates(labels.points, folder / "points.npz")
    if labels.points.dtype == np.float16:
        rng = np.random.default_rng(zlib.crc32(f"{category}/{name}".encode()))
        points += JITTER * rng.standard_normal(points.shape, dtype=np.float32)
    occupancies = np.unpackbits(labels.packed, count=len(points)).view(bool)
    surface = read_arrays(folder / "pointcloud.npz", ("points", "normals"))
    surface_points = _coordinates(surface["points"], folder / "pointcloud.npz")
    surface_normals = _coordinates(surface["normals"], folder / "pointcloud.npz")
    if len(surface_points) != len(surface_normals):
        raise InputError(f"{folder / 'pointcloud.npz'} has not one normal for each of its points.")
    return LabelledShape(
        category, name, folder, points, occupancies, surface_points, surface_normals
    )


def _coordinates(values: NDArray[Any], path: Path) -> NDArray[np.float32]:
    if values.ndim != 2 or values.shape[1] != 3 or len(values) == 0:
        raise InputError(f"{path} should hold rows of x, y, z, but has the shape {values.shape}.")
    coordinates = values.astype(np.float32)
    if not np.isfinite(coordinates).all():
        raise InputError(f"{path} holds coordinates that are not finite numbers.")
    return coordinates


def thinned(
    shape: LabelledShape, *, labels: int | None = None, surface: int | None = None, seed: int = 0
) -> LabelledShape:
    """The shape with a random part of its labelled points and surface points.

    None keeps all.
    """
    rng = np.random.default_rng(seed)

    def chosen(total: int, wanted: int | None) -> NDArray[np.int64] | slice:
        if wanted is None or wanted >= total:
            return slice(None)
        return rng.choice(total, wanted, replace=False)

    among_labels = chosen(len(shape.points), labels)
    on_surface = chosen(len(shape.surface_points), surface)
    return replace(
        shape,
        points=shape.points[among_labels],
        occupancies=shape.occupancies[among_labels],
        surface_points=shape.surface_points[on_surface],
        surface_normals=shape.surface_normals[on_surface],
    )
