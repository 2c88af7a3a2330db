"""What cameras and files do to pictures: blur, noise, exposure, JPEG."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from .shading import Draw

# Shares of the pictures that are blurred, noisy, exposed and coloured otherwise, compressed.
_BLURRED, _NOISY, _EXPOSED, _COMPRESSED = 0.35, 0.35, 0.4, 0.35
_BLOCK = 8


def degraded(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (B, 3, S, S) in [0, 1] as a camera and a file give them."""
    draw = Draw(len(pictures), generator, pictures.device)
    soft = functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    softer = functional.avg_pool2d(soft, 3, 1, 1, count_include_pad=False)
    weight = draw.uniform(0, 2) * draw.often(_BLURRED)
    pictures = pictures + weight.clamp_max(1) * (soft - pictures)
    pictures = pictures + (weight - 1).clamp_min(0) * (softer - pictures)
    is_exposed = draw.often(_EXPOSED)
    gain = torch.where(is_exposed, draw.uniform(0.8, 1.2) * draw.uniform(0.93, 1.07, 3), 1.0)
    pictures = pictures.clamp(1e-4, 1) ** torch.where(is_exposed, draw.uniform(0.8, 1.25), 1.0)
    pictures = (pictures * gain).clamp(0, 1)
    noise = torch.randn(pictures.shape, generator=generator, device=pictures.device)
    pictures = pictures + noise * draw.uniform(0, 0.04) * draw.often(_NOISY)
    return torch.where(draw.often(_COMPRESSED), _compressed(pictures, draw), pictures).clamp(0, 1)


def _compressed(pictures: Tensor, draw: Draw) -> Tensor:
    """Rounded coefficients of the cosine transform of blocks, finer for low frequencies."""
    count, channels, size = pictures.shape[:3]
    line = torch.arange(_BLOCK, device=pictures.device, dtype=pictures.dtype)
    basis = (math.pi / _BLOCK * (line + 0.5)[None] * line[:, None]).cos() * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    cells = size // _BLOCK
    blocks = pictures.reshape(count, channels, cells, _BLOCK, cells, _BLOCK)
    waves = torch.einsum("bciujv,xu,yv->bcixjy", blocks, basis, basis)
    step = (1 + line[:, None] + line[None]).reshape(1, 1, 1, _BLOCK, 1, _BLOCK)
    step = step * (2 ** draw.uniform(-7, -4))[..., None, None]
    waves = (waves / step).round() * step
    back = torch.einsum("bcixjy,xu,yv->bciujv", waves, basis, basis)
    return back.reshape_as(pictures)
