"""Augmentation of whole batches: exact maps of the shape, applied to input and labels alike.

A batch is a dict of tensors: `inputs` (B, ...), `points` (B, T, 3), `occupancies` (B, T). Every
function returns a new dict. All act in the network frame (y up, front -z).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Batch = dict[str, Tensor]


def mirror(batch: Batch, input_kind: str, generator: torch.Generator | None = None) -> Batch:
    """Mirrors a random half of the batch left to right (x -> -x); pictures are flipped along."""
    flipped = torch.rand(len(batch["points"]), generator=generator) < 0.5
    flipped = flipped.to(batch["points"].device)
    sign = torch.ones_like(batch["points"][:, :1])
    sign[flipped, :, 0] = -1
    inputs = batch["inputs"]
    if input_kind == "points":
        inputs = inputs * sign
    elif input_kind in ("voxels", "image"):
        along = {"voxels": 0, "image": 2}[input_kind]
        inputs = inputs.clone()
        inputs[flipped] = inputs[flipped].flip(1 + along)
    return {**batch, "points": batch["points"] * sign, "inputs": inputs}


def quarter_turns(batch: Batch, input_kind: str, generator: torch.Generator | None = None) -> Batch:
    """Turns the whole batch about the vertical axis by a random multiple of 90 degrees."""
    turns = int(torch.randint(4, (), generator=generator))

    def turn(points: Tensor) -> Tensor:
        for _ in range(turns):
            points = torch.stack([points[..., 2], points[..., 1], -points[..., 0]], dim=-1)
        return points

    inputs = batch["inputs"]
    if input_kind == "points":
        inputs = turn(inputs)
    elif input_kind == "voxels":
        # (x, z) -> (z, -x): the new x axis is the old z axis, the new z axis the old x reversed.
        inputs = inputs.rot90(-turns, dims=(1, 3))
    else:
        raise ValueError(f"Inputs of kind {input_kind!r} can't be turned together with the shape.")
    return {**batch, "points": turn(batch["points"]), "inputs": inputs}


def stretch(batch: Batch, input_kind: str, generator: torch.Generator | None = None) -> Batch:
    """Stretches each shape along each axis by 0.7 to 1.3 and fits it into the unit cube again.

    Only for point clouds, whose bounding box is measured after stretching.
    """
    if input_kind != "points":
        raise ValueError(f"Inputs of kind {input_kind!r} can't be stretched.")
    inputs = batch["inputs"]
    factors = 0.7 + 0.6 * torch.rand(len(inputs), 1, 3, generator=generator).to(inputs)
    extents = (inputs.amax(1, keepdim=True) - inputs.amin(1, keepdim=True)).amax(2, keepdim=True)
    stretched = inputs * factors
    new = (stretched.amax(1, keepdim=True) - stretched.amin(1, keepdim=True)).amax(2, keepdim=True)
    factors = factors * (extents / new.clamp_min(1e-6))
    return {**batch, "points": batch["points"] * factors, "inputs": inputs * factors}


def vary_count(batch: Batch, input_kind: str, generator: torch.Generator | None = None) -> Batch:
    """Keeps a random number of the input points, from 300 to all, evenly in the logarithm."""
    if input_kind != "points":
        raise ValueError(f"Inputs of kind {input_kind!r} have no number of points to vary.")
    total = batch["inputs"].shape[1]
    fewest = min(300, total)
    share = float(torch.rand((), generator=generator))
    count = round(fewest * (total / fewest) ** share)
    return {**batch, "inputs": batch["inputs"][:, :count]}


AUGMENTATIONS = {
    "mirror": mirror,
    "quarter_turns": quarter_turns,
    "stretch": stretch,
    "vary_count": vary_count,
}


def augment(batch: Batch, input_kind: str, names: Sequence[str]) -> Batch:
    """Applies the named augmentations in order; an unknown name raises KeyError."""
    for name in names:
        batch = AUGMENTATIONS[name](batch, input_kind)
    return batch
