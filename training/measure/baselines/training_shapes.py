"""What the baselines keep of a category's training shapes, remembered on disk between runs.

Reading hundreds of shapes and averaging them takes minutes; the outcome only depends on the data,
whose version is part of the file's name.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from onet_core.errors import InputError
from onet_core.mesh.files import replacing

from ...data.labelled import list_shapes, read_shape, thinned
from ...data.observations import read_voxels
from ..provenance import data_version
from .copies import TrainingShapes
from .mean_shapes import MeanShape, mean_shape

# Part of the file's name: raise it when what is computed changes.
VERSION = 1


@dataclass
class CategorySummary:
    """A category's mean shape, what its shapes are found by, and why some could not be used."""

    mean: MeanShape
    index: TrainingShapes
    skipped: list[str] = field(default_factory=list)


def summarise_category(
    root: Path,
    split: str,
    category: str,
    *,
    with_voxels: bool = False,
    cache: Path | None = None,
    advance: Callable[[int], object] = lambda count: None,
) -> CategorySummary:
    """Reads the training shapes of one category, or what an earlier call has kept of them.

    with_voxels: also their voxels. cache: folder for what is kept, None to keep nothing.
    advance: is called with the number of shapes done. Raises InputError where no shape can be used.
    """
    shapes = list_shapes(root, split, [category])
    kind = "voxels" if with_voxels else "labels"
    path = None
    if cache is not None:
        path = cache / f"{category}_{kind}_{data_version(root, shapes)}_{VERSION}.npz"
        kept = _load(path)
        if kept is not None:
            advance(len(shapes))
            return kept
    index, members, skipped = TrainingShapes(), [], []
    for _, name in shapes:
        advance(1)
        try:
            shape = read_shape(root, category, name)
            voxels = read_voxels(shape.folder) if with_voxels else None
        except InputError as error:
            skipped.append(f"(training) {error}")
            continue
        index.add(shape, voxels)
        members.append(thinned(shape, surface=0))
    made = CategorySummary(mean_shape(members), index, skipped)
    # What could not be used may be mended without a change of the labels.
    if path is not None and not skipped:
        _save(path, made)
    return made


def _save(path: Path, made: CategorySummary) -> None:
    index = made.index
    arrays: dict[str, Any] = {
        "names": np.array(index.shapes),
        "occupancy": np.stack(index.occupancy),
        "surface": np.stack(index.surface),
        "distance": np.stack(index.distance),
        "voxels": np.array(index.voxels, dtype=bool),
        "grid": made.mean.grid,
        "numbers": np.array([made.mean.level, made.mean.training_iou]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        np.savez(file, **arrays)


def _load(path: Path) -> CategorySummary | None:
    """What was kept; None where nothing was, or it can't be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    index = TrainingShapes(
        [(str(category), str(name)) for category, name in arrays["names"]],
        list(arrays["occupancy"]),
        list(arrays["surface"]),
        list(arrays["distance"]),
        list(arrays["voxels"]),
    )
    level, iou = arrays["numbers"].tolist()
    return CategorySummary(MeanShape(arrays["grid"], level, iou), index)
