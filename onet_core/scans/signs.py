"""The signs of normals made consistent: neighbours agree, and the whole is a solid.

The network's signs are votes, right for most points and wrong for whole patches of some. Votes are
passed on between neighbours of parallel normals; then all signs are sought anew, near to these, so
that they also describe a solid, see `solid`. Where no signs do, the scan is an open surface, of
which neighbours alone say what one side is; ground was seen from above.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.sparse.linalg import LinearOperator, cg
from scipy.spatial import cKDTree

from .batches import merged_with_members
from .neighbours import Neighbours
from .normals import plane_normals
from .solid import WindingNumbers

FloatArray = NDArray[np.float64]

_MOST = 100_000
"""More points than this are merged for the votes."""

_FEWEST = 3_000
_ASKED = 3_000
_ASKED_WEIGHT = 30.0
_NEIGHBOURS = 10
_PASSES, _EXACT = 400, 1e-4
TRUST = 0.0005
"""What a point's own vote counts beside its neighbours'."""

FLAT, _LEAST_FLAT = 0.5, 1e-3
"""Neighbours say little about a point's sign if they lie so far off its plane, in their distances:
there are two sheets, or an edge, and its axis is a mean of both."""

_SOLID = 17.0
"""What the solid counts beside neighbours, along an edge that has as many points as the root of
their number."""

_SOLID_PASSES = 40

_SETTLED, _SOLID_SETTLED = 20, 8
"""Passes after which signs of which none has changed are final."""

LOPSIDED = 0.3
"""The normals of a solid, each as long as its area, add up to 0 (Gauss). Of an open surface they
add up to a greater share of all areas: floor and two walls of a corner to 0.58. A part that has
more than this upward is ground."""

SHEET = 0.8
"""More than this is an open surface also where few points leave thin boards and sheets alike: of
110 validation shapes of 3,000 points one has it, a mousepad; ground and a facade have 0.92."""

_LOOKED_AT = 1_500

_PARALLEL = 0.5
"""Mean cosine of the normals of a part and those of the largest one next to it: 60 degrees."""

_OF_A_SOLID, _MOST_THIN = 0.2, 0.5
"""The winding number at a solid's surface is one half; where more than a share has less than this,
the scan is open, or too thin to tell by this. At most 0.42 of the places had in 60 shapes, 0.83
and more in open scans."""


Sides = Callable[[FloatArray, FloatArray], FloatArray]
"""Places (M, 3) and unit directions (M, 3) -> whether outside lies that way, from -1 to 1 (M,)."""


class Signed(NamedTuple):
    """normals: (N, 3) with consistent signs.
    doubtful: the share of places that would be inside out.
    openness: what share of all areas the normals add up to where they describe no solid, else 0;
        1 where they describe none from the places that the points were seen from.
    """

    normals: FloatArray
    doubtful: float
    openness: float


def signed(
    points: FloatArray,
    axes: FloatArray,
    votes: FloatArray,
    spacing: float,
    sides: Sides | None = None,
    blur: float = 0.0,
    around: Neighbours | None = None,
    up: FloatArray | None = None,
    is_seen: bool = False,
) -> Signed:
    """Normals with consistent signs, outward where the points describe a solid.

    points (N, 3); axes (N, 3): unit normals of either sign; votes (N, 3): vectors that point
    outward as far as is known, the shorter the less sure; spacing: a typical one of the points.
    sides: another opinion, asked about some thousands of places. blur: points so near to each other
    say nothing about each other, for noise. around: of the points, where it is known. up: unit
    (3,), from where ground is seen if the scan is open; without it votes alone decide. is_seen:
    whether it is known from where the points were seen: by `sides`, from within, so that they
    describe no solid, or, without that, by the votes. Then nothing else counts.
    """
    votes_along = np.einsum("ni,ni->n", axes, votes)
    toward = axes * np.where(votes_along < 0, -1.0, 1.0)[:, None]
    edge = max(blur, 1.3 * spacing * float(np.sqrt(len(points) / _MOST)))
    if len(points) > _MOST or (blur and len(points) > _FEWEST):
        middles, directions, member, counts = merged_with_members(points, toward, edge)
        strength = np.bincount(member, np.abs(votes_along), minlength=len(middles)) / counts
    else:
        middles, directions, strength = points, toward, np.abs(votes_along)
        member = np.arange(len(points))
    lengths = np.linalg.norm(directions, axis=1)
    directions = directions / (lengths[:, None] + 1e-12)
    if around is None or middles is not points:
        around = Neighbours(middles)
        around.know(_NEIGHBOURS + 1)
    distances, near = around.of(slice(None), _NEIGHBOURS + 1)
    weights = _agreement(middles, directions, distances, near)
    own = np.clip(strength, 0, 1) ** 2 * lengths
    if is_seen and sides is None:
        own *= _ASKED_WEIGHT
    if sides is not None:
        asked = np.random.default_rng(0).permutation(len(middles))[:_ASKED]
        own *= 0.0 if is_seen else 0.5
        own[asked] += _ASKED_WEIGHT * sides(middles[asked], directions[asked])
    sign = np.sign(agreed(weights, own) + 1e-30)
    if is_seen and sides is not None:
        return Signed(_followed(axes, directions, sign, member), 0.0, 1.0)
    areas = np.pi * distances[:, -1] ** 2 / near.shape[1]
    numbers = WindingNumbers(middles, directions * sign[:, None], areas)
    if is_seen:
        is_solid = (numbers(np.ones(len(sign))) < _OF_A_SOLID).mean() <= _MOST_THIN
        return Signed(_followed(axes, directions, sign, member), 0.0, float(not is_solid))
    turned = _solid(diags_array(sign) @ weights @ diags_array(sign), own * sign, numbers)
    found = numbers(turned)
    is_thin = bool((found < _OF_A_SOLID).mean() > _MOST_THIN)
    doubtful, openness = 0.0 if is_thin else float((found < 0).mean()), 0.0
    if is_thin:
        sign, part = _along_a_tree(weights)
        sign *= np.where(np.bincount(part, own * sign) < 0, -1.0, 1.0)[part]
        away = areas[:, None] * directions * sign[:, None]
        openness = float(np.linalg.norm(away.sum(axis=0)) / areas.sum())
        if openness > LOPSIDED and up is not None:
            sign *= _seen_from_one_side(middles, away, areas, part, up)
    else:
        sign = sign * turned
    return Signed(_followed(axes, directions, sign, member), doubtful, openness)


def _followed(
    axes: FloatArray, directions: FloatArray, sign: FloatArray, member: NDArray[np.int64]
) -> FloatArray:
    """The axes (N, 3), each to the side of its voxel's direction (M, 3) times its sign (M,)."""
    outward = directions[member] * sign[member, None]
    along = np.einsum("ni,ni->n", axes, outward)
    return axes * np.where(along < 0, -1.0, 1.0)[:, None]


