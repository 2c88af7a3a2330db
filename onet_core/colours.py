"""The curve between sRGB, as files and screens have it, and linear light (IEC 61966-2-1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_srgb(linear: NDArray[Any]) -> NDArray[Any]:
    """Linear values from 0 to 1, of any shape, as sRGB from 0 to 1."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def to_linear(srgb: NDArray[Any]) -> NDArray[Any]:
    """sRGB values from 0 to 1, of any shape, as linear ones from 0 to 1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
