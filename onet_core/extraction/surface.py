"""The surface of a field: MISE and marching cubes put together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError, NoSurfaceError
from ..mesh import Mesh
from .field import EXACT_BAND, Field, PreparedField, Progress, evaluate, grid_to_box, logit
from .following import Evaluate, follow
from .marching_cubes import MINIMUM_FRACTION
from .mise import OUTSIDE, Mise
from .sparse_grid import SparseGrid
from .sparse_marching_cubes import CrossedEdges, crossed_edges, faces_of

RESOLUTION_0 = 32
"""Cells per axis of the coarse grid, as in the paper."""

LARGEST_RESOLUTION = 4096

FOLLOWED_FROM = 64
"""Cells per axis, at least, of the grid that MISE searches. On finer ones it is followed."""


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
    root_steps: int = 0,
    followed_from: int = FOLLOWED_FROM,
    progress: Progress | None = None,
) -> Extraction:
    """Finds the surface where a field's probability is `threshold` (paper, section 3.3).

    field: points (n, 3) of `dtype` on `device`, in the network's frame -> logits (n,).
    resolution: cells per axis, see `split_resolution`. padding: the box that is searched is a cube
    of edge 1 + padding around the origin. batch_points: see `field.evaluate`. minimum_fraction: see
    `marching_cubes.polygonise`; 0 gives the original's vertices exactly.
    root_steps: how often each vertex is moved along its grid edge to where the field, evaluated at
    the vertex, says the surface is (regula falsi); each step evaluates every vertex once and brings
    the mesh to a third of the distance from the field's true surface, or nearer.
    followed_from: how fine a grid MISE works on, in cells per axis, at least; from there on the
    surface is followed, see `following`. With a number above the resolution every grid point that
    the original evaluates is evaluated.
    progress: called between batches with a stage and the fraction of this call that is done.

    The mesh is closed, also where the shape leaves the box: there it is cut off at the box. Every
    edge has exactly two faces, which face outwards. Vertices are float64. Parts of the shape that
    lie between the points of the coarse grid are missed, as in the original; where the surface is
    followed so are those that lie between the points of its grid and touch nothing else.

    Raises NoSurfaceError where no point or every point that was looked at is inside (the original
    returns an empty mesh, or the box itself, which helps nobody); ModelError where the field is
    not finite; InputError for a threshold outside of 0 to 1 or an impossible resolution.
    """
    level = logit(threshold)
    resolution_0, depth = split_resolution(resolution)
    steps = depth
    while steps and resolution_0 << steps - 1 >= followed_from:
        steps -= 1
    report = _Report(progress, resolution_0, depth)
    rounds = _Rounds(field, padding, device, dtype, batch_points, report)
    grid = _searched(rounds, Mise(resolution_0, steps, level), threshold)
    grid = follow(grid, rounds.on(grid.resolution))
    for _ in range(depth - steps):
        grid = grid.halved()
        grid = follow(grid, rounds.on(grid.resolution))
    edges = crossed_edges(grid)
    fractions = _fractions(grid, edges, rounds, root_steps)
    rounds.lap("mise")
    faces = faces_of(grid, edges)
    if not len(faces):
        in_box = grid.values[grid.values != OUTSIDE]
        lowest, highest = float(in_box.min()), float(in_box.max())
        raise NoSurfaceError(_no_surface_message(threshold, lowest, highest))
    fractions = fractions.clamp(minimum_fraction, 1 - minimum_fraction)
    vertices = _on_edges(grid, edges, fractions)
    vertices = (1 + padding) * (vertices / grid.resolution - 0.5)
    rounds.lap("marching cubes")
    rounds.report.finish()
    mesh = Mesh(vertices, faces)
    return Extraction(mesh, grid.resolution, tuple(rounds.evaluations), rounds.seconds)


def _searched(rounds: _Rounds, mise: Mise, threshold: float) -> SparseGrid:
    """The corners of the cells that MISE finds on the surface."""
    while len(indices := mise.query()):
        halvings = min(len(mise.evaluations), mise.depth)
        logits = rounds.at(torch.from_numpy(indices), mise.resolution, mise.level, halvings)
        mise.update(logits.cpu().double().numpy())
    lowest, highest = mise.value_range()
    if highest <= mise.level or lowest > mise.level:
        raise NoSurfaceError(_no_surface_message(threshold, lowest, highest))
    cells, values = mise.active_cells()
    return SparseGrid.of_cells(
        cells,
        values,
        mise.resolution,
        mise.level,
        band=EXACT_BAND if rounds.are_rough else float("inf"),
        dtype=rounds.dtype,
        device=rounds.device,
    )


class _Rounds:
    """Evaluates a field at grid points; counts, times and reports it.

    evaluations: how many points each round asked for; seconds: by stage.
    """

    def __init__(
        self,
        field: Field,
        padding: float,
        device: torch.device | str,
        dtype: torch.dtype,
        batch_points: int | None,
        report: _Report,
    ) -> None:
        self.device, self.dtype, self.report = torch.device(device), dtype, report
        self.are_rough = isinstance(field, PreparedField) and field.is_rough_faster
        self.evaluations: list[int] = []
        self.seconds = {"network": 0.0, "mise": 0.0, "marching cubes": 0.0}
        self._field, self._padding, self._batch_points = field, padding, batch_points
        self._clock = time.perf_counter()

    def at(
        self,
        indices: Tensor,
        resolution: int,
        level: float | None = None,
        halvings: int | None = None,
    ) -> Tensor:
        """Logits (n,) at grid indices (n, 3), which may lie between grid points.

        level: see `field.evaluate`; halvings: of the coarse grid, as the resolution's for progress.
        """
        self.report.start_round(len(indices), resolution, halvings)
        points = grid_to_box(indices, resolution, self._padding, self.dtype).to(self.device)
        self.lap("mise")
        logits = evaluate(
            self._field,
            points,
            level=level,
            batch_points=self._batch_points,
            progress=self.report.advance,
        )
        self.evaluations.append(len(indices))
        self.lap("network")
        return logits

    def on(self, resolution: int) -> Evaluate:
        """The function of grid indices that `follow` needs."""
        return partial(self.at, resolution=resolution)

    def lap(self, name: str) -> None:
        """Books the time since the last lap to a stage."""
        now = time.perf_counter()
        self.seconds[name] += now - self._clock
        self._clock = now


class _Report:
    """Turns rounds of unknown number and size into a fraction that only grows.

    A surface meets about four times as many grid points for each halving, which predicts the rounds
    to come from those on the grid that is searched; the coarse grid is full.
    """

    def __init__(self, progress: Progress | None, resolution_0: int, depth: int) -> None:
        self._progress = progress
        self._resolution_0 = resolution_0
        self._depth = depth
        self._on_grid = 0
        self._halvings = 0
        self._size = 0
        self._done = 0
        self._expected = 0.0
        self._fraction = 0.0

    def start_round(self, size: int, resolution: int, halvings: int | None) -> None:
        self._done += self._size
        self._size = size
        if halvings is None:
            halvings = (resolution // self._resolution_0).bit_length() - 1
        if halvings != self._halvings:
            self._halvings, self._on_grid = halvings, 0
        self._on_grid += size
        left = self._depth - halvings
        if halvings == 0:
            following = self._on_grid / 2 * sum(4.0**step for step in range(left))
        else:
            following = self._on_grid * sum(4.0**step for step in range(1, left + 1))
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


def _fractions(grid: SparseGrid, edges: CrossedEdges, rounds: _Rounds, root_steps: int) -> Tensor:
    """How far along each crossed edge the surface is, (V,), 0 to 1.

    By linear interpolation, which regula falsi repeats between the surface's last place and the
    edge's end on the other side.
    """
    exact = torch.float32 if rounds.device.type == "mps" else torch.float64
    start, stop = grid.values[edges.start].to(exact), grid.values[edges.stop].to(exact)
    low, high = torch.zeros_like(start), torch.ones_like(start)
    fractions = (grid.level - start) / (stop - start)
    rows = ((start != OUTSIDE) & (stop != OUTSIDE)).nonzero().squeeze(1)
    for _ in range(root_steps):
        places = grid.indices(edges.start[rows]).to(exact)
        places[torch.arange(len(rows), device=rows.device), edges.axis[rows]] += fractions[rows]
        values = rounds.at(places, grid.resolution).to(exact)
        at_start = (values > grid.level) == (start[rows] > grid.level)
        ahead, behind = rows[at_start], rows[~at_start]
        low[ahead], start[ahead] = fractions[ahead], values[at_start]
        high[behind], stop[behind] = fractions[behind], values[~at_start]
        fractions = low + (high - low) * (grid.level - start) / (stop - start)
    return fractions


def _on_edges(grid: SparseGrid, edges: CrossedEdges, fractions: Tensor) -> NDArray[np.float64]:
    """Vertices (V, 3) in units of grid indices."""
    vertices: NDArray[np.float64] = grid.indices(edges.start).cpu().numpy().astype(np.float64)
    vertices[np.arange(len(vertices)), edges.axis.cpu().numpy()] += fractions.cpu().numpy()
    return vertices


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
