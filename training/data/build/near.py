"""How far labelled points are from the surface, stored so that training need not find it each time.

Finding them takes a search tree per shape, some 20 times as long as reading its files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from onet_core.errors import InputError
from onet_core.mesh.files import replacing

from ..datasets.files import read_arrays, read_points
from ..datasets.sampling import (
    DISTANCES_FILE,
    FARTHEST,
    NEAR_DISTANCE,
    NEAR_FILE,
    surface_distances,
)
from .processes import in_processes


def near_files(
    points: NDArray[np.floating], surface: NDArray[np.floating]
) -> dict[str, NDArray[Any]]:
    """What the files of points (N, 3) hold by their names: for each of them a bit, set where it is
    near the surface (M, 3), and its distance from it, float16, up to FARTHEST."""
    distances = surface_distances(points, surface, FARTHEST)
    return {
        NEAR_FILE: np.packbits(distances < NEAR_DISTANCE),
        DISTANCES_FILE: distances.astype(np.float16),
    }


def add_near(folder: Path) -> str:
    """Writes a shape's `near.npy` and `distances.npy`, each whole or not at all.

    Returns what is wrong with the shape, or nothing.

    Raises OnetError where the disk can't be written.
    """
    try:
        points = read_points(folder / "points.npz").points
        surface = read_arrays(folder / "pointcloud.npz", ("points",))["points"]
        files = near_files(points, surface)
    except InputError as error:
        return str(error)
    for name, values in files.items():
        with replacing(folder / name) as file:
            np.save(file, values)
    return ""


def add_near_to_all(root: Path, workers: int = 1, progress: bool = False) -> list[str]:
    """Writes `near.npy` and `distances.npy` for every shape of a dataset.

    Returns a sentence for each unusable one.

    Raises InputError where there are no shapes, OnetError where the disk can't be written.
    """
    folders = sorted(path.parent for path in root.glob("*/[!.]*/points.npz"))
    if not folders:
        raise InputError(f"There are no shapes in {root}.")
    done = tqdm(_each(folders, workers), total=len(folders), unit="shape", disable=not progress)
    return [wrong for wrong in done if wrong]


def _each(folders: Sequence[Path], workers: int) -> Iterator[str]:
    for _, wrong in in_processes(add_near, folders, workers=workers):
        yield wrong
