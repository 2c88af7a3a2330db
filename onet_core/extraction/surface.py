"""The surface of a field: MISE and marching cubes put together."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import InputError, NoSurfaceError
from ..mesh import Mesh
from .field import Field, Progress, evaluate, grid_to_box, logit
from .marching_cubes import MINIMUM_FRACTION, polygonise
from .mise import Mise

RESOLUTION_0 = 32
"""Cells per axis of the coarse grid, as in the paper."""

LARGEST_RESOLUTION = 4096


@dataclass(frozen=True)
class Extraction:
    """A surface and how it was found.

    mesh: in the network's frame; resolution: cells per axis of the final grid; evaluations: how
    many points each round of MISE evaluated; seconds: of "network", "mise" and "marching cubes".
    """

    mesh: Mesh
    resolution: int
    evaluations: tuple[int, ...]
    seconds: dict[str, float]


def split_resolution(resolution: int) -> tuple[int, int]:
    """Coarse grid and number of upsampling steps for a resolution in cells per axis.

    32 * 2 ** k is split into (32, k), as in the paper. Below 32 the grid is evaluated completely:
    (resolution, 0). Other numbers get a coarse grid between 32 and 64, so that nothing that the
    paper's coarse grid sees is lost; where they can't be halved often enough they are rounded up,
    by less than 3.2 %: 100 -> (50, 1), 1000 -> (63, 4), which is 1008.
    Raises InputError outside of 2 to 4096.
    """
    if not 2 <= resolution <= LARGEST_RESOLUTION:
        raise InputError(
            f"A resolution of {resolution} can't be used: choose a number between 2 and "
            f"{LARGEST_RESOLUTION}, such as 128."
        )
    if resolution < RESOLUTION_0:
        return resolution, 0
    steps = (resolution // RESOLUTION_0).bit_length() - 1
    resolution_0 = -(-resolution >> steps)
    if resolution_0 == 2 * RESOLUTION_0:
        return RESOLUTION_0, steps + 1
    return resolution_0, steps


def extract_surface(
    field: Field,
    *,
    resolution: int = 128,
    threshold: float = 0.2,
    padding: float = 0.1,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    batch_points: int | None = None,
    progress: Progress | None = None,
) -> Mesh:
    """The mesh of the surface where a field's probability is `threshold`: `extract(...).mesh`."""
    return extract(
        field,
        resolution=resolution,
        threshold=threshold,
        padding=padding,
        device=device,
        dtype=dtype,
        batch_points=batch_points,
        progress=progress,
    ).mesh


def extract(
    field: Field,
    *,
    resolution: int = 128,
    threshold: float = 0.2,
    padding: float = 0.1,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    batch_points: int | None = None,
    minimum_fraction: float = MINIMUM_FRACTION,
    progress: Progress | None = None,
) -> Extraction:
    """Finds the surface where a field's probability is `threshold` (paper, section 3.3).

    field: points (n, 3) of `dtype` on `device`, in the network's frame -> logits (n,).
    resolution: cells per axis, see `split_resolution`. padding: the box that is searched is a cube
    of edge 1 + padding around the origin. batch_points: see `field.evaluate`. minimum_fraction: see
    `marching_cubes.polygonise`; 0 gives the original's vertices exactly.
    progress: called between batches with a stage and the fraction of this call that is done.

    The mesh is closed, also where the shape leaves the box: there it is cut off at the box. Every
    edge has exactly two faces, which face outwards. Vertices are float64. Parts of the shape that
    lie between the points of the coarse grid are missed, as in the original.

    Raises NoSurfaceError where no point or every point that was looked at is inside (the original
    returns an empty mesh, or the box itself, which helps nobody); ModelError where the field is
    not finite; InputError for a threshold outside of 0 to 1 or an impossible resolution.
    """
    level = logit(threshold)
    mise = Mise(*split_resolution(resolution), level)
    report = _Report(progress, mise.depth)
    seconds = {"network": 0.0, "mise": 0.0, "marching cubes": 0.0}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[name] += now - clock
        clock = now

    while len(indices := mise.query()):
        report.start_round(len(indices))
        points = grid_to_box(indices, mise.resolution, padding, dtype).to(device)
        lap("mise")
        logits = evaluate(field, points, batch_points=batch_points, progress=report.advance)
        values = logits.cpu().double().numpy()
        lap("network")
        mise.update(values)
    lowest, highest = mise.value_range()
    if highest <= level or lowest > level:
        raise NoSurfaceError(_no_surface_message(threshold, lowest, highest))
    cells, corner_values = mise.active_cells()
    lap("mise")
    vertices, faces = polygonise(cells, corner_values, level, minimum_fraction=minimum_fraction)
    vertices = (1 + padding) * (vertices / mise.resolution - 0.5)
    lap("marching cubes")
    report.finish()
    return Extraction(Mesh(vertices, faces), mise.resolution, tuple(mise.evaluations), seconds)


class _Report:
    """Turns rounds of unknown number and size into a fraction that only grows.

    A surface meets about four times as many grid points for each halving, which predicts the rounds
    to come from the one that runs; the extra rounds for hanging points are too small to matter.
    """

    def __init__(self, progress: Progress | None, depth: int) -> None:
        self._progress = progress
        self._depth = depth
        self._round = -1
        self._size = 0
        self._done = 0
        self._expected = 0.0
        self._fraction = 0.0

    def start_round(self, size: int) -> None:
        self._done += self._size
        self._round += 1
        self._size = size
        left = self._depth - self._round
        if self._round == 0:  # The coarse grid is full, not only where the surface is.
            following = size / 2 * sum(4.0**step for step in range(left))
        else:
            following = size * sum(4.0**step for step in range(1, left + 1))
        self._expected = self._done + size + following

    def advance(self, fraction_of_round: float) -> None:
        if self._progress is None:
            return
        done = (self._done + fraction_of_round * self._size) / self._expected
        self._fraction = max(self._fraction, 0.95 * min(done, 1.0))
        self._progress("network", self._fraction)

    def finish(self) -> None:
        if self._progress is not None:
            self._progress("marching cubes", 1.0)


def _no_surface_message(threshold: float, lowest: float, highest: float) -> str:
    """What to tell the user; lowest and highest are the logits that were seen."""
    low, high = (0.5 * (1 + float(np.tanh(value / 2))) for value in (lowest, highest))
    if high - low < 1e-5:
        return (
            f"No surface at threshold {threshold:g}: the network's probability is {high:.3g} in "
            "the whole box, so no threshold helps: check the input and the model."
        )
    all_outside = threshold >= high
    where = "outside" if all_outside else "inside"
    suggestion = high / 2 if all_outside else (1 + low) / 2
    if not low < suggestion < high:
        suggestion = (low + high) / 2
    return (
        f"No surface at threshold {threshold:g}: the network takes the whole box for {where}; its "
        f"probabilities range from {_probability(low)} to {_probability(high)}. Try a threshold "
        f"such as {_rounded_within(suggestion, low, high)}, or check the input."
    )


def _probability(value: float) -> str:
    return f"{value:.3g}" if value < 0.99 else f"{value:.6g}"


def _rounded_within(value: float, low: float, high: float) -> str:
    """The value with as few digits as keep it between low and high."""
    texts = [f"{value:.{digits}g}" for digits in range(1, 18)]
    return next((text for text in texts if low < float(text) < high), texts[-1])