def may_be_sheet(points: FloatArray) -> bool:
    """Whether points (N, 3) may lie on an open surface that is seen from one side: the normals of
    some of them, passed on from neighbour to neighbour, add up to most of its area."""
    some = points[np.random.default_rng(0).permutation(len(points))[:_LOOKED_AT]]
    around = Neighbours(some)
    around.know(_NEIGHBOURS + 1)
    axes = plane_normals(some, around, _NEIGHBOURS)
    distances, near = around.of(slice(None), _NEIGHBOURS + 1)
    sign, part = _along_a_tree(_agreement(some, axes, distances, near))
    away = axes * (sign * distances[:, -1] ** 2)[:, None]
    sums = [np.bincount(part, column) for column in away.T]
    return bool(np.linalg.norm(sums, axis=0).sum() > SHEET * (distances[:, -1] ** 2).sum())


def _agreement(
    middles: FloatArray, directions: FloatArray, distances: FloatArray, near: NDArray[np.int64]
) -> csr_array:
    """How much neighbours' signs have to do with each other, symmetric, from -1 to 1."""
    count, width = near.shape
    cosine = np.einsum("nki,ni->nk", directions.take(near, axis=0), directions)
    step = (middles.take(near, axis=0) - middles[:, None]) / (distances[..., None] + 1e-12)
    # What lies above a point is another sheet.
    above = np.abs(np.einsum("nki,ni->nk", step, directions))
    scale = np.median(distances[:, 1:], axis=1, keepdims=True) + 1e-12
    close = np.exp(-((distances / (2 * scale)) ** 2))
    weight = np.sign(cosine) * cosine**2 * close * np.maximum(1 - above, 0) ** 2
    weight[:, 0] = 0
    off = (close * (above * distances) ** 2).sum(axis=1) / close.sum(axis=1)
    flat = np.exp(-off / (FLAT * scale[:, 0]) ** 2) + _LEAST_FLAT
    weight *= flat[:, None] * flat[near]
    rows = np.repeat(np.arange(count), width)
    matrix = csr_array((weight.ravel(), (rows, near.ravel())), shape=(count, count))
    return (matrix + matrix.T) / 2


