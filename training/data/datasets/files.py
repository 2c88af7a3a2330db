"""Reading the arrays of a dataset, kept as small as they lie on disk."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError


@dataclass(frozen=True, eq=False)
class LabelledPoints:
    """Query points (N, 3), float16 or float32, and one bit for each: set where it is inside."""

    points: NDArray[np.floating]
    packed: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.points.nbytes + self.packed.nbytes

    def labels(self, chosen: NDArray[np.integer]) -> NDArray[np.float32]:
        """1 for those of the chosen points (T,) that are inside, else 0."""
        bits = self.packed[chosen >> 3] >> (7 - (chosen & 7)).astype(np.uint8)
        return (bits & 1).astype(np.float32)


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The named arrays of an .npz file. Raises InputError where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in names}
    except FileNotFoundError as error:
        raise InputError(f"The file {path} is missing.") from error
    except KeyError as error:
        raise InputError(f"{path} lacks one of the arrays {', '.join(names)}.") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}.") from error


def read_array(path: Path) -> NDArray[Any]:
    """The array of an .npy file. Raises InputError where it is missing or damaged."""
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"The file {path} is missing.") from error
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is damaged: {error}.") from error
    if not isinstance(found, np.ndarray):
        found.close()
        raise InputError(f"{path} should hold one array, but holds several.")
    return found


def all_finite(values: NDArray[np.floating]) -> bool:
    """Whether no value is infinite or not a number."""
    if values.dtype == np.float16:
        # By the bits of the exponent: numpy converts each half to a float first.
        return bool(((values.view(np.uint16) & 0x7C00) != 0x7C00).all())
    return bool(np.isfinite(values).all())


def read_points(path: Path) -> LabelledPoints:
    """Reads points.npz; `occupancies` may be packed bits (the first is the highest) or one each.

    Raises InputError, naming the file, where it is missing, damaged or of another layout.
    """
    arrays = read_arrays(path, ("points", "occupancies"))
    points, labels = arrays["points"], arrays["occupancies"]
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0 or points.dtype.kind != "f":
        raise InputError(f"{path} should hold rows of x, y, z, but has {points.shape}.")
    if labels.dtype == np.uint8 and labels.shape == ((len(points) + 7) // 8,):
        packed = labels
    elif labels.shape == (len(points),):
        packed = np.packbits(labels >= 0.5)
    else:
        raise InputError(f"{path} has not one label for each of its points.")
    if not all_finite(points):
        raise InputError(f"{path} holds coordinates that are not finite numbers.")
    if points.dtype != np.float16:
        points = points.astype(np.float32)
    return LabelledPoints(points, packed)
