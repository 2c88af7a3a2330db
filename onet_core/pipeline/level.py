"""At which level a network's surface is drawn: its threshold, or lower where it is unsure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch

from ..field import evaluate
from ..mesh.parts import count_parts
from ..models.description import ModelDescription
from ..models.prepared import PreparedField
from ..models.prepared.lifted import Lifted
from ..surface.extract import Extraction
from .faint import faint_lift, joining_lift

# Points along each axis of the grid on which faint parts are looked for.
PROBED = 33
# By how much the threshold is lowered at a time where that may join parts.
JOINING_STEP = 0.1


class Level(NamedTuple):
    """Where to draw a surface.

    field: the network's, lifted around faint parts.
    threshold: the probability at the surface.
    highest: the highest probability of a network that reads something; None where that was not
        looked at.
    """

    field: PreparedField
    threshold: float
    highest: float | None = None


def level_of(
    field: PreparedField,
    model: ModelDescription,
    device: torch.device,
    *,
    with_faint: bool,
    keep_apart: bool,
) -> Level:
    """The level at which a model wants its surface drawn.

    with_faint: where the network is unsure of parts the field is lifted, see `faint_from`.
    keep_apart: whether faint parts that nothing joins to the others stay.
    """
    threshold = model.threshold
    least = model.steps.faint_from if with_faint else 0.0
    if not least:
        return Level(field, threshold)
    half = (1 + model.padding) / 2
    axis = torch.linspace(-half, half, PROBED, device=device)
    logits = evaluate(field, torch.cartesian_prod(axis, axis, axis))
    highest = float(logits.max().sigmoid())
    cube = logits.cpu().view(PROBED, PROBED, PROBED)
    steps, spacing = model.steps, 2 * half / (PROBED - 1)
    lift = faint_lift(cube, threshold, least, spacing, steps.faint_share, steps.faint_reach)
    lift = joining_lift(cube, lift, threshold, keep_apart=keep_apart)
    return Level(Lifted(field, lift.to(device), half), threshold, highest)


def joined(
    surface: Extraction, threshold: float, least: float, at: Callable[[float], Extraction]
) -> tuple[Extraction, float]:
    """The surface in the fewest parts, and the highest threshold that gives it.

    surface: that at `threshold`. least: the lowest threshold to try; 0 for none. at: finds the
    surface at another threshold. The seconds are those of all that were tried.
    """
    seconds = dict(surface.seconds)
    lower, parts = threshold, count_parts(surface.mesh)
    while least and parts > 1:
        lower = round(lower - JOINING_STEP, 6)
        if lower < least:
            break
        other = at(lower)
        for name, passed in other.seconds.items():
            seconds[name] += passed
        found = count_parts(other.mesh)
        if found < parts:
            parts, threshold, surface = found, lower, other
    return replace(surface, seconds=seconds), threshold
