"""What a picture shows of a mesh that was made from it: the picture, seen through its camera.

What the camera sees takes its colour; what lies hidden takes that of its mirror image, as most
objects are alike to the left and to the right. For the rest see `texture`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from ...errors import InputError
from ...inputs.frame import network_to_up
from ...mesh.mesh import Mesh
from ...mesh.normals import face_based_normals
from .view import PictureView

Map = Callable[[NDArray[np.float64]], NDArray[np.float64]]

EDGE = 512
"""Pixels along the edge of the picture that colours are taken from."""

# Where no mask says what is background: brighter in all channels is.
_WHITE = 250
# The object's rim is mixed with the background: pixels of the edge that are left out, and of a
# small picture that was enlarged, how many of its own pixels.
_RIM, _MIXED = EDGE // 170, 2
# Pixels along the edge of the map of what the camera sees first, and how far behind that still
# counts as seen, in units of the frame.
_MAP, _BEHIND = 256, 0.03
# Least cosine between a normal and the way to the camera.
_LEAST_FACING = 0.15
# What a mirror image counts beside what is seen itself.
_MIRRORED = 0.1
# Of how many nearest places the hidden ones take the mean, and why not of those that face the same
# way: training/results/colours.md.
_NEIGHBOURS = 6
_STEP = 0.7 / _MAP
# Where the network does not say where it looks from: the cells of outlines that are compared, the
# heights tried first, steps around the best, a usual distance, and how many points are enough.
_CELLS, _ELEVATIONS, _NEAR, _DISTANCE, _MOST_POINTS = 64, (0, 12, 25, 40), (-1, 0, 1), 2.0, 8_000


@dataclass(frozen=True, eq=False)
class Look:
    """What a picture shows of a mesh.

    vertices: (V, 3) in the network's frame.
    weights: (V, 2), how well the camera sees a vertex and its mirror image; 0 for hidden.
    colours: (V, 2, 3), 0 to 255, of the two; anything where their weight is 0.
    mean: (3,), of the object in the picture.
    view: where it was taken from.
    """

    vertices: NDArray[np.float64]
    weights: NDArray[np.float64]
    colours: NDArray[np.float64]
    mean: NDArray[np.float64]
    view: PictureView

    def blended(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Colours (V, 3) of what is seen, itself or its mirror image, and which (V,) are."""
        total = self.weights.sum(axis=1)
        colours = np.einsum("vk,vkc->vc", self.weights, self.colours)
        return colours / np.maximum(total, 1e-9)[:, None], total > 0


def look_at(
    mesh: Mesh,
    picture: NDArray[np.uint8],
    view: PictureView | None = None,
    shown: NDArray[np.bool_] | None = None,
    enlarged: float = 1.0,
) -> Look:
    """What a picture shows of a mesh, z up and its front towards -y.

    picture: (S, S, 3) as the network gets it, the object on white.
    view: where it was taken from, None where the network does not say: then from where the outlines
        are most alike.
    shown: (S, S), where it shows the object; None where that is not known, see `not_white`.
    enlarged: how many of its pixels one pixel of the user's picture became.

    Raises InputError where the picture shows no object, or the camera sees nothing of the mesh.
    """
    if shown is None:
        shown = not_white(picture)
    picture = _without_rim(picture, shown, math.ceil(_MIXED * enlarged))
    inner = ndimage.binary_erosion(shown, iterations=_RIM)
    if not inner.any() or mesh.is_empty:
        raise InputError("There is nothing in the picture to take colours from.")
    # What lies beside the object in the picture takes the nearest of its colours.
    nearest = ndimage.distance_transform_edt(~inner, return_distances=False, return_indices=True)
    filled = picture[tuple(nearest)]
    vertices = mesh.vertices @ network_to_up("z")
    view = view or likeliest_view(vertices, shown)
    own = _seen(vertices, mesh.faces, view)
    fit = _fit(own.places, shown)
    flipped = _seen(vertices * [-1, 1, 1], mesh.faces[:, ::-1], view)
    weights = np.stack([own.facing, _MIRRORED * flipped.facing], axis=1)
    if not weights.any():
        raise InputError("There is nothing in the picture to take colours from.")
    colours = np.stack([_at(filled, fit(part.places)) for part in (own, flipped)], axis=1)
    return Look(vertices, weights, colours, picture[inner].mean(axis=0), view)


