"""What a file holds, in its own coordinates, before a network looks at it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..errors import InputError
from ..kinds import KindName
from ..sentences import Sentence
from .limits import MOST_CELLS
from .volumes import VoxelGrid

# This many points at exactly the origin are pixels where a sensor saw nothing.
_ZEROS = 3

# What programs write where they have no value. Such a number is one where it lies this many times
# farther from all others than these lie from each other.
_NO_DATA = (-9999.0, -99999.0, -999999.0, -32768.0, -32767.0)
_APART = 10.0
# Numbers beyond this are marks of that kind too, such as the largest of single precision.
_BEYOND = 1e30

# Steps of this share of the size can be seen.
_COARSE = 0.005

# Rows of whole numbers are cells where this share of them has a neighbour right beside it.
_TOUCHING = 0.9


@dataclass(frozen=True, eq=False)
class Content:
    """Points, a mesh, a grid or pixels; what is not there is None.

    points: (N, 3) float64, of a cloud, or the vertices of `faces`.
    faces: (F, 3) int64, triangles between the points.
    colours: (N, 3) uint8 sRGB of the points; a reader masks those that the file leaves open.
    normals: (N, 3) of the points of a cloud, as the file states them, unit vectors or zeros.
    sights: (N, 3) float32, from each point of a cloud to the scanner that saw it, where the file
        says where that stood.
    grid: occupied cells.
    pixels: (H, W, 3 or 4) uint8, the first row on top.
    up_axis: where the file itself says its vertical, such as "y", else empty.
    notes: what the reader decided where the file left it open, one sentence each.
    """

    points: NDArray[np.float64] | None = None
    faces: NDArray[np.int64] | None = None
    colours: NDArray[np.uint8] | None = None
    normals: NDArray[np.float64] | None = None
    sights: NDArray[np.float32] | None = None
    grid: VoxelGrid | None = None
    pixels: NDArray[np.uint8] | None = None
    up_axis: str = ""
    notes: tuple[Sentence, ...] = ()

    @property
    def kind(self) -> KindName:
        """The kind unless another is asked for: meshes with faces are voxels."""
        if self.pixels is not None:
            return "image"
        return "voxels" if self.grid is not None or self.has_faces else "points"

    @property
    def has_faces(self) -> bool:
        return self.faces is not None and len(self.faces) > 0

    def noting(self, template: str, **values: object) -> Content:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, Sentence(template, **values)))

    def only(self, kept: NDArray[np.bool_]) -> Content:
        """A cloud of the points that are marked in `kept` (N,). Faces are dropped."""
        assert self.points is not None
        colours = None if self.colours is None else self.colours[kept]
        normals = None if self.normals is None else self.normals[kept]
        sights = None if self.sights is None else self.sights[kept]
        known = replace(self, colours=colours, normals=normals, sights=sights)
        return replace(known, points=self.points[kept], faces=None)


def seen_from(stand: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """From each of the points (N, 3) to the place (3,) of the scanner that saw them, see `Content`.

    Ways that single precision does not hold are infinite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return (stand - points).astype(np.float32)


def checked(content: Content, name: str) -> Content:
    """The content with arrays of matching shapes; raises InputError where they do not match."""
    points, faces, colours = content.points, content.faces, content.colours
    if points is None:
        return content
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError("{name} holds no rows of x, y, z.", name=name)
    if colours is not None and colours.shape != points.shape:
        raise InputError(
            "{name} has {count:,} points, but colours for {colours:,}.",
            name=name, count=len(points), colours=len(colours),
        )  # fmt: skip
    if content.normals is not None and content.normals.shape != points.shape:
        raise InputError(
            "{name} has {count:,} points, but normals for {normals:,}.",
            name=name, count=len(points), normals=len(content.normals),
        )  # fmt: skip
    if faces is not None and len(faces) and not 0 <= faces.min() <= faces.max() < len(points):
        raise InputError("{name} has faces that point at vertices it does not have.", name=name)
    return content


def unseen_points(points: NDArray[np.floating]) -> tuple[NDArray[np.bool_], tuple[Sentence, ...]]:
    """Which of the points (N, 3) a sensor did not see, (N,) bool, and the sentences for that.

    These are points with coordinates that are not finite or that mean "no data", and three or more
    at exactly the origin.
    """
    finite = np.isfinite(points).all(axis=1)
    notes: list[Sentence] = []
    missing = int(np.count_nonzero(~finite))
    if missing:
        notes.append(left_out(missing))
    empty, mark = _without_data(points, finite)
    if empty.any():
        finite &= ~empty
        count = int(np.count_nonzero(empty))
        notes.append(
            Sentence(
                "{count:,} points with {value:g} for no data were left out", count=count, value=mark
            )
        )
    zero = (points == 0).all(axis=1)
    zeros = int(np.count_nonzero(zero))
    if zeros < _ZEROS or zeros == np.count_nonzero(finite):
        return ~finite, tuple(notes)
    notes.append(Sentence("{count:,} points at the origin (0, 0, 0) were left out", count=zeros))
    return ~finite | zero, tuple(notes)


