"""Worse point clouds: fewer points, missing parts, outliers. Labels stay as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from onet_core.inputs.symmetry.planes import find_mirror_plane
from onet_core.models.steps import Steps

from .batch import Batch, normal, uniform

# Edge of the cells within which only the points nearest to the viewer are seen.
_VIEW_CELL = 0.05
_VIEW_CELLS = 64
# Outliers lie anywhere in the box of the queries.
_BOX = 1.1


def vary_count(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    fewest: float = 300,
) -> Batch:
    """Keeps a random number of the input points, from `fewest` to all, evenly in the logarithm."""
    inputs = batch["inputs"]
    total = inputs.shape[1]
    least = min(round(fewest), total)
    share = float(uniform((1,), inputs, generator))
    return {**batch, "inputs": inputs[:, : round(least * (total / least) ** share)]}


def mirrored_halves(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    share: float = 0.75,
) -> Batch:
    """Half of the points and their mirror image, in that share of the clouds that are symmetric.

    So they look as those that are completed by their mirror image before they are reconstructed,
    see `onet_core.inputs.symmetry`. Put it last: their noise is mirrored too.
    """
    inputs = batch["inputs"]
    chosen = uniform((len(inputs),), inputs, generator) < share
    half = inputs.shape[1] // 2
    changed = inputs.clone()
    for row in chosen.nonzero()[:, 0].tolist():
        points = inputs[row, :half].cpu().numpy()
        plane = find_mirror_plane(points)
        if plane is not None and plane.ratio <= Steps().mirror_ratio:
            mirrored = torch.from_numpy(plane.mirrored(points)).to(inputs)
            changed[row, half : 2 * half] = mirrored
    return {**batch, "inputs": changed}


def missing(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    most: float = 0.4,
) -> Batch:
    """Takes away a random share of the points, up to `most`, in one piece.

    By turns at random: all beyond a plane, all in a ball around a point of the surface, or what a
    viewer in a random direction sees last, as in a scan from one side. The share is the same for
    the whole batch, so that clouds stay as large as each other.
    """
    inputs = batch["inputs"]
    count, total = inputs.shape[:2]
    keep = total - round(most * float(uniform((1,), inputs, generator)) * total)
    direction = torch.nn.functional.normalize(normal((count, 3), inputs, generator), dim=-1)
    chosen = (uniform((count,), inputs, generator) * total).long().clamp_max(total - 1)
    centre = inputs[torch.arange(count, device=inputs.device), chosen]
    scores = torch.stack(
        [
            torch.einsum("bni,bi->bn", inputs, direction),
            -(inputs - centre[:, None]).norm(dim=-1),
            hiddenness(inputs, direction),
        ]
    )
    way = (uniform((count,), inputs, generator) * len(scores)).long().clamp_max(len(scores) - 1)
    score = scores[way, torch.arange(count, device=inputs.device)]
    # In their old order, which is random: later augmentations may take the first ones.
    kept = score.argsort(dim=1)[:, :keep].sort(dim=1).values
    return {**batch, "inputs": inputs.gather(1, kept[..., None].expand(-1, -1, 3))}


def outliers(
    batch: Batch,
    input_kind: str,
    generator: torch.Generator | None = None,
    *,
    most: float = 0.03,
) -> Batch:
    """Puts a random share of each cloud's points, up to `most`, anywhere in the box."""
    inputs = batch["inputs"]
    share = most * uniform((len(inputs), 1), inputs, generator)
    lost = uniform(inputs.shape[:2], inputs, generator) < share
    anywhere = _BOX * (uniform(inputs.shape, inputs, generator) - 0.5)
    return {**batch, "inputs": torch.where(lost[..., None], anywhere, inputs)}


def hiddenness(cloud: Tensor, direction: Tensor, cell: float = _VIEW_CELL) -> Tensor:
    """How far each point (B, N, 3) lies behind the first one seen along a direction (B, 3).

    cell: edge of the cells of the viewer's picture, in each of which one point is the first.
    """
    depth = torch.einsum("bni,bi->bn", cloud, direction)
    # Two axes across: of the coordinate axes, one that is not along the direction.
    least = direction.abs().argmin(dim=-1)
    helper = torch.nn.functional.one_hot(least, 3).to(cloud)
    right = torch.nn.functional.normalize(torch.linalg.cross(direction, helper), dim=-1)
    up = torch.linalg.cross(direction, right)
    across = torch.stack([right, up], dim=1)
    cells = torch.einsum("bni,bki->bnk", cloud, across) / cell + _VIEW_CELLS / 2
    cells = cells.long().clamp(0, _VIEW_CELLS - 1)
    flat = cells[..., 0] * _VIEW_CELLS + cells[..., 1]
    first = depth.new_full((len(cloud), _VIEW_CELLS**2), torch.inf)
    first = first.scatter_reduce(1, flat, depth, "amin")
    return depth - first.gather(1, flat)
