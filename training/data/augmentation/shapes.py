"""Maps of the shape, applied to input and labels alike."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..stretching import Stretch
from .batch import Batch, normal, uniform
from .maps import Curves, Fitted, Linear, Waves, bounds, fitted, follow


def mirror(batch: Batch, input_kind: str, generator: torch.Generator | None = None) -> Batch:
    """Mirrors a random half of the batch left to right (x -> -x); pictures are flipped along."""
    points = batch["points"]
    flipped = uniform((len(points),), points, generator) < 0.5
    sign = torch.ones_like(points[:, :1])
    sign[flipped, :, 0] = -1
    inputs = batch["inputs"]
    if input_kind == "points":
        inputs = inputs * sign
    elif input_kind in ("voxels", "image"):
        along = {"voxels": 0, "image": 2}[input_kind]
        inputs = inputs.clone()
        inputs[flipped] = inputs[flipped].flip(1 + along)
    return {**batch, "points": points * sign, "inputs": inputs}


def quarter_turns(batch: Batch, input_kind: str, generator: torch.Generator | None = None) -> Batch:
    """Turns the whole batch about the vertical axis by a random multiple of 90 degrees."""
    turns = int(4 * uniform((1,), batch["points"], generator))

    def turn(points: Tensor) -> Tensor:
        for _ in range(turns):
            points = torch.stack([points[..., 2], points[..., 1], -points[..., 0]], dim=-1)
        return points

    inputs = batch["inputs"]
    # (x, z) -> (z, -x): the new x axis is the old z axis, the new z axis the old x reversed.
    inputs = turn(inputs) if input_kind == "points" else inputs.rot90(-turns, dims=(1, 3))
    return {**batch, "points": turn(batch["points"]), "inputs": inputs}


def stretch(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    least: float = 0.7,
    most: float = 1.3,
) -> Batch:
    """Stretches each shape along each axis by `least` to `most`, and fits it into the cube again.

    Only for point clouds: 32^3 voxels of a stretched shape are not its stretched voxels.
    """
    inputs = batch["inputs"]
    factors = least + (most - least) * uniform((len(inputs), 3), inputs, generator)
    return follow(batch, fitted(Linear(torch.diag_embed(factors)), inputs), generator)


def uneven_stretch(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    share: float = 0.6,
) -> Batch:
    """Stretches that share of the shapes along each axis, one part more than another.

    See `training.data.stretching`; each is fitted into the cube again. Only for point clouds, as
    `stretch`.
    """
    inputs = batch["inputs"]
    size = (len(inputs),)
    seed = int(uniform((1,), inputs, generator) * 2**24)
    rng = np.random.default_rng(seed)
    curves = np.stack([Stretch.drawn(rng).mapped for _ in range(len(inputs))])
    mapped = torch.from_numpy(curves).to(inputs)
    same = torch.linspace(-0.5, 0.5, mapped.shape[2], device=inputs.device)
    kept = uniform(size, inputs, generator) >= share
    mapped = torch.where(kept[:, None, None], same.expand_as(mapped), mapped)
    return follow(batch, fitted(Curves(mapped), inputs), generator)


def turn(batch: Batch, input_kind: str, generator: torch.Generator | None = None) -> Batch:
    """Turns each shape about the vertical by any angle, and fits it into the cube again."""
    inputs = batch["inputs"]
    angle = 2 * math.pi * uniform((len(inputs),), inputs, generator)
    return follow(batch, fitted(Linear(_about_vertical(angle)), inputs), generator)


def tilt(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    degrees: float = 10.0,
) -> Batch:
    """Turns each shape about a random axis by up to `degrees`, and fits it into the cube."""
    inputs = batch["inputs"]
    axis = torch.nn.functional.normalize(normal((len(inputs), 3), inputs, generator), dim=-1)
    angle = math.radians(degrees) * (2 * uniform((len(inputs), 1), inputs, generator) - 1)
    x, y, z = (axis * angle).unbind(-1)
    none = torch.zeros_like(x)
    # The exponential of a skew matrix is a rotation (Rodrigues).
    skew = torch.stack([none, -z, y, z, none, -x, -y, x, none], dim=-1).reshape(-1, 3, 3)
    return follow(batch, fitted(Linear(torch.linalg.matrix_exp(skew)), inputs), generator)


def deform(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    strength: float = 0.3,
    waves: int = 3,
) -> Batch:
    """Bends each shape by a few long waves in random directions, and fits it into the cube again.

    strength: the largest change of length per length, 0.5 at most, so that it can be undone. The
    waves are 1 to 4 times as long as the cube's edge.
    """
    inputs = batch["inputs"]
    size = (len(inputs), waves)
    directions = normal((2, *size, 3), inputs, generator)
    amplitudes, frequencies = torch.nn.functional.normalize(directions, dim=-1)
    lengths = 1 + 3 * uniform((*size, 1), inputs, generator)
    share = uniform((*size, 1), inputs, generator) * min(strength, 0.5) / waves
    field = Waves(
        amplitudes * share * lengths / (2 * math.pi),
        frequencies / lengths,
        2 * math.pi * uniform(size, inputs, generator),
    )
    return follow(batch, fitted(field, inputs), generator)


def fit_cloud(batch: Batch, input_kind: str, generator: torch.Generator | None = None) -> Batch:
    """Fits each cloud's own bounding box into the cube, as Blender does with its inputs.

    What is missing of a cloud or lies outside of the shape then moves and scales the shape: put it
    after `missing` and `outliers`.
    """
    inputs = batch["inputs"]
    middle, edge = bounds(inputs)
    same = torch.eye(3, device=inputs.device).expand(len(inputs), 3, 3)
    return follow(batch, Fitted(Linear(same), 1 / edge, -middle / edge), generator)


def _about_vertical(angle: Tensor) -> Tensor:
    """Rotations (B, 3, 3) about y by angles (B,)."""
    cosine, sine, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    one = torch.ones_like(angle)
    rows = [cosine, none, sine, none, one, none, -sine, none, cosine]
    return torch.stack(rows, dim=-1).reshape(-1, 3, 3)
