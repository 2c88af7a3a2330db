"""Ways between shapes: from code to code, for models that describe a shape by one vector."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .progress import Progress

if TYPE_CHECKING:
    from ..settings import Settings
    from .making import Reconstruction
    from .reconstructor import Reconstructor


def between(first: ArrayLike, second: ArrayLike, factor: float) -> NDArray[np.float64]:
    """The point at `factor` (0 to 1) between two latents (D,).

    Directions turn evenly and lengths change evenly: samples of a normal distribution in many
    dimensions lie near a sphere, and a straight line would cut through its empty inside.
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    cosine = float(np.clip(first @ second / max(lengths[0] * lengths[1], 1e-12), -1, 1))
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        return (1 - factor) * first + factor * second
    direction = (
        np.sin((1 - factor) * angle) * first / lengths[0]
        + np.sin(factor * angle) * second / lengths[1]
    ) / np.sin(angle)
    return direction * ((1 - factor) * lengths[0] + factor * lengths[1])


def along(codes: ArrayLike, position: float, spherical: bool) -> NDArray[np.float64]:
    """The code (D,) at a position of the way through all codes (K, D).

    position: 0 is the first code, 1 the last; the codes divide the way evenly and are met exactly.
    spherical: `between`, for the latents of a normal distribution; else straight lines, for codes
    that an encoder gives, about whose distribution nothing is known.
    Raises InputError for fewer than two codes, codes that are not finite, or a position outside.
    """
    stops = np.asarray(codes, dtype=np.float64)
    if stops.ndim != 2 or len(stops) < 2 or not np.isfinite(stops).all():
        raise InputError("A morph needs two or more shapes of the same model, with finite codes.")
    if not 0 <= position <= 1:
        raise InputError("A morph goes from 0 to 1; {position:g} lies outside.", position=position)
    place = position * (len(stops) - 1)
    start = min(math.floor(place), len(stops) - 2)
    factor = place - start
    if factor in (0, 1):
        return stops[start + int(factor)]
    first, second = stops[start], stops[start + 1]
    if spherical:
        return between(first, second, factor)
    return (1 - factor) * first + factor * second


def code_at(reconstructor: Reconstructor, codes: ArrayLike, position: float) -> NDArray[np.float64]:
    """The code (D,) of a model at a position of the way through its codes (K, D).

    Raises ModelError where the model describes no shape by one vector, and what `along` raises.
    """
    reconstructor.assert_has_code()
    return along(codes, position, spherical=reconstructor.description.input_kind == "none")


def morphed(
    reconstructor: Reconstructor,
    codes: ArrayLike,
    position: float,
    settings: Settings,
    progress: Progress | None = None,
    *,
    is_preview: bool = False,
) -> Reconstruction:
    """The shape at a position of a morph, found from the last call's where that gives the same.

    is_preview: what the model is unsure of is not looked for, which takes longer than the rest.
    Raises what `code_at` and `Reconstructor.decode` raise.
    """
    code = code_at(reconstructor, codes, position)
    model = reconstructor.description
    interactive = is_preview or not (model.steps.faint_from or model.steps.joined_from)
    return reconstructor.decode(code, settings, progress, interactive=interactive)
