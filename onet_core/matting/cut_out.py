"""A picture -> a mask of what it is of."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from . import place
from .network import CONVOLUTIONS, EDGE, ObjectNetwork
from .onnx_file import read_convolutions


def object_mask(colours: NDArray[np.uint8], file: Path) -> NDArray[np.uint8]:
    """Where a picture (H, W, 3) shows its object: (H, W), 255 is object.

    file: of the network, see `place`. All is 0 where it finds nothing. Raises InputError where the
    file is missing or damaged.
    """
    network = _network(file, _mark_of(file))
    height, width = colours.shape[:2]
    square = Image.fromarray(colours).resize((EDGE, EDGE), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(square, dtype=np.float32).transpose(2, 0, 1))
    # As the weights' keepers do it: the brightest value is 1.
    found = network((pixels / pixels.max().clamp_min(1e-6))[None])[0].numpy()
    mask = Image.fromarray(np.round(found * 255).astype(np.uint8))
    return np.array(mask.resize((width, height), Image.Resampling.BILINEAR))


def _mark_of(file: Path) -> tuple[int, int]:
    """What changes when the file does."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=1)
def _network(file: Path, mark: tuple[int, int]) -> ObjectNetwork:
    content = place.content_of(file)
    try:
        convolutions = read_convolutions(content)
        assert len(convolutions) == CONVOLUTIONS
        return ObjectNetwork(convolutions)
    except (ValueError, AssertionError) as error:
        raise InputError(
            "{file} is damaged or another file than {name}: fetch it again.",
            file=file,
            name=place.NAME,
        ) from error
