"""At which level a network's surface is drawn: its threshold, or lower where it is unsure.

A thin leg tears where its probability stays just below the threshold. A lower threshold everywhere
would join it and make the rest too fat; so the field is lifted between two parts only, around the
shortest ways from one to the other, and the rest stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .. import devices
from ..field import Field, logit
from ..mesh.parts import large_parts
from ..models.description import ModelDescription
from ..models.pictures.camera import PictureCamera
from ..models.pictures.outline import fitted_camera, lack_of, lacks_along
from ..models.pictures.view import PictureView
from ..models.prepared import PreparedField
from ..models.prepared.lifted import Lifted
from ..models.prepared.outlined import OutlinedField
from ..surface.extract import Extraction
from ..surface.probing import Probe
from .faint import LEAST_JOINED, between, faint_lift, joining_lift

# Points along each axis of the grid on which faint parts are looked for.
PROBED = 33


class Level(NamedTuple):
    """Where to draw a surface.

    field: the network's, raised where a picture shows more, lifted around faint parts.
    threshold: the probability at the surface.
    highest: the highest probability of a network that reads something; None where that was not
        looked at.
    view: where a picture was taken from, with which outline and field agree best; None where that
        was not looked at.
    """

    field: PreparedField
    threshold: float
    highest: float | None = None
    view: PictureView | None = None


class Outline(NamedTuple):
    """What a picture shows of an object: where, (S, S), and where it was taken from, about."""

    shown: NDArray[np.bool_]
    view: PictureView


def level_of(
    field: PreparedField,
    model: ModelDescription,
    device: torch.device,
    *,
    with_faint: bool,
    keep_apart: bool,
    outline: Outline | None = None,
) -> Level:
    """The level at which a model wants its surface drawn.

    with_faint: where the network is unsure of parts the field is lifted, see `faint_from`.
    keep_apart: whether faint parts that nothing joins to the others stay. outline: of a picture;
    what it shows is drawn, see `outline_margin`, and no faint part where it shows none.
    """
    threshold = model.threshold
    least = model.steps.faint_from if with_faint else 0.0
    if not model.steps.outline_margin:
        outline = None
    if not least and outline is None:
        return Level(field, threshold)
    half = (1 + model.padding) / 2
    # On a card asking in rounds costs more than fewer nodes save.
    lowest = None if devices.is_card(device) else min(logit(threshold), logit(LEAST_JOINED))
    probe = Probe(field, PROBED, half, lowest, device)
    highest = float(probe.values.max().sigmoid())
    cube, view, possible = probe.values, None, None
    if outline is not None:
        outlined, view = _outlined(field, probe, threshold, outline, model)
        cube = probe.values + outlined.added(probe.nodes).view_as(cube)
        possible, field = outlined.is_possible(probe.nodes).view_as(cube).cpu(), outlined
    if not least:
        return Level(field, threshold, highest, view)
    steps, spacing = model.steps, 2 * half / (PROBED - 1)
    cube = cube.cpu()
    lift = faint_lift(cube, threshold, least, spacing, steps.faint_share, steps.faint_reach)
    if possible is not None:
        lift = lift * possible
    lift = joining_lift(cube, lift, threshold, keep_apart=keep_apart)
    return Level(Lifted(field, lift.to(device), half), threshold, highest, view)


def _outlined(
    field: PreparedField,
    probe: Probe,
    threshold: float,
    outline: Outline,
    model: ModelDescription,
) -> tuple[OutlinedField, PictureView]:
    """The field with all that a picture shows, and where that was taken from.

    probe: what the field says; it is asked wherever the picture may show what is lacking.
    """
    half, level = (1 + model.padding) / 2, logit(threshold)
    shown = torch.from_numpy(outline.shown).to(probe.values)
    begin = PictureCamera.of_view(outline.view)
    camera = fitted_camera(probe.values, half, begin, shown, level)
    margin = model.steps.outline_margin
    lack = lack_of(probe.values, half, camera, shown, level, margin)
    probe.ask(lacks_along(lack, camera, probe.nodes).view_as(probe.is_known))
    lack = lack_of(probe.values, half, camera, shown, level, margin)
    view = PictureView.of_numbers(camera.numbers()[0].tolist(), outline.view.confidence)
    depth = model.steps.outline_depth
    return OutlinedField(field, camera, shown, lack, probe.values, half, depth), view


def joined(
    surface: Extraction,
    level: Level,
    least: float,
    padding: float,
    device: torch.device,
    at: Callable[[Field], Extraction],
) -> tuple[Extraction, Level]:
    """The surface in the fewest parts, and the level that gives it.

    surface: that of `level`. least: the threshold that may hold between parts; 0 for none.
    padding: of the network's box; device: the field's. at: finds the surface once more, with
    something added to the field. The seconds are those of all that was tried.
    """
    seconds = dict(surface.seconds)
    parts = large_parts(surface.mesh) if least else []
    if len(parts) > 1:
        half = (1 + padding) / 2
        shares = between([surface.mesh.vertices[part] for part in parts], half)
        lift = (logit(level.threshold) - logit(least)) * torch.from_numpy(shares).to(device)
        other = at(Lifted(level.field, lift, half).added)
        for name, passed in other.seconds.items():
            seconds[name] += passed
        if len(large_parts(other.mesh)) < len(parts):
            surface, level = other, level._replace(field=Lifted(level.field, lift, half))
    return replace(surface, seconds=seconds), level