def agreed(weights: csr_array, own: FloatArray) -> FloatArray:
    """The signs (M,), as numbers, that differ least from neighbours' and from votes of strength
    `own` for +1, which count little: the solution of a linear system by conjugate gradients."""
    degree = np.abs(weights).sum(axis=1) + TRUST * np.abs(own) + 1e-6
    root = np.sqrt(degree)
    # In units in which the diagonal is 1. Single precision is exact enough and half the work.
    scale = diags_array(1 / root)
    matrix = csr_array(eye_array(len(own)) - scale @ weights @ scale).astype(np.float32)
    right = (TRUST * own / root).astype(np.float32)
    begin = root.astype(np.float32)  # all signs are +1
    solved = _settled(
        matrix, right, _SETTLED, x0=begin, rtol=_EXACT, maxiter=_PASSES,
    )  # fmt: skip
    return np.asarray(solved / root, dtype=np.float64)


class _Settled(Exception):
    """Of numbers whose signs have not changed for some passes: the numbers."""


def _settled(
    matrix: csr_array | LinearOperator, right: FloatArray, passes: int, **given: Any
) -> FloatArray:
    """The solution (M,) of a linear system as far as its signs need it: by `cg`, which ends once
    none has changed for so many passes."""
    before, done = np.zeros(len(right), dtype=bool), 0

    def watch(values: FloatArray) -> None:
        nonlocal before, done
        done += 1
        if done % passes == 0:
            is_below = values < 0
            if done > passes and np.array_equal(is_below, before):
                raise _Settled(values)
            before = is_below

    try:
        return np.asarray(cg(matrix, right, callback=watch, **given)[0])
    except _Settled as found:
        return np.asarray(found.args[0])


def _solid(weights: csr_array, own: FloatArray, numbers: WindingNumbers) -> FloatArray:
    """Which signs (M,) are turned, as +1 and -1, so that neighbours and votes agree as before and
    the mean winding number at the surface is one half; by least squares."""
    degree = np.abs(weights).sum(axis=1) + TRUST * np.abs(own) + 1e-6
    # Neighbours part along lines, and the solid goes by areas.
    share = _SOLID * float(degree.mean() * np.sqrt(len(own))) / len(numbers.asked)

    def product(signs: FloatArray) -> FloatArray:
        solid = numbers.transposed(numbers(signs))
        return np.asarray(degree * signs - weights @ signs + share * solid)

    half = np.full(len(numbers.asked), 0.5)
    solved = _settled(
        LinearOperator((len(own), len(own)), matvec=product, dtype=np.float64),
        TRUST * own + share * numbers.transposed(half),
        _SOLID_SETTLED,
        x0=np.ones(len(own)),
        rtol=_EXACT,
        maxiter=_SOLID_PASSES,
        M=diags_array(1 / degree),
    )
    return np.where(solved < 0, -1.0, 1.0)


