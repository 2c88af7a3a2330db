"""Where a picture shows its object: by transparency, by a mask, or by a plain background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Steps of 255 in any channel by which a background may differ from an even gradient: enough for
# JPEG noise, too little for most objects.
TOLERANCE = 20
# Share of the border that must be background; the object may be cut off along the rest.
BORDER_SHARE = 0.6
# Parts smaller than this share of the largest one are dust.
SPECK = 0.002


def plain_background(colours: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """The background of a picture (H, W, 3) as (H, W) bool, or None if it has no plain one.

    Plain means: along most of the border the colour follows one even gradient. The background is
    what can be reached from there over pixels that follow it too, so that an object keeps parts of
    the background's colour that it encloses.
    """
    height, width = colours.shape[:2]
    rows, columns = np.indices((height, width), dtype=np.float64)
    position = np.stack([np.ones_like(rows), rows / height - 0.5, columns / width - 0.5], axis=-1)
    border = np.ones((height, width), dtype=bool)
    border[1:-1, 1:-1] = False
    around, place = colours[border].astype(np.float64), position[border]

    gradient = np.zeros((3, 3))
    gradient[0] = np.median(around, axis=0)
    for _ in range(10):
        # What the object covers of the border drops out as the fit sharpens.
        fits = np.abs(around - place @ gradient).max(axis=1) <= 2 * TOLERANCE
        if np.count_nonzero(fits) < max(3, BORDER_SHARE * len(around)):
            return None
        previous = gradient
        gradient = np.linalg.lstsq(place[fits], around[fits], rcond=None)[0]
        if np.abs(gradient - previous).max() < 0.1:
            break
    similar = np.abs(colours - position @ gradient).max(axis=-1) <= TOLERANCE
    if np.count_nonzero(similar & border) < BORDER_SHARE * len(around):
        return None
    return ndimage.binary_propagation(similar & border, mask=similar)


def without_specks(foreground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drops the connected parts of (H, W) that are tiny beside the largest one."""
    labels, count = ndimage.label(foreground, structure=np.ones((3, 3)))
    if count < 2:
        return foreground
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    return (areas >= SPECK * areas.max())[labels] & foreground
