"""NumPy's .npy and .npz: clouds, voxels, and what others store in them. Never from pickles."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, NoPointsError
from ...files import MOST_OF_DIRECTORY, size_of_directory
from ..content import Content, cells_of_rows
from ..limits import MOST_UNPACKED, assert_file, bounded, too_large
from ..volumes import VoxelGrid, grid_of_queries
from .polygons import triangles_of
from .tables.clouds import as_rows
from .tables.columns import (
    MOST_COLUMNS,
    are_poses,
    as_colours,
    as_normals,
    colour_columns,
    coordinate_columns,
    look_like_colours,
    look_like_normals,
    normal_columns,
    packed_column,
    unpacked_colours,
)

POINT_NAMES = ("points", "vertices", "xyz", "pos", "positions", "coords", "coordinates", "coord",
               "pc", "pointcloud", "point_cloud", "cloud", "verts", "pts", "pts3d", "points3d",
               "means", "vertex", "v", "v_template", "scan", "arr_0", "data")  # fmt: skip
FACE_NAMES = ("faces", "triangles", "tris", "face", "f", "indices")
GRID_NAMES = ("voxels", "occupancies", "occupancy", "voxel", "grid", "sdf", "tsdf", "volume")
NORMAL_NAMES = ("normals", "normal", "point_normals")
COLOUR_NAMES = ("colors", "colours", "rgb", "color", "colour", "rgbs")
_MOST_COLUMNS = 16
# Archives that unpack to more than a grid of 512 cells each way, and to more than this for each of
# their own bytes, hold little but one number.
_PLAIN, _MOST_OF_A_BYTE = 160 * 2**20, 500


def read(path: Path, kind: str) -> Content:
    """The cloud or grid of an array, by its shape and numbers; of several arrays by their names."""
    arrays = load_arrays(path)
    if path.suffix.lower() == ".npy" or (len(arrays) == 1 and "" in arrays):
        return _of_array(next(iter(arrays.values())), kind, path.name)
    return _of_archive(arrays, kind, path.name)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz file by their names, that of a .npy file under "".

    Raises InputError for files that are missing, damaged, too large or hold pickled objects.
    """
    assert_file(path)
    try:
        bounded(path.name, "bytes of names", size_of_directory(path), MOST_OF_DIRECTORY)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
            packed = sum(entry.compress_size for entry in archive.infolist())
            most = min(MOST_UNPACKED, max(_PLAIN, _MOST_OF_A_BYTE * packed))
            if size > most:
                raise too_large(path.name, "bytes", size, most)
        with path.open("rb") as file, np.errstate(all="ignore"):
            # Without a copy: only what is really in the file can be claimed.
            loaded = np.load(
                file if zipfile.is_zipfile(path) else path,
                mmap_mode=None if zipfile.is_zipfile(path) else "r",
                allow_pickle=False,
            )
            if isinstance(loaded, np.ndarray):
                return {"": loaded}
            found = {}
            for name in loaded.files:
                try:
                    array = loaded[name]
                except ValueError:  # pickled objects are of no use and no harm beside others
                    continue
                if isinstance(array, np.ndarray):
                    found[name] = array
            if not found:
                raise InputError("{name} has no arrays of plain numbers.", name=path.name)
            return found
    except InputError:
        raise
    except Exception as error:  # NumPy's readers raise whatever a damaged file makes them raise
        if any(word in str(error) for word in ("allow_pickle", "Python objects")):
            raise InputError(
                "{name} holds Python objects, which are not read because they can run programs: "
                "save it as plain numbers.",
                name=path.name,
            ) from error
        raise InputError(
            "{name} is damaged or not a NumPy file of plain numbers.", name=path.name
        ) from error


def choose(arrays: dict[str, NDArray[Any]], names: tuple[str, ...]) -> str | None:
    """The first of `names` among the arrays, whatever their case."""
    lower = {name.lower(): name for name in reversed(list(arrays))}
    return next((lower[name] for name in names if name in lower), None)