def _along_a_tree(weights: csr_array) -> tuple[FloatArray, NDArray[np.int32]]:
    """The signs (M,) that are passed on from neighbour to neighbour along the spanning tree of
    those that agree most, as by Hoppe et al. 1992, and the connected part (M,) of each."""
    count = weights.shape[0]
    costs = abs(weights)
    costs.eliminate_zeros()
    costs.data = 1 / costs.data
    tree = minimum_spanning_tree(costs).tocoo()
    parts, part = connected_components(tree, directed=False)
    # One more node, joined to one of each part, so that one walk reaches all.
    starts = np.unique(part, return_index=True)[1]
    rows = np.concatenate([tree.row, np.full(parts, count)])
    edges = (np.ones(len(rows)), (rows, np.concatenate([tree.col, starts])))
    joined = csr_array(edges, shape=(count + 1, count + 1))
    order, before = breadth_first_order(joined, count, directed=False)
    nodes = order[1:]
    is_inner = before[nodes] < count
    kept = np.ones(count)
    inner = nodes[is_inner]
    kept[inner] = np.where(np.asarray(weights[inner, before[inner]]).ravel() < 0, -1.0, 1.0)
    sign = np.ones(count + 1)
    for node in nodes.tolist():
        sign[node] = sign[before[node]] * kept[node]
    return sign[:count], part


def _seen_from_one_side(
    points: FloatArray,
    away: FloatArray,
    areas: FloatArray,
    part: NDArray[np.int32],
    up: FloatArray,
) -> FloatArray:
    """Which parts of an open surface are turned, as +1 and -1 for each point (M,).

    Ground was seen from above, a flat wall from where things bulge that stand before it; what
    stands before or behind the largest part and is parallel to it there, as a window in its wall,
    was seen from the same side. away: normals (M, 3) by votes, as long as their areas (M,).
    """
    sizes = np.bincount(part, areas)
    largest = int(sizes.argmax())
    turned = np.ones(len(sizes))
    tilt = np.bincount(part, away @ up) / sizes
    is_ground = np.abs(tilt) > LOPSIDED
    turned[is_ground] = np.sign(tilt[is_ground])
    if not is_ground[largest] and _bulging(away, areas, part) < -LOPSIDED:
        turned[largest] = -1.0
    theirs = np.flatnonzero(part == largest)
    beside = theirs[cKDTree(points[theirs]).query(points)[1]]
    alike = np.einsum("ni,ni->n", away, away[beside]) / areas[beside] * turned[largest]
    likeness = np.bincount(part, alike) / sizes
    is_parallel = (np.abs(likeness) > _PARALLEL) & ~is_ground
    is_parallel[largest] = False
    turned[is_parallel] = np.sign(likeness[is_parallel])
    return turned[part]


def _bulging(away: FloatArray, areas: FloatArray, part: NDArray[np.int32]) -> float:
    """How far what is not flat looks where the largest part does, -1 to 1; 0 if that is not flat.

    away, areas, part: as above. Votes know the side of what bulges, of something flat they don't.
    """
    sizes = np.bincount(part, areas)
    ways = np.stack([np.bincount(part, column) for column in away.T], axis=1)
    flatness = np.linalg.norm(ways, axis=1) / sizes
    largest = int(sizes.argmax())
    is_bulging = flatness < SHEET
    if is_bulging[largest] or not is_bulging.any():
        return 0.0
    way = ways[largest] / np.linalg.norm(ways[largest])
    return float((ways[is_bulging] @ way).sum() / sizes[is_bulging].sum())
