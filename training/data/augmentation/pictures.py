"""Other pictures of the same view: light, colour, background, size and place. Labels stay.

Pictures are (B, 3, S, S) in [0, 1], with white behind the object.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .batch import Batch, uniform

_WHITE = 0.97
_LUMA = (0.299, 0.587, 0.114)


def light(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    brightness: float = 0.3,
    contrast: float = 0.3,
) -> Batch:
    """Changes brightness and contrast of the object by up to these shares; white stays white."""
    inputs = batch["inputs"]
    size = (len(inputs), 1, 1, 1)
    gain = 1 + brightness * (2 * uniform(size, inputs, generator) - 1)
    slope = 1 + contrast * (2 * uniform(size, inputs, generator) - 1)
    changed = ((inputs - 0.5) * slope + 0.5) * gain
    return {**batch, "inputs": _on_background(inputs, changed.clamp(0, 1), inputs)}


def colour(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    saturation: float = 0.5,
    tint: float = 0.15,
) -> Batch:
    """Changes the object's saturation and the strength of each channel; white stays white."""
    inputs = batch["inputs"]
    count = len(inputs)
    grey = torch.einsum("bchw,c->bhw", inputs, inputs.new_tensor(_LUMA))[:, None]
    factor = 1 + saturation * (2 * uniform((count, 1, 1, 1), inputs, generator) - 1)
    gains = 1 + tint * (2 * uniform((count, 3, 1, 1), inputs, generator) - 1)
    changed = (grey + factor * (inputs - grey)) * gains
    return {**batch, "inputs": _on_background(inputs, changed.clamp(0, 1), inputs)}


def background(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    share: float = 0.5,
) -> Batch:
    """Gives this share of the pictures a plain background of any colour instead of white.

    Only for networks that are shown pictures as they are; `Reconstructor` puts white behind.
    """
    inputs = batch["inputs"]
    count = len(inputs)
    paint = uniform((count, 3, 1, 1), inputs, generator)
    painted = uniform((count, 1, 1, 1), inputs, generator) < share
    filled = _on_background(inputs, inputs, paint.expand_as(inputs))
    return {**batch, "inputs": torch.where(painted, filled, inputs)}


def reframe(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    least: float = 0.8,
    most: float = 1.2,
    shift: float = 0.08,
) -> Batch:
    """Scales each picture about its middle and moves it, as other lenses and crops do.

    least, most: the object's new size; shift: up to this share of the edge, either way. What comes
    in from outside is white, what leaves is cut off.
    """
    inputs = batch["inputs"]
    count = len(inputs)
    scale = least * (most / least) ** uniform((count,), inputs, generator)
    offset = 2 * shift * (2 * uniform((count, 2), inputs, generator) - 1)
    place = torch.zeros(count, 2, 3, device=inputs.device)
    place[:, 0, 0] = place[:, 1, 1] = 1 / scale
    place[:, :, 2] = -offset / scale[:, None]
    grid = functional.affine_grid(place, list(inputs.shape), align_corners=False)
    # Beyond the border the sampler gives 0, which in the negative is white.
    moved = 1 - functional.grid_sample(1 - inputs, grid, align_corners=False)
    return {**batch, "inputs": moved}


def _on_background(picture: Tensor, inner: Tensor, behind: Tensor) -> Tensor:
    """`inner` where the picture shows the object, `behind` where it shows the white behind it."""
    white = (picture.amin(1, keepdim=True) >= _WHITE).float()
    seen = torch.zeros_like(white)
    # White all the way to one of the four sides; white parts of the object itself stay.
    for axis in (2, 3):
        seen = torch.maximum(seen, white.cumprod(axis))
        seen = torch.maximum(seen, white.flip(axis).cumprod(axis).flip(axis))
    return torch.where(seen > 0, behind, inner)
