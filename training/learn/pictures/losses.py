"""What the picture network is asked for: the shape, and what helps it to understand pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from onet_core.models.pictures.camera import PictureCamera
from onet_core.models.pictures.heads import TURNS, CameraGuess
from onet_core.models.pictures.network import Estimates

from .batches import Batch

# Shares in the whole.
WEIGHTS = {
    "entropy": 1.0,
    "overlap": 0.3,
    "turns": 0.5,
    "within": 0.25,
    "numbers": 1.0,
    "kinds": 0.1,
    "mask": 0.2,
    "depth": 0.4,
    "normals": 0.15,
    "confidence": 0.05,
}
# How exact each number of the camera should be: elevation, x, y, log_scale, nearness.
_EXACT = (0.1, 0.05, 0.05, 0.1, 0.15)


def losses(logits: Tensor, estimates: Estimates, batch: Batch) -> dict[str, Tensor]:
    """The parts of the loss, each a mean over the batch; names of WEIGHTS."""
    views, occupancy = batch.views, batch.occupancy
    logits = logits.float()
    even = logits.shape[1] // 2
    overlap = soft_overlap(logits[:, :even], occupancy[:, :even])
    known = views.known.float()
    total = known.sum().clamp_min(1)
    turns, within, numbers = _camera_losses(estimates.camera, views.camera)
    with torch.no_grad():
        found, true = logits[:, :even] > 0, occupancy[:, :even] > 0.5
        both, either = (found & true).sum(1), (found | true).sum(1)
        iou = both / either.clamp_min(1)
    return {
        "entropy": functional.binary_cross_entropy_with_logits(logits, occupancy),
        "overlap": 1 - overlap.mean(),
        "turns": turns,
        "within": within,
        "numbers": numbers,
        "kinds": functional.cross_entropy(estimates.kinds.float(), batch.kinds),
        "mask": functional.binary_cross_entropy_with_logits(estimates.mask, views.mask),
        "depth": ((estimates.depth - views.depth).abs() * known).sum() / total,
        "normals": ((1 - (estimates.normals * views.normals).sum(1)) * known).sum() / total,
        "confidence": functional.binary_cross_entropy_with_logits(
            estimates.confidence.float(), iou
        ),
    }


def soft_overlap(logits: Tensor, occupancy: Tensor) -> Tensor:
    """The IoU of each shape, (B,), with probabilities in the place of labels."""
    inside = logits.sigmoid()
    both = (inside * occupancy).sum(1)
    either = (inside + occupancy - inside * occupancy).sum(1)
    # One point more, which both have: shapes that no point hits don't count.
    return (both + 1) / (either + 1)


def _camera_losses(guess: CameraGuess, camera: PictureCamera) -> tuple[Tensor, Tensor, Tensor]:
    """Of the directions, of the angle within them, of the other numbers."""
    place = ((camera.azimuth + math.pi) / (2 * math.pi) * TURNS).remainder(TURNS)
    best = place.long().clamp(0, TURNS - 1)
    # The neighbour on the nearer side gets a part: at the border between two both are right.
    offset = place - best - 0.5
    neighbour = (best + offset.sign().long()) % TURNS
    logs = functional.log_softmax(guess.turns.float(), dim=1)
    near = logs.gather(1, neighbour[:, None])[:, 0]
    share = offset.abs()
    turns = -((1 - share) * logs.gather(1, best[:, None])[:, 0] + share * near).mean()
    # From either of the two the azimuth is right.
    inside = guess.within.float()
    wanted = [(best, offset), (neighbour, offset - offset.sign())]
    within = torch.stack(
        [
            functional.smooth_l1_loss(inside.gather(1, which[:, None])[:, 0], where, beta=0.2)
            for which, where in wanted
        ]
    ).mean()
    truth = torch.stack(
        [camera.elevation, camera.x, camera.y, camera.log_scale, camera.nearness], dim=1
    )
    exact = truth.new_tensor(_EXACT)
    numbers = functional.smooth_l1_loss(guess.numbers / exact, truth / exact, beta=1.0)
    return turns, within, numbers * 0.3
