"""One pose of the nodes that brings a mesh onto a cloud: a non-rigid registration.

First softly: each point of the cloud is shared out among the places of the mesh near it, in ever
narrower circles, as in coherent point drift (Myronenko and Song, 2010); then each point is drawn to
the plane of the mesh that is nearest. Meanwhile neighbouring nodes stay as rigid to each other as
they can (Sorkine and Alexa, 2007). Solved by Gauss and Newton's steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from .graph import Graph, Pose, moved

Places = NDArray[np.float64]


@dataclass(frozen=True)
class FitSettings:
    """How a pose is found; lengths are shares of the shape's longest edge.

    stiffness: weight of neighbours' rigidity beside the points.
    widest: of the circles in which points are shared out at first.
    soft_steps, sharp_steps: of Gauss and Newton, in each of the two ways.
    aside: how much a point draws along the plane that it is drawn to.
    outliers: share of points that may belong to nothing.
    """

    stiffness: float = 0.3
    widest: float = 0.06
    soft_steps: int = 4
    sharp_steps: int = 6
    aside: float = 0.02
    outliers: float = 0.05


@dataclass(frozen=True, eq=False)
class Samples:
    """Places of the mesh at rest that feel the points.

    places, normals: (S, 3); carriers, weights: (S, C), see `Graph`.
    """

    places: Places
    normals: Places
    carriers: NDArray[np.int64]
    weights: NDArray[np.float64]

    def only(self, chosen: NDArray[np.integer]) -> Samples:
        """Some of them."""
        return Samples(
            self.places[chosen], self.normals[chosen], self.carriers[chosen], self.weights[chosen]
        )


def fitted(
    graph: Graph, samples: Samples, soft: Samples, pose: Pose, points: Places, how: FitSettings
) -> Pose:
    """The pose, near one that is given, that brings samples of the mesh onto points (N, 3).

    soft: a few of the samples, for the first way.
    """
    some = points
    if len(points) > len(soft.places):
        # In the order of a fixed shuffle: the caller has mixed them.
        some = points[: len(soft.places)]
    spacing = spacing_of(some)
    narrowest = max(0.5 * spacing, 0.004)
    circles = np.geomspace(max(how.widest, narrowest), narrowest, how.soft_steps)
    for circle in circles:
        targets, shares = _shared_out(moved_samples(graph, pose, soft), some, circle, how.outliers)
        pose = _step(graph, soft, pose, targets, shares / len(some), how)
    reach = 2.5 * max(spacing, 0.01)
    for _ in range(how.sharp_steps):
        pose = _sharp_step(graph, samples, pose, points, reach, how)
    return pose


def moved_samples(graph: Graph, pose: Pose, samples: Samples) -> Places:
    """Where samples are in a pose, (S, 3)."""
    return moved(graph, pose, samples.places, samples.carriers, samples.weights)


def spacing_of(points: Places) -> float:
    """How far apart the points of a cloud are, typically."""
    if len(points) < 2:
        return 0.0
    return float(np.median(cKDTree(points).query(points, 2)[0][:, 1])) * 2


def distances_to(samples: Places, points: Places) -> NDArray[np.float64]:
    """How far points (N, 3) are from the nearest of the samples (S, 3), (N,)."""
    return np.asarray(cKDTree(samples).query(points)[0])


def _shared_out(
    places: Places, points: Places, circle: float, outliers: float
) -> tuple[Places, NDArray[np.float64]]:
    """Where each place (S, 3) is drawn to, and how much of the points (N, 3) is its own, (S,)."""
    square = ((points[:, None] - places[None]) ** 2).sum(-1)
    least = square.min(1, keepdims=True)
    shares = np.exp(-0.5 * (square - least) / circle**2)
    # A point far from all places counts less: it may belong to nothing.
    trust = np.exp(-0.5 * np.maximum(np.sqrt(least) - 2 * circle, 0) ** 2 / (4 * circle) ** 2)
    shares *= (1 - outliers) * trust / shares.sum(1, keepdims=True)
    own = shares.sum(0)
    return (shares.T @ points) / np.maximum(own, 1e-9)[:, None], own


def _sharp_step(
    graph: Graph,
    samples: Samples,
    pose: Pose,
    points: Places,
    reach: float,
    how: FitSettings,
) -> Pose:
    """A step that draws each point's nearest plane of the mesh to the point."""
    places = moved_samples(graph, pose, samples)
    distances, nearest = cKDTree(places).query(points)
    trust = 1 / (1 + (distances / reach) ** 2) ** 2
    met = samples.only(nearest)
    normals = np.einsum("nij,nj->ni", pose.rotations[met.carriers[:, 0]], met.normals)
    return _step(graph, met, pose, points, trust / len(points), how, normals)


