"""A file's points or mesh for a program that shows them before anything is made of them.

Blender keeps coordinates in single precision: what lies far from the origin, as scans in national
grids do, is read here in double precision and moved, and only its place is large.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..inputs.frame import network_to_up
from ..sentences import Sentence
from .job import Job, read

if TYPE_CHECKING:
    from ..inputs.volumes import VoxelGrid

# The corners of a cell's six sides, in steps from its lowest corner, seen from outside.
_SIDES = (
    ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)),
    ((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)),
    ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)),
    ((0, 1, 0), (0, 1, 1), (1, 1, 1), (1, 1, 0)),
    ((0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 0)),
    ((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
)


@dataclass(frozen=True, eq=False)
class Opened:
    """What a file holds, z up.

    kind: "points" or "voxels", what such a file is by its ending and content.
    vertices: (V, 3) float32, around the origin.
    faces: (F, 3) int32; none for points.
    colours: (V, 3) uint8 sRGB, None where the file has none.
    centre: (3,) float64, what was taken from the vertices.
    notes: what was decided while the file was read.
    normals: (V, 3) float32 of points, as the file states them; None where it has none.
    sights: (V, 3) float32, from each point to the scanner that saw it, likewise.
    """

    kind: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colours: NDArray[np.uint8] | None
    centre: NDArray[np.float64]
    notes: tuple[Sentence, ...] = ()
    normals: NDArray[np.float32] | None = None
    sights: NDArray[np.float32] | None = None


def open_file(path: Path, kind: str = "auto", up_axis: str | None = None) -> Opened:
    """Reads a scan, a mesh or a voxel model.

    kind, up_axis: see `Job`. Voxels become cubes' outer sides. Raises InputError for pictures, and
    for what `read` can't use.
    """
    job = read(Job(path=path, kind=kind, up_axis=up_axis))
    faces, colours = np.empty((0, 3), dtype=np.int32), job.colours
    if job.points is not None:
        places = np.asarray(job.points, dtype=np.float64)
    elif job.mesh is not None:
        places = np.asarray(job.mesh.vertices, dtype=np.float64)
        faces = np.asarray(job.mesh.faces, dtype=np.int32)
        if colours is not None:
            corners, colours = colours, np.full((len(places), 3), 255, dtype=np.uint8)
            colours[faces.ravel()] = corners.reshape(-1, 3)
    elif job.voxels is not None:
        places, faces = sides_of(job.voxels)
        if colours is not None:
            from ..mesh.nearest import colours_from_points

            colours = colours_from_points(places, job.voxels.centres(), colours)
    else:
        raise InputError("{name} is a picture.", name=path.name)
    centre = (places.min(axis=0) + places.max(axis=0)) / 2
    turn = _upright(job.up_axis or "z")
    around = (places - centre) @ turn.T
    small = around.astype(np.float32)
    opened = Opened(job.kind, small, faces, colours, turn @ centre, job.notes)
    if job.normals is None:
        return opened
    directions = (job.normals.directions @ turn.T).astype(np.float32)
    if job.normals.are_sights:
        return replace(opened, sights=directions)
    return replace(opened, normals=directions)


def _upright(up_axis: str) -> NDArray[np.float64]:
    """The rotation (3, 3) that turns a file's vertical to z; of y as Blender's importers do it.

    So a file stands where it would if Blender had opened it.
    """
    if up_axis == "y":
        return np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return network_to_up("z") @ network_to_up(up_axis).T


def sides_of(grid: VoxelGrid) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Vertices (V, 3) and triangles (F, 3) of the sides of occupied cells that touch empty ones."""
    cells = np.pad(grid.occupied, 1)
    quads = []
    for number, side in enumerate(_SIDES):
        step = np.zeros(3, dtype=np.int64)
        step[number // 2] = 1 if number % 2 else -1
        beside = np.roll(cells, -step, axis=(0, 1, 2))
        lowest = np.argwhere(cells & ~beside) - 1
        quads.append(lowest[:, None] + np.array(side))
    corners = np.concatenate(quads)
    places, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    four = index.reshape(-1, 4).astype(np.int32)
    faces = np.concatenate([four[:, [0, 1, 2]], four[:, [0, 2, 3]]])
    return grid.origin + grid.pitch * places, faces