def _of_archive(arrays: dict[str, NDArray[Any]], kind: str, name: str) -> Content:
    queries = _queries(arrays, name)
    if queries is not None and kind != "points":
        return queries
    grid, cloud = choose(arrays, GRID_NAMES), choose(arrays, POINT_NAMES)
    if grid is not None and (cloud is None or kind == "voxels"):
        return _of_array(arrays[grid], "voxels", name)
    if cloud is None:
        axes = coordinate_columns(list(arrays))
        if axes is not None:
            return _of_axes([list(arrays.values())[axis] for axis in axes], name)
        if len(arrays) > 1:
            raise InputError(
                "{name} has no array named {wanted}, only {found}.",
                name=name, wanted=" or ".join((*POINT_NAMES[:3], *GRID_NAMES[:2])),
                found=", ".join(list(arrays)[:8]),
            )  # fmt: skip
        return _of_array(next(iter(arrays.values())), kind, name)
    faces = choose(arrays, FACE_NAMES)
    # Vertices on whole numbers are no cells.
    content = _of_array(arrays[cloud], kind if faces is None else "points", name)
    if faces is not None and content.points is not None and kind != "points":
        content = replace(content, faces=_triangles(np.asarray(arrays[faces]), content.points))
    if {"points", "loc", "scale"} <= set(arrays):
        # The pointcloud.npz of a dataset in the original's layout.
        content = replace(content, up_axis="y")
    normals = choose(arrays, NORMAL_NAMES)
    if normals is not None and content.points is not None and content.normals is None:
        array = np.asarray(arrays[normals])
        if array.shape == content.points.shape and array.dtype.kind in "fiu":
            content = replace(content, normals=as_normals(array))
    colours = choose(arrays, COLOUR_NAMES)
    if colours is None or content.points is None:
        return content
    array = np.asarray(arrays[colours])
    if array.ndim == 3 and array.shape[2] in (3, 4):
        array = array.reshape(-1, array.shape[2])
    if array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind not in "fiu":
        raise InputError(
            "{name} has {colours} that are no rows of red, green and blue.",
            name=name, colours=colours,
        )  # fmt: skip
    return replace(content, colours=as_colours(array[:, :3]))


