"""The surface of a field: MISE and marching cubes put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import devices
from ..errors import InputError, NoSurfaceError
from ..field import Field, Progress, logit
from ..mesh.mesh import Mesh
from ..sentences import Sentence
from .between import Samples
from .dense_search import dense_search, is_dense
from .following import follow
from .memory import Memory
from .messages import no_surface
from .mise import searched
from .precision import TOLERANCE, rough_errors, sharpened, stays_rough
from .root import CoarseValues, coarse_values
from .rounds import Report, Rounds
from .sparse_grid import OUTSIDE, SparseGrid, halved
from .sparse_marching_cubes import CrossedEdges, crossed_edges, faces_of

RESOLUTION_0 = 32
"""Cells per axis of the coarse grid, as in the paper."""

LARGEST_RESOLUTION = 4096

MINIMUM_FRACTION = 1e-4
"""How close to a grid point a vertex may come, in lengths of the edge: a value at the level gives a
small face instead of one without area."""

FOLLOWED_FROM = 64
"""Cells per axis, at least, of the grid that MISE searches. On finer ones the surface is followed,
see `following`. Networks are followed from `RESOLUTION_0` on."""


# Up to which share of the largest error networks' estimates are in doubt. On 40 clouds of
# validation shapes 3 of the shipped points network's 370,000 estimates beyond a half were wrong, of
# the 200,000 nearer ones 36.
_NETWORKS_DOUBT = 0.5


@dataclass(frozen=True)
class Extraction:
    """A surface and how it was found.

    mesh: in the network's frame.
    resolution: cells per axis of the final grid.
    evaluations: how many points each round of MISE evaluated.
    seconds: of "network", "mise" and "marching cubes".
    is_followed: whether it was found from an earlier surface, see `surface.interactive`, or else by
        a search through the whole box.
    notes: what the user should know of it.
    is_of_open: whether it closes what was observed to be open.
    """

    mesh: Mesh
    resolution: int
    evaluations: tuple[int, ...]
    seconds: dict[str, float]
    is_followed: bool = False
    notes: tuple[Sentence, ...] = ()
    is_of_open: bool = False


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
            "A resolution of {resolution} can't be used: choose a number between 2 and "
            "{most}, such as 128.",
            resolution=resolution,
            most=LARGEST_RESOLUTION,
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
    tolerance: float = TOLERANCE,
    followed_from: int | None = None,
    progress: Progress | None = None,
) -> Extraction:
    """Finds the surface where a field's probability is `threshold` (paper, section 3.3).

    field: points (n, 3) of `dtype` on `device`, in the network's frame -> logits (n,).
    resolution: cells per axis, see `split_resolution`.
    padding: the box that is searched is a cube of edge 1 + padding around the origin.
    batch_points: see `field.evaluate`.
    minimum_fraction: vertices keep at least this part of an edge's length from its ends; 0 gives
        the original's vertices.
    tolerance: how far half precision may move the surface, in cells, as the root mean square of its
        errors over the field's slope, where a prepared field computes faster so, see `precision`. 0
        gives float32's values at both ends of every crossed edge. Without a prepared field, or on a
        device without fast products in half precision, nothing is moved.
    followed_from: the grid that MISE works on, in cells per axis, at least; from there on the
        surface is followed, see `following`. By default 64, and 32 for prepared networks: their
        coarse grid is then not evaluated far from the surface either, see `root`. With a number
        above the resolution every grid point that the original evaluates is evaluated.
    progress: called between batches with a stage and the fraction of this call that is done.

    The mesh is closed, also where the shape leaves the box: there it is cut off at the box. Every
    edge has exactly two faces, which face outwards. Vertices are float64. Parts of the shape that
    lie between the points of the coarse grid are missed, as in the original; where the surface is
    followed so are those that lie between the points of its grid and touch nothing else.

    Raises NoSurfaceError where no point or every point that was looked at is inside (the original
    returns an empty mesh, or the box itself, which helps nobody); ModelError where the field is
    not finite; InputError for a threshold outside of 0 to 1 or an impossible resolution.
    """
    return only(
        extract_all(
            [field],
            resolution=resolution,
            threshold=threshold,
            padding=padding,
            device=device,
            dtype=dtype,
            batch_points=batch_points,
            minimum_fraction=minimum_fraction,
            tolerance=tolerance,
            followed_from=followed_from,
            progress=progress,
        )
    )


def extract_all(
    fields: Sequence[Field],
    *,
    resolution: int = 128,
    threshold: float = 0.2,
    padding: float = 0.1,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    batch_points: int | None = None,
    minimum_fraction: float = MINIMUM_FRACTION,
    tolerance: float = TOLERANCE,
    followed_from: int | None = None,
    progress: Progress | None = None,
    memory: Memory | None = None,
    added: Field | None = None,
    finest_asked: int = 0,
) -> list[Extraction | NoSurfaceError]:
    """The surfaces of several fields of one network, found together; arguments: see `extract`.

    The grids of all objects are one sparse grid, so each round evaluates all of their points, and
    nothing but that is done object by object. memory, added: see `Rounds`. finest_asked: on grids
    finer than the first of at least so many cells per axis, values are interpolated, see
    `between`, and fields are not asked; 0 asks on all. Returns for each field what `extract` gives
    or raises for want of a surface; seconds are those of all together. Raises what `extract`
    raises.
    """
    level = logit(threshold)
    resolution_0, depth = split_resolution(resolution)
    if not fields:
        return []
    asked = _steps_below(resolution_0, depth, finest_asked) if finest_asked else depth
    report = Report(progress, resolution_0, asked)
    rounds = Rounds(fields, padding, device, dtype, batch_points, report, tolerance, memory, added)
    grid, errors = search(
        rounds, resolution_0, depth, level, asked=asked, followed_from=followed_from
    )
    if all(errors):
        return [error for error in errors if error]
    return meshed(grid, rounds, minimum_fraction=minimum_fraction, errors=errors)


def only(made: Sequence[Extraction | NoSurfaceError]) -> Extraction:
    """The surface of the only object; raises the NoSurfaceError where there is none."""
    (one,) = made
    if isinstance(one, NoSurfaceError):
        raise one
    return one


def search(
    rounds: Rounds,
    resolution_0: int,
    depth: int,
    level: float,
    *,
    asked: int | None = None,
    followed_from: int | None = None,
    coarse: CoarseValues | None = None,
) -> tuple[SparseGrid, list[NoSurfaceError | None]]:
    """The cells of the grid of resolution_0 * 2 ** depth that the surfaces cross.

    asked: on how many of the depth's finer grids fields are asked, by default on all.
    coarse: see `root.coarse_values`, where they are known already.
    followed_from: see `extract`.
    Returns also, of each object, the error where it has no surface.
    """
    asked = depth if asked is None else asked
    if followed_from is None and coarse is None and is_dense(rounds, resolution_0 << depth):
        return dense_search(rounds, resolution_0, depth, asked, level, _NETWORKS_DOUBT)
    followed_from = followed_from or _followed_from(rounds)
    steps = _steps_below(resolution_0, asked, followed_from)
    if coarse is None:
        may_skip = skips_points(rounds, resolution_0, followed_from)
        coarse = coarse_values(rounds, resolution_0, level, may_skip=may_skip)
    grid, errors = searched(rounds, resolution_0, steps, level, coarse)
    if all(errors):
        return grid, errors
    grid = _refined(grid, rounds, asked - steps)
    if asked < depth:
        grid = _interpolated(grid, Samples.of(coarse.values, grid), depth - asked)
    return grid, errors


def _followed_from(rounds: Rounds) -> int:
    return RESOLUTION_0 if rounds.are_networks else FOLLOWED_FROM


def skips_points(rounds: Rounds, resolution_0: int, followed_from: int = RESOLUTION_0) -> bool:
    """Whether points of the coarse grid may be skipped, see `root`.

    On a GPU more rounds cost more than fewer points save.
    """
    is_followed = resolution_0 >= RESOLUTION_0 and followed_from <= resolution_0
    return is_followed and rounds.are_networks and rounds.device.type == "cpu"


def _steps_below(resolution_0: int, depth: int, cells: int) -> int:
    """How often the coarse grid is halved until it has so many cells per axis, at most `depth`."""
    steps = depth
    while steps and resolution_0 << steps - 1 >= cells:
        steps -= 1
    return steps


def _refined(grid: SparseGrid, rounds: Rounds, halvings: int) -> SparseGrid:
    """The surface followed from the searched grid to the one that is halved as often as that."""
    is_rough = [rounds.tolerance > 0] * rounds.objects
    doubt = _NETWORKS_DOUBT if rounds.are_networks else 1.0
    grid = follow(grid, rounds.on(grid.resolution, is_rough), doubt=doubt)
    if not rounds.tolerance:
        for _ in range(halvings):
            grid = halved(grid)
            grid = follow(grid, rounds.on(grid.resolution), doubt=doubt)
        return grid
    errors = rough_errors(grid, rounds)
    for left in range(halvings, 0, -1):
        if left == 1:
            is_rough = stays_rough(grid, rounds, errors)
        grid = halved(grid)
        if not all(is_rough):
            grid.forget_values(torch.tensor(is_rough, device=rounds.device))
        grid = follow(grid, rounds.on(grid.resolution, is_rough), doubt=doubt)
    return sharpened(grid, rounds, errors, is_rough)


def _interpolated(grid: SparseGrid, samples: Samples, halvings: int) -> SparseGrid:
    """The surface followed to the grid that is halved so often, between what is known."""
    for _ in range(halvings):
        grid = halved(grid)
        grid = follow(grid, samples.on(grid.resolution))
    return grid


def meshed(
    grid: SparseGrid,
    rounds: Rounds,
    *,
    minimum_fraction: float = MINIMUM_FRACTION,
    errors: Sequence[NoSurfaceError | None] = (),
) -> list[Extraction | NoSurfaceError]:
    """Each object's surface in the cells of a grid, by marching cubes; arguments: see `extract`.

    errors: of each object, where it is known already that there is none.
    """
    edges = crossed_edges(grid)
    fractions = _fractions(grid, edges)
    fractions = fractions.clamp(minimum_fraction, 1 - minimum_fraction)
    rounds.lap("mise")
    faces = faces_of(grid, edges)
    vertices = _on_edges(grid, edges, fractions)
    vertices = (1 + rounds.padding) * (vertices / grid.resolution - 0.5)
    # Vertices and faces are in the order of the keys: one object's after the other's.
    counts = torch.bincount(grid.objects(edges.start), minlength=rounds.objects)
    last = counts.cumsum(0).cpu().numpy()
    first = last - counts.cpu().numpy()
    face_limits = np.searchsorted(faces[:, 0], np.append(first, len(vertices)))
    rounds.lap("marching cubes")
    rounds.report.finish()
    made: list[Extraction | NoSurfaceError] = []
    for number in range(rounds.objects):
        start, stop = first[number], last[number]
        if start == stop:
            made.append((errors and errors[number]) or _nothing(grid, number))
            continue
        own = faces[face_limits[number] : face_limits[number + 1]]
        mesh = Mesh(vertices[start:stop], own - np.int32(start) if start else own)
        evaluations = tuple(rounds.evaluations[number])
        made.append(Extraction(mesh, grid.resolution, evaluations, rounds.seconds))
    return made


def _nothing(grid: SparseGrid, number: int) -> NoSurfaceError:
    in_box = grid.values[(grid.values != OUTSIDE) & (grid.objects() == number)]
    return no_surface(grid.level, float(in_box.min()), float(in_box.max()))


def _fractions(grid: SparseGrid, edges: CrossedEdges) -> Tensor:
    """How far along each crossed edge the surface is by linear interpolation, (V,), 0 to 1."""
    exact = devices.finest_dtype(grid.values.device)
    start, stop = grid.values[edges.start].to(exact), grid.values[edges.stop].to(exact)
    return (grid.level - start) / (stop - start)


def _on_edges(grid: SparseGrid, edges: CrossedEdges, fractions: Tensor) -> NDArray[np.float64]:
    """Vertices (V, 3) in units of grid indices."""
    vertices: NDArray[np.float64] = grid.indices(edges.start).cpu().numpy().astype(np.float64)
    vertices[np.arange(len(vertices)), edges.axis.cpu().numpy()] += fractions.cpu().numpy()
    return vertices
