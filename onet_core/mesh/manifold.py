"""Keeping triangle meshes manifold: every edge with two faces, every vertex with one fan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# How far the copies of a separated vertex move towards their own neighbours, so that programs that
# merge vertices at the same place do not join the sheets again.
_SEPARATION = 1e-3


def is_closed_manifold(faces: NDArray[np.integer]) -> bool:
    """Whether every edge is run through once in each direction: closed, manifold, one orientation.

    faces: (F, 3). An empty mesh is not closed.
    """
    if not len(faces):
        return False
    start, stop = _half_edges(faces)
    count = int(faces.max()) + 1
    forward = np.sort(start * count + stop)
    backward = np.sort(stop * count + start)
    return bool((forward[1:] != forward[:-1]).all() and (forward == backward).all())


def separate_sheets(
    vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Makes a closed, oriented mesh manifold where parts of it touch along edges or in vertices.

    Edge collapses glue thin parts together: an edge then has four faces, or a face lies on its own
    back. Faces that lie back to back are removed. Around an edge with more than two faces those
    two stay joined that bound the same piece of material, so that the pieces come apart there; and
    every vertex gets a copy for each fan of faces around it. Where two pairs of faces still share
    both ends of their edges, all edges but one are halved.

    vertices (V, 3), faces (F, 3) -> the same for the result. Copies are moved by a thousandth of
    the way to their neighbours' mean. Edges with one face (a border) stay as they are.
    """
    positions = np.asarray(vertices, dtype=np.float64)
    walls = _without_double_walls(np.asarray(faces, dtype=np.int64))
    if not len(walls):
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)
    first, second = _paired_half_edges(positions, walls)

    # Half-edge h runs from corner h to the next corner of its face. Paired half-edges share both
    # ends; corners that hang together through pairs are one vertex.
    corners = walls.size
    following = np.arange(corners).reshape(-1, 3)[:, [1, 2, 0]].ravel()
    rows = np.concatenate([first, following[first]])
    columns = np.concatenate([following[second], second])
    links = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(corners, corners))
    count, vertex_of = connected_components(links, directed=False)
    original = np.empty(count, dtype=np.int64)
    original[vertex_of] = walls.ravel()
    new_faces = vertex_of.reshape(-1, 3).astype(np.int64)
    new_vertices = positions[original]
    copies = np.flatnonzero(np.bincount(original, minlength=len(positions))[original] > 1)
    if len(copies):
        new_vertices[copies] += _SEPARATION * (
            _neighbour_means(new_vertices, new_faces)[copies] - new_vertices[copies]
        )
    return _with_repeated_edges_halved(new_vertices, new_faces)


