"""Shapes in the original's layout as training items: query points with labels, and an input.

Random draws come from torch's generator while training, so seeding torch (as Lightning does, in
every worker) repeats a run; in validation they depend on the shape alone, so that two validations
of a run differ by the weights only.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch.utils.data import Dataset

from onet_core.errors import InputError
from onet_core.inputs.observation import VOXEL_RESOLUTION
from onet_core.kinds import NAMES as INPUT_KINDS

from ..labelled import JITTER, list_shapes
from .files import LabelledPoints
from .sampling import BY_DISTANCE, FEW_POINTS, check_sampling, draw_halves, softened
from .shape_files import CACHE_BYTES, POINTS_FILE, Names, ShapeFiles

Item = dict[str, NDArray[Any]]

# Of the shapes, how many may turn out to be damaged before that is taken for a broken dataset.
DAMAGED_SHARE = 0.1
_CROP_AREA = (0.75, 1.0)
# In units of it. Beyond, an occupancy is within 0.003 of 0 or 1.
_SOFTNESS_REACH = 6.0


class ShapeDataset(Dataset[Item]):
    """The shapes of a split.

    An item holds float32 arrays: `points` (T, 3) and `occupancies` (T,) of 0 and 1, or between
    where they are softened, drawn with replacement from the labelled points; with the samplings
    `near` and `tempered` also `weights` (T,); `inputs`; and, where `points_iou` is given,
    `points_iou` (N, 3) and `occupancies_iou` (N,). `inputs` is by kind:

    points: (input_points, 3), drawn with replacement from the surface samples, with Gaussian noise
    of deviation `input_noise`, in every split, or while training, where it is given, of one drawn
    evenly from `input_noise_range` for each item; voxels: (32, 32, 32) along x, y, z; image:
    (3, S, S) in [0, 1], a random view while training and else the first; none: (0,); index: (),
    the shape's place in the list as an integer.

    All coordinates are in the network's frame. 16-bit points are moved by noise of 1e-4 at every
    reading, which breaks their ties. (ONET_FACTS: im2mesh/data)
    """

    def __init__(
        self,
        root: Path,
        split: str,
        input_kind: str,
        *,
        categories: Sequence[str] | None = None,
        points: int = 2048,
        sampling: str = "uniform",
        softness: float = 0.0,
        points_file: str = POINTS_FILE,
        pointcloud_file: str = "pointcloud.npz",
        voxels_file: str = "model.binvox",
        image_folder: str = "img_choy2016",
        input_points: int = 300,
        input_noise: float = 0.005,
        input_noise_range: Sequence[float] | None = None,
        image_size: int = 224,
        image_augment: bool = False,
        train: bool = True,
        points_iou: int | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Lists the shapes; nothing of them is read yet.

        sampling: how query points are drawn, one of `training.data.datasets.sampling.SAMPLINGS`.
        softness: of the occupancies, see `sampling.softened`, 0 for none.
        image_augment: random square crops of 75 to 100 % of the area, else the central square.
        points_iou: how many labelled points each item has, the same each time. cache_bytes: how
        much all workers together may keep in memory. A listed shape without its points is left out,
        with a warning, and so is one that turns out to be damaged when it is read. Raises
        InputError where there is nothing to read.
        """
        if input_kind not in INPUT_KINDS:
            raise InputError(
                f"The input kind {input_kind!r} is unknown; there are {', '.join(INPUT_KINDS)}."
            )
        check_sampling(sampling, points)
        if softness < 0:
            raise InputError(f"Occupancies can't have a softness of {softness:g}; 0 is none.")
        self.input_kind = input_kind
        self.points = FEW_POINTS if sampling == "uniform64" else points
        self.sampling = sampling
        self.softness = softness
        self.input_points = input_points
        self.input_noise = input_noise
        self.input_noise_range = input_noise_range if train else None
        self.image_size = image_size
        self.image_augment = image_augment
        self.train = train
        self.points_iou = points_iou
        listed = list_shapes(root, split, categories)
        self.shapes = [
            (category, name)
            for category, name in listed
            if (root / category / name / points_file).is_file()
        ]
        folders = [root / category / name for category, name in self.shapes]
        names = Names(points_file, pointcloud_file, voxels_file, image_folder)
        self.files = ShapeFiles(folders, names, cache_bytes)
        missing = sorted(set(listed) - set(self.shapes))
        if not self.shapes:
            raise InputError(f"No shape of the split {split!r} in {root} has a {points_file}.")
        if missing:
            logging.getLogger(__name__).warning(
                "%d of %d shapes of the split %r in %s have no %s and are left out, such as %s.",
                len(missing),
                len(listed),
                split,
                root,
                points_file,
                "/".join(missing[0]),
            )
        self.damaged: set[int] = set()

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, index: int) -> Item:
        """One shape; the next one in the place of a damaged one, which is logged once.

        Raises InputError, naming the file, where that is more than a tenth of the shapes (at least
        one may be) or all of them.
        """
        for place in range(index, index + len(self.shapes)):
            chosen = place % len(self.shapes)
            if chosen in self.damaged:
                continue
            try:
                return self._item(chosen)
            except InputError as error:
                self._leave_out(chosen, error)
        raise InputError("Not one shape of the dataset can be read.")

    def _leave_out(self, index: int, error: InputError) -> None:
        """Logs a damaged shape. Raises InputError where there are too many of them."""
        self.damaged.add(index)
        count, total = len(self.damaged), len(self.shapes)
        if count == total or count > max(1, DAMAGED_SHARE * total):
            raise InputError(
                f"{count} of {total} shapes can't be read, too many to go on: {error} "
                "Build the dataset again, or take the shapes out of its lists."
            ) from error
        logging.getLogger(__name__).warning(
            "%s is left out, %d of %d so far: %s", "/".join(self.shapes[index]), count, total, error
        )

    def _item(self, index: int) -> Item:
        rng = self._generator(index)
        labelled = self.files.labelled(index)
        item = {"inputs": self._input(index, rng)}
        chosen, weights = self._query(index, labelled, rng)
        if weights is not None:
            item["weights"] = weights
        item["points"] = _jittered(labelled.points[chosen], rng)
        item["occupancies"] = labelled.labels(chosen)
        if self.softness:
            farthest = _SOFTNESS_REACH * self.softness
            distances = self.files.distances(index, labelled, farthest)[chosen]
            item["occupancies"] = softened(item["occupancies"], distances, self.softness)
        if self.points_iou is not None:
            fixed = np.random.default_rng(self._seed(index))
            total = len(labelled.points)
            # Always the same number, so that shapes with fewer points fit into a batch with others.
            among = fixed.choice(total, self.points_iou, replace=self.points_iou > total)
            item["points_iou"] = _jittered(labelled.points[among], fixed)
            item["occupancies_iou"] = labelled.labels(among)
        return item

    def _seed(self, index: int) -> int:
        return zlib.crc32("/".join(self.shapes[index]).encode())

    def _generator(self, index: int) -> np.random.Generator:
        if self.train:
            return np.random.default_rng(int(torch.randint(2**62, ())))
        return np.random.default_rng(self._seed(index))

    def _query(
        self, index: int, labelled: LabelledPoints, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
        total = len(labelled.points)
        if self.sampling == "equal":
            inside = np.unpackbits(labelled.packed, count=total).view(bool)
            return draw_halves(inside, self.points, rng)[0], None
        if self.sampling in BY_DISTANCE:
            near = np.unpackbits(self.files.near(index, labelled), count=total).view(bool)
            chosen, weights = draw_halves(near, self.points, rng)
            if self.sampling == "tempered":
                weights = np.sqrt(weights)
                weights /= weights.mean()
            return chosen, None if self.sampling == "surface" else weights
        return rng.integers(total, size=self.points), None

    def _input(self, index: int, rng: np.random.Generator) -> NDArray[np.float32]:
        if self.input_kind == "points":
            surface = self.files.surface(index)
            cloud = surface[rng.integers(len(surface), size=self.input_points)].astype(np.float32)
            deviation = self.input_noise
            if self.input_noise_range is not None:
                low, high = self.input_noise_range
                deviation = rng.uniform(low, high)
            noise = rng.standard_normal(cloud.shape, dtype=np.float32)
            return cloud + np.float32(deviation) * noise
        if self.input_kind == "voxels":
            cells = np.unpackbits(self.files.voxels(index)).astype(np.float32)
            return cells.reshape((VOXEL_RESOLUTION,) * 3)
        if self.input_kind == "image":
            return self._view(index, rng)
        if self.input_kind == "index":
            return np.array(index, dtype=np.int64)
        return np.zeros(0, dtype=np.float32)

    def _view(self, index: int, rng: np.random.Generator) -> NDArray[np.float32]:
        views = self.files.views(index, only_first=not self.train)
        name, content = views[int(rng.integers(len(views)))]
        try:
            with Image.open(io.BytesIO(content)) as file:
                picture = file.convert("RGB")
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            path = self.files.folders[index] / self.files.names.images / name
            raise InputError(f"{path} is not a readable picture: {error}.") from error
        edge = min(picture.size)
        if self.train and self.image_augment:
            edge = max(1, round(edge * float(np.sqrt(rng.uniform(*_CROP_AREA)))))
            left = int(rng.integers(picture.width - edge + 1))
            top = int(rng.integers(picture.height - edge + 1))
        else:
            left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
        size = (self.image_size, self.image_size)
        box = (left, top, left + edge, top + edge)
        resized = picture.resize(size, Image.Resampling.BILINEAR, box=box)
        pixels = np.asarray(resized).transpose(2, 0, 1)
        return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


def _jittered(points: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    if points.dtype != np.float16:
        return points.astype(np.float32)
    noise = rng.standard_normal(points.shape, dtype=np.float32)
    return points.astype(np.float32) + np.float32(JITTER) * noise
