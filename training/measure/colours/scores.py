"""How far pictures of a coloured mesh are from the true ones: L1 and SSIM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# As in Wang et al. 2004: a Gaussian window of 11 pixels, values from 0 to 1.
_SIGMA, _TRUNCATE = 1.5, 3.5
_C1, _C2 = 0.01**2, 0.03**2


def absolute_error(
    made: NDArray[np.floating], true: NDArray[np.floating], where: NDArray[np.bool_]
) -> float:
    """Mean absolute difference of pictures (S, S, 3), values 0 to 1, over the pixels (S, S)."""
    return float(np.abs(made - true)[where].mean())


def structural_similarity(
    made: NDArray[np.floating], true: NDArray[np.floating], where: NDArray[np.bool_]
) -> float:
    """SSIM of pictures (S, S, 3), values 0 to 1: the mean over channels and the pixels (S, S)."""

    def smooth(values: NDArray[np.floating]) -> NDArray[np.float64]:
        kept: NDArray[np.float64] = ndimage.gaussian_filter(
            np.asarray(values, np.float64), (_SIGMA, _SIGMA, 0), truncate=_TRUNCATE
        )
        return kept

    mean_a, mean_b = smooth(made), smooth(true)
    spread_a = smooth(np.square(made)) - mean_a**2
    spread_b = smooth(np.square(true)) - mean_b**2
    shared = smooth(made * true) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + _C1) * (2 * shared + _C2)
    alike /= (mean_a**2 + mean_b**2 + _C1) * (spread_a + spread_b + _C2)
    return float(alike[where].mean())
