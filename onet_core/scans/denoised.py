"""A noisy scan's points moved onto the surface, with its normals there, by the denoiser."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..devices import is_card
from ..models.scans.denoiser import Denoiser
from ..models.scans.prepared_denoiser import PreparedDenoiser
from .batches import parts
from .opinions import Neighbourhoods

FloatArray = NDArray[np.float64]

# Points at a time: more leave a processor's cache, fewer leave a card idle.
_AT_ONCE, _ON_CARD = 1 << 9, 1 << 13


class Denoised(NamedTuple):
    """Points moved onto the surface.

    points: (N, 3) on it.
    normals: (N, 3) its unit normals there.
    errors: (N,) how far off the points are expected to be.
    """

    points: FloatArray
    normals: FloatArray
    errors: FloatArray


@torch.inference_mode()
def denoised(around: Neighbourhoods, network: Denoiser) -> Denoised:
    """All points of a scan as the denoiser places them."""
    device, asked = next(network.parameters()).device, PreparedDenoiser(network)
    points, normals = np.empty_like(around.points), np.empty_like(around.points)
    errors = np.empty(len(points))
    for part in parts(len(points), _ON_CARD if is_card(device) else _AT_ONCE):
        rows = np.arange(part.start, part.stop)
        opinions = around.around(rows)
        found = asked(opinions.features.to(device), opinions.heights.to(device))
        height, normal, error = (value.double().cpu().numpy() for value in found)
        frames = opinions.frames
        points[part] = around.points[rows] + (height * opinions.unit)[:, None] * frames[:, 2]
        normals[part] = np.einsum("mi,mij->mj", normal, frames)
        errors[part] = np.exp(error) * opinions.unit
    return Denoised(points, normals, errors)
