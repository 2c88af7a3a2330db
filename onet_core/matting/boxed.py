"""The object inside a box that the user draws: what lies around it is no part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from ..inputs.pictures import MINIMUM_EDGE, Cutter, prepare_picture
from ..sentences import Sentence


def mask_in_box(
    pixels: NDArray[Any], box: Sequence[float], name: str = "", cutter: Cutter | None = None
) -> NDArray[np.uint8]:
    """A mask (H, W), 255 is object, of what the box shows; without a background all of the box.

    pixels, cutter: see `prepare_picture`; box: left, top, right, bottom as shares of the picture,
    in any order. Raises InputError for a box of fewer than 8 pixels, and where it shows no object.
    """
    height, width = pixels.shape[:2]
    across = sorted(round(float(np.clip(edge, 0, 1)) * width) for edge in (box[0], box[2]))
    down = sorted(round(float(np.clip(edge, 0, 1)) * height) for edge in (box[1], box[3]))
    part = (slice(*down), slice(*across))
    if min(down[1] - down[0], across[1] - across[0]) < MINIMUM_EDGE:
        raise InputError(
            "The box in {name} is too small: draw it around the whole object.",
            name=name or Sentence("The picture"),
        )
    found = prepare_picture(pixels[part], name=name, cutter=cutter).mask
    mask = np.zeros((height, width), dtype=np.uint8)
    if found is None:
        mask[part] = 255
    else:
        shape = (across[1] - across[0], down[1] - down[0])
        mask[part] = np.array(Image.fromarray(found).resize(shape, Image.Resampling.BILINEAR))
    return mask
