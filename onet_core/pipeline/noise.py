"""How noisy the points of a cloud are, by the field that a network made of them."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..field import Field, evaluate_with_gradient, logit

# From the median distance of normally distributed numbers from zero to their standard deviation.
_MEDIAN_TO_DEVIATION = 1.4826


def noise_beside(
    field: Field, points: ArrayLike, threshold: float, device: torch.device | str = "cpu"
) -> float:
    """The deviation of a cloud's points (N, 3) from the field's surface, along its normals.

    Of the middle points, so that strays do not count and neither does what the field lacks. A
    point's distance from the surface is that of the tangent: the logit's from the threshold's by
    the length of its gradient. It comes out somewhat large, as surface and field are not exact.
    Raises what `evaluate_with_gradient` does.
    """
    where: Tensor = torch.as_tensor(points, dtype=torch.float32, device=device)
    logits, gradients = evaluate_with_gradient(field, where)
    slopes = gradients.norm(dim=1)
    seen = slopes > 0
    if not seen.any():
        return 0.0
    distances = (logits - logit(threshold)).abs()[seen] / slopes[seen]
    return _MEDIAN_TO_DEVIATION * float(distances.median())