def _step(
    graph: Graph,
    samples: Samples,
    pose: Pose,
    targets: Places,
    counts: NDArray[np.float64],
    how: FitSettings,
    normals: Places | None = None,
) -> Pose:
    """One step of Gauss and Newton towards the targets (S, 3), each with its weight.

    normals: (S, 3) along which alone a target draws in full.
    """
    count = len(graph.nodes)
    missed = targets - moved_samples(graph, pose, samples)
    rows, columns, values = _slopes(graph, samples, pose)
    slopes = csr_matrix((values, (rows, columns)), shape=(3 * len(missed), 6 * count))
    if normals is None:
        pulls = np.repeat(counts, 3)
        normal = slopes.T @ slopes.multiply(pulls[:, None])
        right = slopes.T @ (pulls * missed.ravel())
    else:
        flat = csr_matrix(
            (
                normals.ravel(),
                (np.repeat(np.arange(len(missed)), 3), np.arange(3 * len(missed))),
            ),
            shape=(len(missed), 3 * len(missed)),
        )
        along = flat @ slopes
        aside = np.repeat(how.aside * counts, 3)
        normal = along.T @ along.multiply(counts[:, None])
        normal = normal + slopes.T @ slopes.multiply(aside[:, None])
        right = along.T @ (counts * (normals * missed).sum(1))
        right = right + slopes.T @ (aside * missed.ravel())
    stiff, stiff_right = _rigidity(graph, pose, how.stiffness)
    matrix = np.asarray(normal.todense()) + stiff
    right = right + stiff_right
    matrix[np.diag_indices_from(matrix)] += 1e-7
    try:
        change = cho_solve(cho_factor(matrix, overwrite_a=True, check_finite=False), right)
    except LinAlgError:  # nothing holds some node: it stays
        return pose
    change = change.reshape(count, 6)
    turns = Rotation.from_rotvec(change[:, :3]).as_matrix()
    return Pose(turns @ pose.rotations, pose.places + change[:, 3:])


def _slopes(
    graph: Graph, samples: Samples, pose: Pose
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """How the samples move with turns and places of their nodes: entries of (3 S, 6 K)."""
    nodes, weights = samples.carriers, samples.weights
    away = samples.places[:, None] - graph.nodes[nodes]
    arms = np.einsum("snij,snj->sni", pose.rotations[nodes], away)
    block = np.zeros((*nodes.shape, 3, 6))
    block[..., :3] = -_crosses(arms)
    block[..., 3:] = np.eye(3)
    block *= weights[..., None, None]
    rows = 3 * np.arange(len(nodes))[:, None, None, None] + np.arange(3)[:, None]
    columns = 6 * nodes[:, :, None, None] + np.arange(6)
    shape = block.shape
    return (
        np.broadcast_to(rows, shape).ravel(),
        np.broadcast_to(columns, shape).ravel(),
        block.ravel(),
    )


def _rigidity(
    graph: Graph, pose: Pose, stiffness: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What keeps neighbours as they lay to each other at rest: matrix (6 K, 6 K) and side."""
    count, (first, second) = len(graph.nodes), graph.edges.T
    rest = graph.nodes[second] - graph.nodes[first]
    weight = stiffness / len(rest)
    weights = np.full(len(rest), weight) * (
        graph.spacing**2 / np.maximum((rest**2).sum(1), 1e-2 * graph.spacing**2)
    )
    arms = np.einsum("eij,ej->ei", pose.rotations[first], rest)
    missed = (pose.places[second] - pose.places[first]) - arms
    block = np.zeros((len(rest), 3, 12))
    block[:, :, :3] = -_crosses(arms)
    block[:, :, 3:6] = np.eye(3)
    block[:, :, 9:] = -np.eye(3)
    rows = 3 * np.arange(len(rest))[:, None, None] + np.arange(3)[:, None]
    columns = np.concatenate(
        [6 * first[:, None] + np.arange(6), 6 * second[:, None] + np.arange(6)], axis=1
    )[:, None]
    slopes = csr_matrix(
        (
            block.ravel(),
            (
                np.broadcast_to(rows, block.shape).ravel(),
                np.broadcast_to(columns, block.shape).ravel(),
            ),
        ),
        shape=(3 * len(rest), 6 * count),
    )
    pulls = np.repeat(weights, 3)
    matrix = slopes.T @ slopes.multiply(pulls[:, None])
    return np.asarray(matrix.todense()), slopes.T @ (pulls * missed.ravel())


def _crosses(arms: Places) -> Places:
    """Matrices (..., 3, 3) of the cross product with vectors (..., 3)."""
    found = np.zeros((*arms.shape, 3))
    x, y, z = np.moveaxis(arms, -1, 0)
    found[..., 0, 1], found[..., 0, 2] = -z, y
    found[..., 1, 0], found[..., 1, 2] = z, -x
    found[..., 2, 0], found[..., 2, 1] = -y, x
    return found
