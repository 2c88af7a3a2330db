"""Point clouds: coordinates -> an observation in the network's frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, NoPointsError
from ..sentences import Sentence
from .content import left_out
from .frame import Frame, network_to_up
from .observation import Normals, Observation

MINIMUM_POINTS = 4


def prepare_points(
    points: NDArray, up_axis: str = "z", name: str = "", normals: Normals | None = None
) -> Observation:
    """Points (N, 3) in source coordinates -> an observation: centred, longest edge 1, y up.

    normals: of the points, where some are known.
    Points with coordinates that are not finite are left out, which is noted. Flat clouds are taken
    as they are; fewer than 4 points, and points that are all the same or on one line raise
    InputError.
    """
    label = name or Sentence("The point cloud")
    try:
        points = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("{name} holds something that is not a number.", name=label) from error
    if points.size == 0:
        raise NoPointsError("{name} has no points.", name=label)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(
            "{name} must be rows of x, y, z, not an array of shape {shape}.",
            name=label, shape=points.shape,
        )  # fmt: skip
    finite = np.isfinite(points).all(axis=1)
    notes: tuple[Sentence, ...] = ()
    missing = int(np.count_nonzero(~finite))
    if missing == len(points):
        raise InputError("{name} has no points whose coordinates are finite.", name=label)
    if missing:
        points = points[finite]
        normals = None if normals is None else normals.only(finite)
        notes = (left_out(missing),)
    if len(points) < MINIMUM_POINTS:
        raise InputError(
            "{name} has {count}: at least {least} are needed, some hundreds are good.",
            name=label, least=MINIMUM_POINTS,
            count=Sentence("1 point") if len(points) == 1 else Sentence(
                "{count} points", count=len(points)
            ),
        )  # fmt: skip
    try:
        frame = Frame.of_points(points, up_axis)
    except InputError as error:
        raise InputError("{name}: {reason}", name=label, reason=error) from error
    data = frame.to_network(points)
    spread = np.linalg.eigvalsh(np.cov(data.T))
    # Widths are square roots of these: a line is a hundred-thousandth as wide as it is long.
    if spread[1] <= 1e-10 * spread[2]:
        raise InputError(
            "{name} has all its points on one line: there is no surface to find.", name=label
        )
    if normals is not None:
        normals = normals.turned(network_to_up(up_axis), 1 / frame.scale)
    return Observation("points", data.astype(np.float32), frame, name, notes=notes, normals=normals)
