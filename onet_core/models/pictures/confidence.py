"""How good the shape of a picture will be, from the network's own probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from ...sentences import Sentence
from ..steps import Steps

GRID = 33
"""Nodes along each axis at which the network is asked."""


def grid_points(padding: float, device: torch.device) -> Tensor:
    """The nodes (GRID**3, 3) in the network's frame."""
    half = (1 + padding) / 2
    axis = torch.linspace(-half, half, GRID, device=device)
    return torch.cartesian_prod(axis, axis, axis)


def doubts_of(promised: float | None, steps: Steps) -> tuple[Sentence, ...]:
    """What the user is told of a shape whose probabilities promise that IoU; nothing where the
    model's record says that it is good enough, or does not say what to make of it."""
    if promised is None or not steps.foretold_slope:
        return ()
    foretold = steps.foretold_base + steps.foretold_slope * promised
    if foretold >= steps.doubt_below:
        return ()
    return (
        Sentence(
            "This shape is mostly guessed (about {percent} % of it is likely to be right): try a "
            "picture of the whole object, seen a little from above, or mask it",
            percent=max(0, round(100 * foretold)),
        ),
    )


def expected_iou(logits: Tensor, threshold: float) -> float:
    """The IoU that a shape drawn at a threshold has if all probabilities are right, 0 to 1.

    logits: (N,), at points that are spread evenly. What is drawn and true over what is drawn or
    true, each as its expectation.
    """
    likely = logits.double().sigmoid()
    drawn = likely > threshold
    either = float(drawn.sum() + likely[~drawn].sum())
    return float(likely[drawn].sum()) / either if drawn.any() else 0.0