def _without_rim(
    picture: NDArray[np.uint8], shown: NDArray[np.bool_], rim: int
) -> NDArray[np.uint8]:
    """The picture where what is nearer to the object's border than `rim` pixels has the colour of
    the nearest place that is not, thin parts that of the deepest place around."""
    if rim <= _RIM:
        return picture
    depth = ndimage.distance_transform_edt(shown)
    away, nearest = ndimage.distance_transform_edt(depth < rim, return_indices=True)
    taken = nearest[0] * depth.shape[1] + nearest[1]
    # Depths in sixteenths, and behind them the pixel's place.
    places = np.arange(depth.size).reshape(depth.shape)
    keys = np.rint(depth * 16).astype(np.int64) * depth.size + places
    deepest = ndimage.maximum_filter(keys, 2 * rim + 1) % depth.size
    taken = np.where(away > 2 * rim, deepest, taken)
    return np.where(shown[..., None], picture.reshape(-1, 3)[taken], picture)


def not_white(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels (S, S) of a picture (S, S, 3) on white show its object."""
    return np.asarray((picture < _WHITE).any(axis=2))


def from_nearest(
    places: NDArray[np.float64],
    colours: NDArray[np.float64],
    known: NDArray[np.bool_],
    neighbours: int = _NEIGHBOURS,
) -> NDArray[np.float64]:
    """Colours (V, 3) where each vertex without one has the mean of the nearest that have one.

    places: (V, D), by which they are near: the vertices, perhaps with more beside.
    """
    made = colours.copy()
    hidden, given = np.flatnonzero(~known), np.flatnonzero(known)
    if len(hidden):
        count = min(neighbours, len(given))
        _, chosen = cKDTree(places[given]).query(places[hidden], count)
        made[hidden] = colours[given[chosen.reshape(len(hidden), count)]].mean(axis=1)
    return made


def likeliest_view(vertices: NDArray[np.float64], shown: NDArray[np.bool_]) -> PictureView:
    """From where the outline of vertices (V, 3) is most like the object's, (S, S).

    First all around in large steps, then around the best. Where a shape is alike from two sides the
    outline can't tell them apart.
    """
    outline = _outline_of(shown)
    step = max(1, len(vertices) // _MOST_POINTS)
    points = vertices[::step]

    def likeness(view: tuple[float, float]) -> float:
        return _overlap(points, outline, *view)

    best: tuple[float, float] = max(
        ((azimuth, elevation) for azimuth in range(0, 360, 15) for elevation in _ELEVATIONS),
        key=likeness,
    )
    for reach in (8.0, 4.0, 2.0):
        around = [(best[0] + i * reach, best[1] + j * reach) for i in _NEAR for j in _NEAR]
        best = max(around, key=likeness)
    return _view_at(*best)


def outlines_alike(
    vertices: NDArray[np.float64], shown: NDArray[np.bool_], view: PictureView
) -> float:
    """The IoU of the outline of vertices (V, 3) from a view and the object's (S, S), both fitted
    into the same square."""
    return _overlap(vertices, _outline_of(shown), view.azimuth, view.elevation)


def _view_at(azimuth: float, elevation: float) -> PictureView:
    return PictureView(azimuth % 360, elevation, _DISTANCE, _DISTANCE, 0.5, 0.5, 0.0)


def _outline_of(shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The object (S, S) cut out and scaled into a map, its longer side filling it."""
    rows, columns = np.nonzero(shown)
    places = np.stack([columns, rows], axis=1) / len(shown)
    return _splatted(places)


def _splatted(places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Places (N, 2) as a map (_CELLS, _CELLS) that their longer side fills."""
    low, high = places.min(axis=0), places.max(axis=0)
    scale = (_CELLS - 5) / max(float((high - low).max()), 1e-9)
    cells = ((places - (low + high) / 2) * scale + _CELLS / 2).astype(int)
    made = np.zeros((_CELLS, _CELLS), dtype=bool)
    made[cells[:, 1], cells[:, 0]] = True
    return ndimage.binary_closing(made, iterations=2)


def _overlap(
    points: NDArray[np.float64], outline: NDArray[np.bool_], azimuth: float, elevation: float
) -> float:
    """The IoU of an outline and that of points (N, 3) seen from there."""
    places, _ = _projected(points, _view_at(azimuth, elevation))
    seen = _splatted(places)
    return float((seen & outline).sum() / (seen | outline).sum())


class _Seen:
    """places: (V, 2), 0 to 1 from left to right and from top to bottom of the picture; facing:
    (V,), the cosine towards the camera, 0 for what is hidden."""

    def __init__(self, places: NDArray[np.float64], facing: NDArray[np.float64]) -> None:
        self.places, self.facing = places, facing


def _seen(vertices: NDArray[np.float64], faces: NDArray[np.integer], view: PictureView) -> _Seen:
    """How the camera sees vertices (V, 3) in the network's frame."""
    places, depth = _projected(vertices, view)
    forward = camera_axes(view)[2]
    ways = -forward * view.distance - vertices
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    facing = np.einsum("vi,vi->v", face_based_normals(vertices, faces), ways)
    first = _first(places, depth, faces)
    column, row = np.clip((places * _MAP).astype(int), 0, _MAP - 1).T
    is_seen = (facing > _LEAST_FACING) & (depth < first[row, column] + _BEHIND)
    return _Seen(places, np.where(is_seen, facing, 0.0))


def camera_axes(view: PictureView) -> NDArray[np.float64]:
    """Rows: right, down and forward of a camera, in the network's frame."""
    azimuth, elevation = math.radians(view.azimuth), math.radians(view.elevation)
    sin_a, cos_a = math.sin(azimuth), math.cos(azimuth)
    sin_e, cos_e = math.sin(elevation), math.cos(elevation)
    return np.array(
        [
            [cos_a, 0, -sin_a],
            [sin_e * sin_a, -cos_e, sin_e * cos_a],
            [-cos_e * sin_a, -sin_e, -cos_e * cos_a],
        ]
    )


def _projected(
    vertices: NDArray[np.float64], view: PictureView
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where vertices (V, 3) are in the picture, (V, 2) from 0 to 1, and their depth (V,)."""
    right, down, forward = camera_axes(view)
    depth = vertices @ forward + view.distance
    size = view.focal / np.maximum(depth, 0.05 * view.distance)
    return np.stack([view.x + vertices @ right * size, view.y + vertices @ down * size], 1), depth


def _first(
    places: NDArray[np.float64], depth: NDArray[np.float64], faces: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The depth (_MAP, _MAP) of what the camera sees first, infinite where it sees nothing."""
    corners = np.concatenate([places, depth[:, None]], axis=1)[faces]
    sides = corners[:, [1, 2, 0], :2] - corners[:, :, :2]
    steps = np.clip(np.ceil(np.linalg.norm(sides, axis=2).max(axis=1) / _STEP), 1, 64).astype(int)
    made = np.full(_MAP * _MAP, np.inf)
    for count in np.unique(steps):
        first, second = np.meshgrid(*[np.arange(count + 1)] * 2, indexing="ij")
        inside = first + second <= count
        pairs = np.stack([first[inside], second[inside]], axis=1) / count
        weights = np.column_stack([pairs, 1 - pairs.sum(axis=1)])
        # As a product of matrices, three times as fast as einsum.
        samples = np.tensordot(corners[steps == count], weights, (1, 1))
        column, row = np.clip((samples[:, :2] * _MAP).astype(int), 0, _MAP - 1).swapaxes(0, 1)
        np.minimum.at(made, (row * _MAP + column).ravel(), samples[:, 2].ravel())
    return made.reshape(_MAP, _MAP)


def _fit(places: NDArray[np.float64], shown: NDArray[np.bool_]) -> Map:
    """A map of places that lays the mesh's outline over the object's: box onto box."""
    rows, columns = np.nonzero(shown)
    low = np.array([columns.min(), rows.min()]) / len(shown)
    high = np.array([columns.max() + 1, rows.max() + 1]) / len(shown)
    least, most = places.min(axis=0), places.max(axis=0)
    scale = (high - low) / np.maximum(most - least, 1e-9)
    return lambda asked: low + (asked - least) * scale


def _at(picture: NDArray[np.uint8], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The colours (V, 3) of a picture at places (V, 2), between its pixels."""
    rows, columns = places[:, 1] * len(picture) - 0.5, places[:, 0] * len(picture) - 0.5
    channels = [
        ndimage.map_coordinates(picture[..., i], [rows, columns], float, order=1, mode="nearest")
        for i in range(3)
    ]
    return np.stack(channels, axis=1)
