"""What a network is shown of a test shape: drawn as in training, but repeatably."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from onet_core.errors import InputError
from onet_core.inputs.formats.binvox import read_binvox
from onet_core.inputs.frame import Frame
from onet_core.inputs.observation import VOXEL_RESOLUTION, Observation
from onet_core.models.description import ModelDescription

from .conditions import PLAIN, Conditions, turned_frame, with_holes, with_outliers
from .labelled import LabelledShape

IMAGE_FOLDER = "img_choy2016"
VOXELS_FILE = "model.binvox"
# The dataset's frame is the network's, so what comes back is in the frame of the labels.
NETWORK_FRAME = Frame.unit("y")


def observe(
    shape: LabelledShape,
    description: ModelDescription,
    seed: int = 0,
    conditions: Conditions = PLAIN,
) -> Observation | None:
    """The observation of a test shape that a model reads; None for one that sees nothing of it.

    The same for every model of a kind with the same number of points and noise. Its frame leads
    back to that of the labels. Pictures are the first view, as in the original. Raises InputError,
    naming the file, where it is missing or damaged.
    """
    kind, name = description.input_kind, f"{shape.category}/{shape.name}"
    if kind == "points":
        count = int(description.inputs.get("points", 300))
        noise = float(description.inputs.get("noise", 0.0))
        return _observe_points(shape, count, noise, seed, conditions)
    if kind == "voxels":
        voxels = read_voxels(shape.folder).astype(np.float32)
        return Observation("voxels", voxels, NETWORK_FRAME, name)
    if kind == "image":
        size = int(description.inputs.get("image_size", 224))
        return Observation("image", read_view(shape.folder, size), NETWORK_FRAME, name)
    if kind in ("none", "index"):
        return None
    raise InputError(f"Models that read {kind!r} can't be evaluated on a dataset.")


def _observe_points(
    shape: LabelledShape, count: int, noise: float, seed: int, conditions: Conditions
) -> Observation:
    """Points drawn with replacement from the surface and moved by Gaussian noise.

    What is missing, what lies outside and how the shape is turned have random numbers of their own,
    so that the same points are drawn with and without outliers or a turn.
    """
    name = f"{shape.category}/{shape.name}"

    def generator(*purpose: int) -> np.random.Generator:
        return np.random.default_rng([seed, zlib.crc32(name.encode()), *purpose])

    surface: NDArray[np.floating] = shape.surface_points
    frame = NETWORK_FRAME
    if conditions.turn == "any":
        frame = turned_frame(surface, generator(3))
    if conditions.missing:
        surface = with_holes(surface, conditions.missing, generator(1))
    rng = generator()
    drawn: NDArray[np.floating] = surface[rng.integers(len(surface), size=count)]
    if frame is not NETWORK_FRAME:
        drawn = frame.to_network(drawn)
    points: NDArray[np.floating] = drawn + noise * rng.standard_normal(drawn.shape)
    if conditions.outliers:
        points = with_outliers(points, conditions.outliers, generator(2))
    return Observation("points", points.astype(np.float32), frame, name)


def read_voxels(folder: Path) -> NDArray[np.bool_]:
    """The voxels of one shape, (32, 32, 32) along x, y, z over the unit cube."""
    path = folder / VOXELS_FILE
    if not path.is_file():
        raise InputError(f"The file {path} is missing.")
    occupied = read_binvox(path).occupied
    if occupied.shape != (VOXEL_RESOLUTION,) * 3:
        raise InputError(f"{path} should have 32 x 32 x 32 cells, but has {occupied.shape}.")
    return occupied


def list_views(folder: Path) -> list[Path]:
    """The pictures of one shape, in order. Raises InputError where there are none."""
    views = folder / IMAGE_FOLDER
    paths = sorted(path for suffix in ("jpg", "png") for path in views.glob(f"*.{suffix}"))
    if not paths:
        raise InputError(f"There are no pictures in {views}.")
    return paths


def read_view(folder: Path, size: int, view: int = 0) -> NDArray[np.float32]:
    """One view of a shape, (3, size, size) in [0, 1]: as the original resizes it."""
    path = list_views(folder)[view]
    try:
        with Image.open(path) as file:
            picture = file.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is not a readable picture: {error}.") from error
    scale = size / min(picture.size)
    picture = picture.resize(
        (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BILINEAR
    )
    left, top = (picture.width - size) // 2, (picture.height - size) // 2
    picture = picture.crop((left, top, left + size, top + size))
    return np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
