"""A dice as an icon: Blender has none."""

from __future__ import annotations

import bpy
import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

DICE = "dice"
PIXELS = 32
# Of the edge: how much stays free around it, and of its pips.
MARGIN, ROUNDING, PIP = 0.06, 0.2, 0.1
PIPS = ((0.27, 0.27), (0.27, 0.73), (0.5, 0.5), (0.73, 0.27), (0.73, 0.73))
SHARPNESS = 1.5  # pixels over which an edge fades

_previews: bpy.utils.previews.ImagePreviewCollection | None = None


def drawn() -> NDArray[np.float32]:
    """The dice, (PIXELS, PIXELS, 4): light, with five holes."""
    x, y = np.meshgrid(*[(np.arange(PIXELS) + 0.5) / PIXELS] * 2)
    half = 0.5 - MARGIN - ROUNDING
    outside = np.hypot(*(np.maximum(np.abs(along - 0.5) - half, 0) for along in (x, y)))
    covered = _inside(ROUNDING - outside)
    for across, up in PIPS:
        covered = covered * (1 - _inside(PIP - np.hypot(x - across, y - up)))
    picture = np.full((PIXELS, PIXELS, 4), 0.85, dtype=np.float32)
    picture[..., 3] = covered
    return picture


def _inside(depth: NDArray[np.floating]) -> NDArray[np.floating]:
    """0 outside, 1 inside, from how deep inside a pixel lies, in edges of the picture."""
    return np.clip(depth * PIXELS / SHARPNESS + 0.5, 0, 1)


def icon() -> int:
    """The number of the icon; drawn when it is first needed."""
    global _previews
    if _previews is None:
        _previews = bpy.utils.previews.new()
        preview = _previews.new(DICE)
        preview.icon_size = (PIXELS, PIXELS)
        preview.icon_pixels_float.foreach_set(drawn().ravel())
    return int(_previews[DICE].icon_id)


def register() -> None:
    """Nothing to do before it is drawn."""


def unregister() -> None:
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