def _triangles(array: NDArray[Any], points: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Triangles or quads (F, 3 or 4) of whole numbers as triangles; None for other arrays."""
    if array.ndim != 2 or array.shape[1] not in (3, 4) or array.dtype.kind not in "iu":
        return None
    corners = array.astype(np.int64)
    return triangles_of(np.full(len(corners), corners.shape[1]), corners.reshape(-1), points)


def _of_axes(axes: list[NDArray[Any]], name: str) -> Content:
    """A cloud of one array each for x, y and z."""
    flat = [np.asarray(axis) for axis in axes]
    if len({axis.size for axis in flat}) > 1 or any(axis.dtype.kind not in "biuf" for axis in flat):
        raise InputError("{name} has coordinates that are no numbers.", name=name)
    return Content(np.stack([axis.ravel().astype(np.float64) for axis in flat], axis=1))


def _queries(arrays: dict[str, NDArray[Any]], name: str) -> Content | None:
    """The grid of query points with an occupancy or a signed distance each; else None.

    As in a dataset's `points.npz`, or with the distance in a fourth column, as DeepSDF has them.
    """
    if {"pos", "neg"} == set(arrays):
        both = [arrays["pos"], arrays["neg"]]
        if any(part.ndim != 2 or part.shape[1] != 4 or part.dtype.kind != "f" for part in both):
            return None
        joined = np.concatenate(both)
        joined = joined[np.isfinite(joined).all(axis=1)]
        return Content(grid=grid_of_queries(joined[:, :3], joined[:, 3] < 0, name)).noting(
            "Its query points with signed distances became voxels"
        )
    distances = next((found for found in ("sdf", "sdfs", "distances") if found in arrays), None)
    if "points" in arrays and distances is not None and "occupancies" not in arrays:
        points, values = arrays["points"], np.asarray(arrays[distances]).ravel()
        is_signed = values.dtype.kind == "f" and len(values) and values.min() < 0 < values.max()
        if points.ndim != 2 or points.shape[1] != 3 or len(points) != len(values) or not is_signed:
            return None
        return Content(grid=grid_of_queries(points, values < 0, name)).noting(
            "Its query points with signed distances became voxels"
        )
    if not {"points", "occupancies"} <= set(arrays):
        return None
    points, occupancies = arrays["points"], arrays["occupancies"].ravel()
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind != "f":
        return None
    if occupancies.dtype == np.uint8 and len(occupancies) == -(-len(points) // 8):
        inside = np.unpackbits(occupancies)[: len(points)] > 0
    elif len(occupancies) == len(points) and occupancies.dtype.kind in "biuf":
        inside = occupancies >= 0.5 if occupancies.dtype.kind == "f" else occupancies > 0
    else:
        return None
    return Content(grid=grid_of_queries(points, inside, name), up_axis="y").noting(
        "It holds query points with occupancies, which became voxels; the surface's points are in "
        "the pointcloud.npz beside it"
    )


def _of_array(array: NDArray[Any], kind: str, name: str) -> Content:
    if array.dtype.names is not None:
        return _of_fields(array, name)
    if array.size == 0:
        raise NoPointsError("{name} has no points.", name=name)
    if array.dtype.kind not in "biuf":
        raise InputError(
            "{name} holds an array of {dtype} of shape {shape}, not numbers.",
            name=name, dtype=array.dtype, shape=array.shape,
        )  # fmt: skip
    squeezed = array
    while squeezed.ndim > 2 and len(squeezed) == 1:
        squeezed = squeezed[0]
    if squeezed.ndim == 3 and squeezed.dtype.kind == "f" and kind != "voxels":
        # (N, 1, 3) and (3, N, 1): an axis of one that a library kept.
        narrow = [axis for axis, size in enumerate(squeezed.shape) if size == 1]
        if len(narrow) == 1 and any(size in (3, 4, 6) for size in squeezed.shape):
            squeezed = squeezed.squeeze(narrow[0])
    _assert_no_other(squeezed, kind, name)
    rows, notes = as_rows(squeezed, kind)
    if rows is None:
        return _of_grid(array, kind, name)
    cloud = Content(
        np.array(rows[:, :3], dtype=np.float64),
        colours=_colours(rows),
        normals=_normals(rows),
        notes=tuple(notes),
    )
    return cells_of_rows(cloud, kind)


def _assert_no_other(array: NDArray[Any], kind: str, name: str) -> None:
    """Raises InputError for pictures, depths, features and cameras, which are arrays as well."""
    shape = array.shape
    if array.ndim == 2 and are_poses(array):
        raise InputError("{name} holds positions and turns of a camera, not points.", name=name)
    is_picture = array.ndim == 3 and shape[2] in (3, 4) and array.dtype in (np.uint8, np.uint16)
    if is_picture and min(shape[:2]) > _MOST_COLUMNS and kind == "auto":
        raise InputError(
            "{name} holds a picture of {width} x {height} pixels: save it as .png.",
            name=name, width=shape[1], height=shape[0],
        )  # fmt: skip
    if array.ndim == 2 and min(shape) > MOST_COLUMNS and kind == "auto":
        raise InputError(
            "{name} has {width} numbers a row, which is no list of points; --kind points takes "
            "the first three for x, y and z.",
            name=name, width=shape[1],
        )  # fmt: skip


def _colours(rows: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Columns behind the coordinates that look like colours, perhaps behind normals."""
    for start in (3, 6):
        columns = np.asarray(rows[:, start : start + 3], dtype=np.float64)
        if columns.shape[1] == 3 and look_like_colours(columns):
            return as_colours(columns)
    return None


def _normals(rows: NDArray[Any]) -> NDArray[np.float64] | None:
    """Columns behind the coordinates that look like normals, perhaps behind colours."""
    for start in (3, 6):
        columns = np.asarray(rows[:, start : start + 3], dtype=np.float64)
        if look_like_normals(columns):
            return as_normals(columns)
    return None


def _of_grid(array: NDArray[Any], kind: str, name: str) -> Content:
    if kind == "points" or array.ndim < 3:
        raise InputError(
            "{name} holds an array of {dtype} of shape {shape}; "
            "a point cloud has one row of numbers per point, x, y, z first.",
            name=name, dtype=array.dtype, shape=array.shape,
        )  # fmt: skip
    grid, notes = VoxelGrid.with_notes(array, name)
    return Content(grid=grid, notes=notes)


def _of_fields(array: NDArray[Any], name: str) -> Content:
    """A structured array: its fields by their names."""
    fields = list(array.dtype.names or ())
    columns = coordinate_columns(fields)
    rows = next((field for field in fields if field.lower() in POINT_NAMES), None)
    if columns is None and rows is not None and array.dtype[rows].shape[-1:] == (3,):
        parts = {field: np.asarray(array[field]) for field in fields}
        return _of_archive({"points": parts.pop(rows), **parts}, "points", name)
    if columns is None:
        raise InputError(
            "{name} has fields named {fields}, not x, y and z.",
            name=name, fields=", ".join(fields[:8]),
        )  # fmt: skip
    flat = np.asarray(array).reshape(-1)
    try:
        points = np.stack([flat[fields[column]].astype(np.float64) for column in columns], axis=1)
        named = colour_columns(fields)
        packed = packed_column(fields)
        colours = None
        if named is not None:
            colours = as_colours(np.stack([flat[fields[column]] for column in named], axis=1))
        elif packed is not None and flat[fields[packed]].ndim == 1:
            colours = unpacked_colours(flat[fields[packed]].astype(np.float64))
        looking = normal_columns(fields)
        normals = None
        if looking is not None:
            normals = as_normals(np.stack([flat[fields[column]] for column in looking], axis=1))
    except (ValueError, TypeError) as error:
        raise InputError("{name} has coordinates that are no numbers.", name=name) from error
    return Content(points, colours=colours, normals=normals)
