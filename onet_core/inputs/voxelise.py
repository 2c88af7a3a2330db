"""Meshes -> voxels: which cells a surface touches or encloses, and the grid of a blocky mesh.

A mesh that is made of blocks on a grid of at most 32 cells gives exactly these blocks. For any
other mesh a cell is occupied where the surface touches it (its boundary included), or where it can
not be reached from outside across the faces of untouched cells. The flood needs neither closed nor
consistently oriented surfaces, as long as holes are smaller than a cell.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from ..errors import InputError
from ..mesh.mesh import Mesh
from ..sentences import Sentence
from .frame import Frame
from .observation import VOXEL_RESOLUTION, Observation
from .volumes import VoxelGrid
from .voxels import prepare_voxels

_PAIRS_AT_ONCE = 200_000
# A plane that rises by at most one cell per cell touches at most this many cells of a column, and
# one more.
_DEEPEST = 3
# The longest component of the normal below which a plane is not known well enough, and a hair, both
# in cells.
_THINNEST, _HAIR = 1e-4, 1e-6


def voxelise_mesh(mesh: Mesh, up_axis: str = "z", name: str = "") -> Observation:
    """A mesh in source coordinates -> an observation of 32^3 cells around its bounding box.

    Vertices that no face uses are ignored. Raises InputError for meshes without faces, with
    coordinates that are not finite, or without any size.
    """
    label = name or Sentence("The mesh")
    if mesh.is_empty:
        raise InputError("{name} has no faces.", name=label)
    triangles = np.asarray(mesh.vertices, dtype=np.float64)[mesh.faces]
    if not np.isfinite(triangles).all():
        raise InputError(
            "{name} has coordinates that are not finite (NaN or infinite).", name=label
        )
    try:
        frame = Frame.of_points(triangles.reshape(-1, 3), up_axis)
    except InputError as error:
        raise InputError("{name}: {reason}", name=label, reason=error) from error
    grid = recover_blocks(triangles)
    if grid is not None:
        return prepare_voxels(grid, up_axis, name)
    cells = (frame.to_network(triangles.reshape(-1, 3)) + 0.5) * VOXEL_RESOLUTION
    occupied = solid_voxels(cells.reshape(-1, 3, 3), VOXEL_RESOLUTION)
    return Observation("voxels", occupied.astype(np.float32), frame, name)


def solid_voxels(triangles: NDArray[np.floating], resolution: int) -> NDArray[np.bool_]:
    """Cells that triangles touch or enclose: (R, R, R) bool.

    triangles: (F, 3, 3) corners in cells, so that cell i spans [i, i + 1] along each axis.
    """
    return binary_fill_holes(touched_voxels(triangles, resolution))


def touched_voxels(triangles: NDArray[np.floating], resolution: int) -> NDArray[np.bool_]:
    """Cells that share at least a point with a triangle, exactly: (R, R, R) bool.

    triangles: (F, 3, 3) corners in cells. By the separating axes of a triangle and a box
    (Akenine-Moeller, "Fast 3D triangle-box overlap testing", 2001): the box's own axes through the
    triangle's bounding box, the triangle's normal, and the nine cross products of their edges.
    """
    occupied = np.zeros((resolution,) * 3, dtype=bool)
    exact: NDArray[np.float64] = np.asarray(triangles, dtype=np.float64)
    low = np.clip(np.floor(exact.min(1) - 1e-9), 0, resolution).astype(np.int64)
    high = np.clip(np.floor(exact.max(1) + 1e-9), -1, resolution - 1).astype(np.int64)
    edges = np.roll(exact, -1, axis=1) - exact
    axes = np.concatenate(
        [np.cross(np.eye(3)[None, :], edge[:, None]) for edge in edges.transpose(1, 0, 2)]
        + [np.cross(edges[:, 0], edges[:, 1])[:, None]],
        axis=1,
    )  # (F, 10, 3)
    shadow = np.einsum("fad,fvd->fav", axes, exact)
    # Half a cell's own shadow on either side, and a hair for rounding.
    reach = 0.5 * np.abs(axes).sum(-1) * (1 + 1e-9) + 1e-9
    lower, upper = shadow.min(-1) - reach, shadow.max(-1) + reach
    for owner, cells in _cells_near(exact, axes[:, -1], low, high):
        centre = np.einsum("pad,pd->pa", axes[owner], cells + 0.5)
        touching = ((lower[owner] <= centre) & (centre <= upper[owner])).all(-1)
        occupied[tuple(cells[touching].T)] = True
    return occupied


def _cells_near(
    triangles: NDArray[np.float64],
    normals: NDArray[np.float64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """`_cells_in_boxes` of triangles (F, 3, 3), without most cells that are not at their planes.

    normals: (F, 3), of any length. Of a large triangle only a few cells of each column along its
    normal's longest axis are near it; of a very thin one the plane is not known well enough.
    """
    steepest = np.abs(normals).argmax(axis=1)
    length = np.abs(normals).max(axis=1)
    is_large = (length > _THINNEST) & ((high - low).min(axis=1) > _DEEPEST)
    others = np.flatnonzero(~is_large)
    for owner, cells in _cells_in_boxes(low[others], high[others]):
        yield others[owner], cells
    for axis in range(3):
        chosen = np.flatnonzero(is_large & (steepest == axis))
        bottom, top = low[chosen], high[chosen].copy()
        top[:, axis] = bottom[:, axis] + _DEEPEST
        # How the plane rises along the axis with each of the coordinates.
        slope = -normals[chosen] / normals[chosen, axis][:, None]
        slope[:, axis] = 0
        base = triangles[chosen, 0, axis] - (slope * triangles[chosen, 0]).sum(axis=1)
        spread = 0.5 * np.abs(slope).sum(axis=1) + _HAIR
        for owner, cells in _cells_in_boxes(bottom, top):
            # Numbers along the axis count from where the column meets the plane's lower side.
            number = cells[:, axis] - bottom[owner, axis]
            cells[:, axis] = 0
            depth = base[owner] + (slope[owner] * (cells + 0.5)).sum(axis=1)
            cells[:, axis] = np.floor(depth - spread[owner]).astype(np.int64) + number
            inside = (cells[:, axis] >= bottom[owner, axis]) & (
                cells[:, axis] <= high[chosen[owner], axis]
            )
            yield chosen[owner[inside]], cells[inside]


def recover_blocks(triangles: NDArray[np.floating]) -> VoxelGrid | None:
    """The grid of a mesh that is a union of closed blocks on a grid, or None.

    triangles: (F, 3, 3) in source coordinates. The grid is the coarsest of at most 32 cells along
    the longest edge on whose planes all corners lie; every face must lie in such a plane, and the
    inside must look the same along all three axes.
    """
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    longest = float((high - low).max())
    for count in range(1, VOXEL_RESOLUTION + 1):
        exact = (triangles - low) * (count / longest)
        corners = np.round(exact)
        if np.abs(exact - corners).max() < 1e-3:
            break
    else:
        return None
    corners = corners.astype(np.int64)
    flat = (corners == corners[:, :1]).all(axis=1)  # (F, 3): all corners in one plane of the axis
    shape = corners.max((0, 1))
    if not flat.any(axis=1).all() or shape.min() == 0:
        return None
    for signed in (True, False):
        found = [_inside(corners[flat[:, a]], shape, a, signed=signed) for a in range(3)]
        closed = [cells for cells in found if cells is not None]
        agree = len(closed) == 3 and all(np.array_equal(closed[0], cells) for cells in closed[1:])
        if agree and closed[0].any():
            return VoxelGrid(closed[0], low, longest / count)
    return None


def _inside(
    corners: NDArray[np.int64], shape: NDArray[np.int64], axis: int, *, signed: bool
) -> NDArray[np.bool_] | None:
    """Cells (X, Y, Z) inside the faces that lie across an axis; None where they are not closed.

    corners: (F, 3, 3) grid planes of the faces' corners. A cell is inside where the faces before it
    on a line along the axis do not cancel out: with `signed` by the sides they show, so that
    overlapping blocks count as one, else by being odd in number, whichever way they look.
    """
    counts = np.zeros(shape + np.eye(3, dtype=np.int64)[axis], dtype=np.int64)
    across = [other for other in range(3) if other != axis]
    level = corners[:, 0, axis]
    face = corners[:, :, across].astype(np.float64)
    first, second = face[:, 1] - face[:, 0], face[:, 2] - face[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    used = area != 0
    face, level, area = face[used], level[used], area[used]
    flat_low = np.zeros((len(face), 3), dtype=np.int64)
    flat_high = np.zeros((len(face), 3), dtype=np.int64)
    flat_low[:, :2], flat_high[:, :2] = face.min(1), face.max(1) - 1
    # Anywhere in a cell is as good; here no sensible edge between grid points passes through.
    probe = np.array([0.5 + np.sqrt(2) / 97, 0.5 + np.sqrt(3) / 89])
    for owner, cells in _cells_in_boxes(flat_low, flat_high):
        offset = cells[:, :2] + probe
        sides = []
        for start, end in ((0, 1), (1, 2), (2, 0)):
            edge = face[owner, end] - face[owner, start]
            to_probe = offset - face[owner, start]
            sides.append(edge[:, 0] * to_probe[:, 1] - edge[:, 1] * to_probe[:, 0])
        hit = (np.stack(sides) * np.sign(area[owner]) > 0).all(axis=0)
        index = np.empty((np.count_nonzero(hit), 3), dtype=np.int64)
        index[:, across], index[:, axis] = cells[hit, :2], level[owner[hit]]
        weight = np.sign(area[owner[hit]]).astype(np.int64) if signed else 1
        np.add.at(counts, tuple(index.T), weight)
    passed = counts.cumsum(axis=axis)
    inside = passed != 0 if signed else passed % 2 == 1
    within, behind = np.split(inside, [shape[axis]], axis=axis)
    return None if behind.any() else within


def _cells_in_boxes(
    low: NDArray[np.int64], high: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Every (box, cell in it) pair, some boxes at a time: owner (P,) and cells (P, 3).

    low, high: (B, 3), both inclusive; boxes with high < low have no cells.
    """
    sizes = np.maximum(high - low + 1, 0)
    counts = sizes.prod(axis=1)
    bounds = np.searchsorted(
        counts.cumsum(), np.arange(_PAIRS_AT_ONCE, counts.sum(), _PAIRS_AT_ONCE)
    )
    for boxes in np.split(np.arange(len(low)), np.unique(bounds)):
        owner = np.repeat(boxes, counts[boxes])
        if len(owner) == 0:
            continue
        starts = counts[boxes].cumsum() - counts[boxes]
        rank = np.arange(len(owner)) - np.repeat(starts, counts[boxes])
        size = sizes[owner]
        cells = np.stack(
            [
                rank // (size[:, 1] * size[:, 2]),
                rank // size[:, 2] % size[:, 1],
                rank % size[:, 2],
            ],
            axis=1,
        )
        yield owner, cells + low[owner]
