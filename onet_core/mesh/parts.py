"""The pieces that a surface is in: how many, and without the small ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .mesh import Mesh, weighted_normals

# Smaller pieces, by their share of the whole area, are crumbs.
LEAST_SHARE = 0.01

# A hollow was scanned if so much of its area was, by one of the nearest points whose normal is at
# most 60 degrees off, as a cosine.
_SCANNED, _LOOKED_AT, _ALIKE = 0.5, 12, 0.5


def count_parts(mesh: Mesh, least_share: float = LEAST_SHARE) -> int:
    """The number of pieces that hang together by shared vertices.

    Without crumbs: pieces that have less than that share of the whole area.
    """
    return len(large_parts(mesh, least_share))


def large_parts(mesh: Mesh, least_share: float = LEAST_SHARE) -> list[NDArray[np.int64]]:
    """The numbers of the vertices of each piece, the one of the largest area first.

    Without crumbs, see `count_parts`.
    """
    if mesh.is_empty:
        return []
    piece, areas = _pieces(mesh)
    large = np.flatnonzero(areas >= least_share * areas.sum())
    return [np.flatnonzero(piece == one) for one in large[np.argsort(-areas[large])]]


def without_islands(mesh: Mesh, least_share: float) -> Mesh:
    """The mesh without the pieces that have less than that share of the whole area.

    The largest piece always stays; vertices keep their order, normals and colours.
    """
    if mesh.is_empty:
        return mesh
    piece, areas = _pieces(mesh)
    stays = (areas >= least_share * areas.sum()) | (np.arange(len(areas)) == areas.argmax())
    return _of(mesh, stays[piece])


def without_specks(mesh: Mesh, size: float) -> Mesh:
    """The mesh without the pieces that are smaller than a size along every axis.

    Where all are, they all stay.
    """
    if mesh.is_empty:
        return mesh
    piece, areas = _pieces(mesh)
    stays = _are_wide(mesh, piece, len(areas), size)
    return _of(mesh, stays[piece]) if stays.any() else mesh


def without_flakes(mesh: Mesh, points: NDArray[np.float64], fewest: int) -> Mesh:
    """The mesh without the pieces that go through fewer than so many of the points (N, 3).

    The largest piece always stays.
    """
    if mesh.is_empty:
        return mesh
    piece, areas = _pieces(mesh)
    asked = np.arange(len(areas)) != areas.argmax()
    return _of(mesh, ~_are_flakes(mesh, piece, asked, points, fewest)[piece])


def without_artefacts(
    mesh: Mesh,
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    spacing: NDArray[np.float64],
    size: float,
    fewest: int,
) -> Mesh:
    """The surface of a scan without the pieces that are not of the thing.

    These are specks, smaller than a size along every axis (where all are, none is one); flakes,
    which go through fewer than so many of the points (N, 3); and bubbles, hollows inside that were
    not scanned. A hollow is a piece whose faces look inward. It was scanned if most of its area
    lies within a spacing (N,) of points whose normals (N, 3) look the same way. Of what is no
    speck, the largest piece always stays.
    """
    if mesh.is_empty:
        return mesh
    piece, areas = _pieces(mesh)
    if len(areas) == 1:
        return mesh
    stays = _are_wide(mesh, piece, len(areas), size)
    stays |= not stays.any()
    largest = np.where(stays, areas, 0).argmax()
    asked = stays & (np.arange(len(areas)) != largest)
    asked &= ~_are_flakes(mesh, piece, asked, points, fewest)
    asked &= ~_are_bubbles(mesh, piece, asked, points, normals, spacing)
    asked[largest] = True
    return _of(mesh, asked[piece])


def _are_wide(mesh: Mesh, piece: NDArray[Any], count: int, size: float) -> NDArray[np.bool_]:
    """Which of so many pieces are at least of a size along an axis."""
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, piece, mesh.vertices)
    np.maximum.at(high, piece, mesh.vertices)
    return np.asarray((high - low).max(axis=1) >= size)


def _are_flakes(
    mesh: Mesh,
    piece: NDArray[Any],
    asked: NDArray[np.bool_],
    points: NDArray[np.float64],
    fewest: int,
) -> NDArray[np.bool_]:
    """Which of the pieces that are asked about go through fewer than so many points (N, 3)."""
    vertices = np.flatnonzero(asked[piece])
    if not len(vertices):
        return np.zeros_like(asked)
    _, nearest = cKDTree(points).query(mesh.vertices[vertices])
    pairs = np.unique(np.stack([piece[vertices], nearest], axis=1), axis=0)
    return asked & (np.bincount(pairs[:, 0], minlength=len(asked)) < fewest)


def _are_bubbles(
    mesh: Mesh,
    piece: NDArray[Any],
    asked: NDArray[np.bool_],
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    spacing: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which of the pieces that are asked about are hollows that were not scanned."""
    faces = mesh.faces[asked[piece[mesh.faces[:, 0]]]]
    owner, corners = piece[faces[:, 0]], mesh.vertices[faces]
    volumes = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    is_hollow = np.bincount(owner, volumes, len(asked)) < 0
    if not is_hollow.any():
        return is_hollow
    corners, owner = corners[is_hollow[owner]], owner[is_hollow[owner]]
    ways = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sizes = np.linalg.norm(ways, axis=1)
    near = min(_LOOKED_AT, len(points))
    distances, nearest = cKDTree(points).query(corners.mean(axis=1), near)
    distances, nearest = distances.reshape(len(owner), -1), nearest.reshape(len(owner), -1)
    alike = np.einsum("fki,fi->fk", normals.take(nearest, axis=0), ways) > _ALIKE * sizes[:, None]
    is_scanned = (alike & (distances < spacing[nearest])).any(axis=1)
    scanned = np.bincount(owner, sizes * is_scanned, len(asked))
    return is_hollow & (scanned < _SCANNED * np.bincount(owner, sizes, len(asked)))


def _of(mesh: Mesh, kept: NDArray[np.bool_]) -> Mesh:
    """What is left of a mesh with some of its vertices (V,), which are whole pieces."""
    if kept.all():
        return mesh
    places = np.cumsum(kept) - 1
    return Mesh(
        mesh.vertices[kept],
        places[mesh.faces[kept[mesh.faces[:, 0]]]].astype(mesh.faces.dtype),
        None if mesh.normals is None else mesh.normals[kept],
        None if mesh.colours is None else mesh.colours[kept],
    )


def _pieces(mesh: Mesh) -> tuple[NDArray[Any], NDArray[Any]]:
    """The number of each vertex's piece (V,), and each piece's area (twice it)."""
    vertices, faces = len(mesh.vertices), len(mesh.faces)
    # Each face is linked to its vertices: these are the rows of a table as they are.
    first = np.concatenate([np.zeros(vertices, np.int64), np.arange(0, 3 * faces + 1, 3)])
    links = csr_array(
        (np.ones(3 * faces), mesh.faces.ravel(), first), shape=(vertices + faces,) * 2
    )
    _, part = connected_components(links, directed=False)
    doubled = np.linalg.norm(weighted_normals(mesh.vertices, mesh.faces), axis=0)
    return part[:vertices], np.bincount(part[vertices:], doubled, part.max() + 1)
