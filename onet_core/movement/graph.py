"""A few nodes on a mesh that carry it: an embedded deformation (Sumner et al., SIGGRAPH 2007).

Every vertex moves with the nodes nearest to it along the surface, so that an arm does not stick
to the leg that it touches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

CARRIED_BY = 5
_NEIGHBOURS = 6
# Distances of so many nodes at a time from all vertices are held at once.
_NODES_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes of a mesh at rest.

    nodes: (K, 3) places.
    edges: (E, 2) pairs of nodes that move alike, each in both directions.
    carriers: (V, C) nodes of each vertex; weights (V, C) of them, with a sum of 1.
    spacing: how far apart nodes are.
    """

    nodes: NDArray[np.float64]
    edges: NDArray[np.int64]
    carriers: NDArray[np.int64]
    weights: NDArray[np.float64]
    spacing: float


@dataclass(frozen=True, eq=False)
class Pose:
    """Where nodes are by now: rotations (K, 3, 3) and places (K, 3)."""

    rotations: NDArray[np.float64]
    places: NDArray[np.float64]

    @classmethod
    def at_rest(cls, graph: Graph) -> Pose:
        """The pose that moves nothing."""
        return cls(np.tile(np.eye(3), (len(graph.nodes), 1, 1)), graph.nodes.copy())


def graph_of(vertices: NDArray[np.floating], faces: NDArray[np.integer], count: int) -> Graph:
    """So many nodes on a mesh of vertices (V, 3) and triangles (F, 3), fewer on a small one."""
    places: NDArray[np.float64] = np.asarray(vertices, dtype=np.float64)
    chosen = _spread(places, min(count, len(places)))
    nodes = places[chosen]
    distances, carriers = _nearest_along(places, faces, chosen)
    spacing = float(np.median(cKDTree(nodes).query(nodes, min(4, len(nodes)))[0][:, -1]))
    width = min(CARRIED_BY, len(chosen))
    weights = _weights(distances, width)
    edges = _edges(nodes, carriers[chosen], np.isfinite(distances[chosen]))
    return Graph(nodes, edges, carriers[:, :width], weights, max(spacing, 1e-12))


def moved(
    graph: Graph,
    pose: Pose,
    places: NDArray[np.float64],
    carriers: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Where places (N, 3) on the mesh at rest are in a pose; carriers, weights: (N, C) of them."""
    found = np.zeros_like(places)
    for column in range(carriers.shape[1]):
        nodes = carriers[:, column]
        away = places - graph.nodes[nodes]
        turned = np.einsum("nij,nj->ni", pose.rotations[nodes], away) + pose.places[nodes]
        found += weights[:, column, None] * turned
    return found


def _weights(distances: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """(V, width) of the nearest nodes, whose distances rise along each row of (V, width or more).

    Where a node is no longer among the nearest its weight is 0, so that no seam opens there.
    """
    distances = np.where(np.isfinite(distances), distances, np.inf)
    beyond = distances[:, width] if distances.shape[1] > width else np.full(len(distances), np.inf)
    farthest = np.where(np.isfinite(distances), distances, 0).max(1)
    beyond = np.where(np.isfinite(beyond), beyond, 1.5 * farthest)
    beyond = np.maximum(beyond, 1e-12)[:, None]
    weights = np.maximum(1 - np.minimum(distances[:, :width] / beyond, 1), 0) ** 2
    weights[:, 0] += 1e-6  # where all are equally far
    return np.asarray(weights / weights.sum(1, keepdims=True))


def _spread(vertices: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Vertices far from each other: each is the one farthest from those before."""
    chosen = np.empty(count, dtype=np.int64)
    away = np.linalg.norm(vertices - vertices.mean(0), axis=1)
    number = int(away.argmax())
    nearest = np.full(len(vertices), np.inf)
    for place in range(count):
        chosen[place] = number
        np.minimum(nearest, ((vertices - vertices[number]) ** 2).sum(1), out=nearest)
        number = int(nearest.argmax())
    return np.unique(chosen)


def _nearest_along(
    vertices: NDArray[np.float64], faces: NDArray[np.integer], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances along the surface (V, 7) and numbers (V, 7) of the nodes nearest to each vertex.

    A part of the mesh with too few nodes of its own has some of others, the straight way.
    """
    start, end = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    lengths = np.linalg.norm(vertices[start] - vertices[end], axis=1) + 1e-12
    # Of an edge's two entries scipy takes the smaller; here both are the same.
    roads = csr_matrix((lengths, (start, end)), shape=(len(vertices),) * 2)
    roads = roads.maximum(roads.T)
    width = min(_NEIGHBOURS + 1, len(chosen))
    best = np.full((len(vertices), width), np.inf)
    numbers = np.zeros((len(vertices), width), dtype=np.int64)
    straight, _ = cKDTree(vertices[chosen]).query(vertices[chosen], width)
    reach = 3 * float(straight[:, -1].max())
    for first in range(0, len(chosen), _NODES_AT_ONCE):
        some = chosen[first : first + _NODES_AT_ONCE]
        found = dijkstra(roads, directed=False, indices=some, limit=reach).T
        both = np.concatenate([best, found], axis=1)
        ids = np.broadcast_to(np.arange(first, first + len(some)), found.shape)
        all_numbers = np.concatenate([numbers, ids], axis=1)
        order = np.argpartition(both, width - 1, axis=1)[:, :width]
        best = np.take_along_axis(both, order, 1)
        numbers = np.take_along_axis(all_numbers, order, 1)
    order = np.argsort(best, axis=1, kind="stable")
    best, numbers = np.take_along_axis(best, order, 1), np.take_along_axis(numbers, order, 1)
    lost = ~np.isfinite(best[:, min(1, width - 1)])
    if lost.any():
        best[lost], numbers[lost] = (
            part.reshape(-1, width)
            for part in cKDTree(vertices[chosen]).query(vertices[lost], width)
        )
    return best, numbers


def _edges(
    nodes: NDArray[np.float64], near: NDArray[np.int64], is_there: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Pairs of nodes, in both directions, that hold all of the mesh together."""
    start = np.repeat(np.arange(len(nodes)), near.shape[1])[is_there.ravel()]
    pairs = np.stack([start, near.ravel()[is_there.ravel()]], axis=1)
    while True:
        links = csr_matrix((np.ones(len(pairs)), pairs.T), shape=(len(nodes),) * 2)
        parts, labels = connected_components(links, directed=False)
        if parts == 1:
            break
        # Each part is tied to the node of another one that is nearest.
        ties = []
        for part in range(parts):
            own, other = np.flatnonzero(labels == part), np.flatnonzero(labels != part)
            distances, nearest = cKDTree(nodes[other]).query(nodes[own])
            ties.append((own[distances.argmin()], other[nearest[distances.argmin()]]))
        pairs = np.concatenate([pairs, np.array(ties)])
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