def _half_edges(faces: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return (
        faces.ravel().astype(np.int64, copy=False),
        faces[:, [1, 2, 0]].ravel().astype(np.int64, copy=False),
    )


def _without_double_walls(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Removes faces without three different corners and pairs of faces that lie back to back."""
    ordered = np.sort(faces, axis=1)
    faces = faces[(ordered[:, 1:] != ordered[:, :-1]).all(axis=1)]
    if not len(faces):
        return faces
    ordered = np.sort(faces, axis=1)
    lowest = faces.argmin(axis=1)
    rows = np.arange(len(faces))
    next_corner = faces[rows, (lowest + 1) % 3]
    sign = np.where(next_corner == ordered[:, 1], 1, -1)
    _, group = np.unique(ordered, axis=0, return_inverse=True)
    group = group.ravel()
    surplus = np.bincount(group, weights=sign)  # Faces that are left when backs cancel fronts.
    # Within each group keep the first |surplus| faces of the sign that prevails.
    prevailing = np.flatnonzero(sign == np.sign(surplus[group]))
    prevailing = prevailing[np.argsort(group[prevailing], kind="stable")]
    sorted_group = group[prevailing]
    starts = np.searchsorted(sorted_group, sorted_group)
    rank = np.arange(len(prevailing)) - starts
    return faces[np.sort(prevailing[rank < np.abs(surplus[sorted_group])])]


def _edges(
    faces: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The half-edges grouped by edge.

    Returns half-edge numbers in the order of their edges, forward ones (from the lower to the
    higher vertex) first; where each edge begins in that order; how many half-edges it has; and
    for each half-edge, by number, whether it is a forward one.
    """
    start, stop = _half_edges(faces)
    edge = np.minimum(start, stop) * (int(faces.max()) + 1) + np.maximum(start, stop)
    forward = start < stop
    order = np.lexsort([~forward, edge])
    bounds = np.flatnonzero(np.append(True, edge[order][1:] != edge[order][:-1]))
    sizes = np.diff(np.append(bounds, len(order)))
    return order.astype(np.int64), bounds.astype(np.int64), sizes.astype(np.int64), forward


def _paired_half_edges(
    vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which half-edges lie against each other: two arrays of half-edge numbers."""
    order, bounds, sizes, forward = _edges(faces)
    simple = bounds[sizes == 2]
    first, second = order[simple], order[simple + 1]
    opposed = forward[first] & ~forward[second]
    pairs_first, pairs_second = [first[opposed]], [second[opposed]]
    for bound, size in zip(bounds[sizes > 2], sizes[sizes > 2], strict=True):
        around = order[bound : bound + size]
        one, other = _pairs_around_edge(vertices, faces, around, forward[around])
        pairs_first.append(one)
        pairs_second.append(other)
    return np.concatenate(pairs_first), np.concatenate(pairs_second)


def _with_repeated_edges_halved(
    vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Gives each pair of faces around an edge, but one, a vertex of their own in its middle."""
    while True:
        order, bounds, sizes, forward = _edges(faces)
        touched: set[int] = set()
        middles: list[NDArray[np.float64]] = []
        added: list[list[int]] = []
        faces = faces.copy()
        for bound, size in zip(bounds[sizes > 2], sizes[sizes > 2], strict=True):
            around = order[bound : bound + size]
            pairs = zip(*_pairs_around_edge(vertices, faces, around, forward[around]), strict=True)
            for pair in list(pairs)[1:]:
                owners = {int(half_edge) // 3 for half_edge in pair}
                if owners & touched:
                    continue  # Its face has changed: the next round's work.
                touched |= owners
                middle = len(vertices) + len(middles)
                for half_edge in pair:
                    face, corner = divmod(int(half_edge), 3)
                    rest = faces[face].copy()
                    rest[corner] = middle
                    added.append(rest.tolist())
                    ends = faces[face, [corner, (corner + 1) % 3]]
                    faces[face, (corner + 1) % 3] = middle
                middles.append(vertices[ends].mean(axis=0))
        if not middles:
            return vertices, faces
        vertices = np.concatenate([vertices, middles])
        faces = np.concatenate([faces, np.array(added, dtype=np.int64)])


def _pairs_around_edge(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int64],
    half_edges: NDArray[np.int64],
    forward: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs the half-edges of one edge that bound the same piece of material.

    Seen along the edge, with angles growing counter-clockwise, a face that runs forward has the
    material before it, one that runs backward behind it. So each backward face is paired with the
    forward face that follows it, by the rotation of the two sorted lists with the least angles.
    """
    reference = half_edges[np.argmax(forward)]
    start = vertices[faces.ravel()[reference]]
    stop = vertices[faces[:, [1, 2, 0]].ravel()[reference]]
    axis = (stop - start) / max(float(np.linalg.norm(stop - start)), 1e-300)
    apex = vertices[faces[:, [2, 0, 1]].ravel()[half_edges]] - start
    x_direction = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    x_direction /= max(float(np.linalg.norm(x_direction)), 1e-300)
    angle = np.arctan2(apex @ np.cross(axis, x_direction), apex @ x_direction)

    backs, fronts = np.flatnonzero(~forward), np.flatnonzero(forward)
    backs, fronts = backs[np.argsort(angle[backs])], fronts[np.argsort(angle[fronts])]
    pairs = min(len(backs), len(fronts))
    backs, fronts = backs[:pairs], fronts[:pairs]
    wedges = [
        np.mod(angle[np.roll(fronts, -turn)] - angle[backs], 2 * np.pi).sum()
        for turn in range(pairs)
    ]
    fronts = np.roll(fronts, -int(np.argmin(wedges))) if pairs else fronts
    return half_edges[fronts], half_edges[backs]


def _neighbour_means(
    vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> NDArray[np.float64]:
    start, stop = _half_edges(faces)
    count = len(vertices)
    number = np.maximum(np.bincount(start, minlength=count), 1)
    sums = [np.bincount(start, weights=vertices[stop, a], minlength=count) for a in range(3)]
    return np.stack(sums, axis=1) / number[:, None]