def _without_data(
    points: NDArray[np.floating], finite: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], float]:
    """Which of the points (N, 3) have a mark for "no data" as a coordinate (N,), and that mark."""
    none = np.zeros(len(points), dtype=bool)
    marked = finite[:, None] & (np.isin(points, _NO_DATA) | (np.abs(points) > _BEYOND))
    empty = marked.any(axis=1)
    rest = points[finite & ~empty]
    if not empty.any() or len(rest) < 2:
        return none, 0.0
    low, high = rest.min(axis=0), rest.max(axis=0)
    away = np.maximum(low - points, points - high) > _APART * float((high - low).max())
    empty = (marked & away).any(axis=1)
    return empty, float(points[marked & away][0]) if empty.any() else 0.0


def left_out(count: int) -> Sentence:
    """The sentence for points that are not finite."""
    if count == 1:
        return Sentence("1 point that is not finite was left out")
    return Sentence("{count:,} points that are not finite were left out", count=count)


def without_unseen(content: Content) -> Content:
    """A cloud without the points that a sensor did not see, a mesh without those faces.

    What would have nothing left stays as it is: what reads it says what is wrong.
    """
    if content.points is None or content.points.ndim != 2:
        return content
    if content.has_faces:
        return _of_finite_faces(content)
    unseen, notes = unseen_points(content.points)
    if not notes or unseen.all():
        return content
    return replace(content.only(~unseen), notes=(*content.notes, *notes))


def with_all_colours(content: Content) -> Content:
    """The content with the nearest point's colour where a point has none."""
    colours, points = content.colours, content.points
    if not isinstance(colours, np.ma.MaskedArray) or points is None:
        return content
    unknown = np.ma.getmaskarray(colours).any(axis=1) & np.isfinite(points).all(axis=1)
    known = ~np.ma.getmaskarray(colours).any(axis=1) & np.isfinite(points).all(axis=1)
    if not known.any():
        return replace(content, colours=None)
    filled = np.array(colours.data)
    if not unknown.any():
        return replace(content, colours=filled)
    _, nearest = cKDTree(points[known]).query(points[unknown])
    filled[unknown] = filled[known][nearest]
    return replace(content, colours=filled).noting(
        "{count:,} points have no colour: each got that of the nearest one that has",
        count=int(np.count_nonzero(unknown)),
    )


def noting_rounded(content: Content) -> Content:
    """The content, with a note where its numbers are too coarse for its size.

    Single precision has steps of half a metre in the coordinates of a national grid.
    """
    points = content.points
    if points is None or len(points) < 2 or not np.isfinite(points).all():
        return content
    size = float(np.ptp(points, axis=0).max())
    farthest = np.abs(points).max(axis=0)
    # Beyond what single precision holds there are no steps of it.
    if not 0 < size < 1e30 or farthest.max() > 1e30:
        return content
    step = float(np.spacing(farthest.astype(np.float32)).max())
    if step < _COARSE * size or not np.array_equal(points, points.astype(np.float32)):
        return content
    return content.noting(
        "Its coordinates have steps of {step:g}, which is {share:.1%} of its size: they were "
        "rounded before, far from the origin",
        step=step, share=step / size,
    )  # fmt: skip


def _of_finite_faces(content: Content) -> Content:
    """A mesh without vertices that are not finite and without the faces at them."""
    points, faces = content.points, content.faces
    assert points is not None
    assert faces is not None
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=1))
    if finite.all():
        return content
    kept = faces[finite[faces].all(axis=1)]
    if not len(kept):
        return content
    numbers = np.cumsum(finite) - 1
    message = left_out(int(np.count_nonzero(~finite)))
    return replace(content.only(finite), faces=numbers[kept], notes=(*content.notes, message))


def cells_of_rows(content: Content, kind: str) -> Content:
    """Rows of whole numbers that are a list of occupied cells, as a grid; other content as it is.

    They are where every row is another one, nearly all have another right beside them, and they are
    at most 1,024 cells apart. With kind "points" they stay points.
    """
    points = content.points
    if points is None or len(points) < 8 or not np.isfinite(points).all() or kind == "image":
        return content
    if kind == "points" or not np.array_equal(points, np.round(points)):
        return content
    low, extent = points.min(0), np.ptp(points, axis=0) + 1
    if extent.max() > 1024 or extent.prod() > MOST_CELLS:
        return content
    if kind != "voxels":
        if len(np.unique(points, axis=0)) < len(points):
            return content
        distances, _ = cKDTree(points).query(points, k=2)
        if np.count_nonzero(distances[:, 1] == 1) < _TOUCHING * len(points):
            return content
    occupied = np.zeros(extent.astype(np.int64), dtype=bool)
    occupied[tuple((points - low).astype(np.int64).T)] = True
    grid = VoxelGrid(occupied, low, 1.0)
    bare = replace(content, colours=None, normals=None, sights=None)
    found = replace(bare, points=None, faces=None, grid=grid)
    return found.noting(
        "Its rows were taken for occupied cells; --kind points takes them as points"
    )
