"""Point clouds: files -> coordinates -> an observation in the network's frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .arrays import array_from_file
from .frame import Frame
from .observation import Observation
from .pcd import parse_pcd, pcd_colours

MINIMUM_POINTS = 4
ARRAY_NAMES = ("points", "vertices")
COLOUR_NAMES = ("colors", "colours", "rgb")
TEXT_SUFFIXES = (".xyz", ".txt", ".csv", ".asc", ".pts")


def read_point_cloud(path: str | Path) -> NDArray[np.float64]:
    """The points (N, 3) of a file, in its own coordinates, unchecked for NaN and count.

    Formats: .ply (ascii, binary), .pcd (ascii, binary, compressed), .xyz .txt .csv .asc .pts (one
    point a line, x y z first; blanks, tabs, commas or semicolons between; one header line may come
    first), .npy (N, 3 or more columns), .npz (the array "points", "vertices", or the only one),
    .obj and the other mesh formats (their vertices, whether faces use them or not).
    Raises InputError for missing, damaged or unknown files.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise InputError(
            f"{path.name} is not a point cloud: choose one of {', '.join(POINT_SUFFIXES)}."
        )
    try:
        points = read(path)
    except OSError as error:
        raise InputError(f"{path.name} can't be read: {error.strerror or error}.") from error
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"{path.name} holds no rows of x, y, z.")
    return np.asarray(points, dtype=np.float64)


def read_point_colours(path: str | Path) -> NDArray[np.uint8] | None:
    """The colours (N, 3), sRGB, of the points of `read_point_cloud`; None where a file has none.

    Text and .npy: the columns behind the coordinates that hold colours, from 0 to 255 or from 0 to
    1 (.pts: behind the intensity), see `colour_columns`; .npz: the array "colors", "colours" or
    "rgb"; .pcd: its field rgb; .obj and the other mesh formats: of their vertices. Raises
    InputError as `read_point_cloud` does.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        return colour_columns(_table(path), 1 if suffix == ".pts" else 0)
    if suffix == ".npy":
        return colour_columns(array_from_file(path, ()))
    if suffix == ".npz":
        return _colours_of_archive(path)
    if suffix == ".pcd":
        return pcd_colours(path.read_bytes(), path.name)
    if suffix == ".obj":
        return colour_columns(_obj_rows(path))
    if suffix in _READERS:
        return _colours_with_trimesh(path)
    return None


def colour_columns(table: NDArray[Any], between: int = 0) -> NDArray[np.uint8] | None:
    """The colours (N, 3) among the columns behind x, y, z; None where there are none.

    They are three columns in a row behind the coordinates, or behind three more, which are normals;
    between: how many columns come before. Numbers from 0 to 255 that are whole, or from 0 to 1,
    are colours; normals have negative ones among them.
    """
    if table.ndim != 2 or not len(table):
        return None
    starts = [3 + between, 6 + between]
    if between:
        starts.insert(1, 3)
    for start in starts:
        columns = table[:, start : start + 3]
        if columns.shape[1] < 3 or not np.isfinite(columns).all() or columns.min() < 0:
            continue
        if columns.max() <= 1:
            return np.round(columns * 255.0).astype(np.uint8)
        if columns.max() <= 255 and (columns == np.round(columns)).all():
            return columns.astype(np.uint8)
    return None


def _colours_of_archive(path: Path) -> NDArray[np.uint8] | None:
    with np.load(path, allow_pickle=False) as archive:
        name = next((name for name in COLOUR_NAMES if name in archive.files), None)
        if name is None:
            return colour_columns(array_from_file(path, ARRAY_NAMES))
        found = np.asarray(archive[name])
    if found.ndim != 2 or found.shape[1] < 3:
        raise InputError(f"{path.name} has {name} that are no rows of red, green and blue.")
    return colour_columns(np.concatenate([np.zeros((len(found), 3)), found[:, :3]], axis=1))


def _colours_with_trimesh(path: Path) -> NDArray[np.uint8] | None:
    from ..mesh.files import load_with_trimesh, srgb_of_file

    def all_colours(scene: Any) -> NDArray[Any] | None:
        parts, is_painted = [], False
        for node in scene.graph.nodes_geometry:
            geometry = scene.geometry[scene.graph[node][1]]
            # Parts without colours are white where others have some.
            colours = np.full((len(geometry.vertices), 4), 255, dtype=np.uint8)
            if geometry.visual.kind == "vertex" and len(geometry.visual.vertex_colors):
                colours, is_painted = np.asarray(geometry.visual.vertex_colors), True
            parts.append(colours[:, :3])
        return np.concatenate(parts) if is_painted else None

    found = load_with_trimesh(path, all_colours)
    return None if found is None else srgb_of_file(found, path)


def prepare_points(points: NDArray, up_axis: str = "z", name: str = "") -> Observation:
    """Points (N, 3) in source coordinates -> an observation: centred, longest edge 1, y up.

    Flat clouds are taken as they are; fewer than 4 points, coordinates that are not finite, and
    points that are all the same or on one line raise InputError.
    """
    label = name or "The point cloud"
    try:
        points = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{label} holds something that is not a number.") from error
    if points.size == 0:
        raise InputError(f"{label} has no points.")
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"{label} must be rows of x, y, z, not an array of shape {points.shape}.")
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        raise InputError(
            f"{label} has {np.count_nonzero(~finite)} of {len(points)} points with coordinates "
            "that are not finite (NaN or infinite): remove them."
        )
    if len(points) < MINIMUM_POINTS:
        raise InputError(
            f"{label} has {len(points)} point{'s' if len(points) > 1 else ''}: "
            f"at least {MINIMUM_POINTS} are needed, some hundreds are good."
        )
    try:
        frame = Frame.of_points(points, up_axis)
    except InputError as error:
        raise InputError(f"{label}: {error}") from error
    data = frame.to_network(points)
    spread = np.linalg.eigvalsh(np.cov(data.T))
    # Widths are square roots of these: a line is a hundred-thousandth as wide as it is long.
    if spread[1] <= 1e-10 * spread[2]:
        raise InputError(f"{label} has all its points on one line: there is no surface to find.")
    return Observation("points", data.astype(np.float32), frame, name)


def _read_array(path: Path) -> NDArray[np.float64]:
    array = array_from_file(path, ARRAY_NAMES)
    if array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind not in "fiu":
        raise InputError(
            f"{path.name} holds an array of {array.dtype} of shape {array.shape}; "
            "a point cloud has one row of numbers per point, x, y, z first."
        )
    return array[:, :3].astype(np.float64)


def _read_text(path: Path) -> NDArray[np.float64]:
    rows = _rows(path)
    if not rows:
        return np.zeros((0, 3))
    try:
        return np.loadtxt(rows, usecols=(0, 1, 2), ndmin=2, comments="#").reshape(-1, 3)
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name} is not a list of points: {error}.") from error


def _table(path: Path) -> NDArray[np.float64]:
    """All columns of a text file's points (N, C); of uneven rows only the coordinates."""
    rows = _rows(path)
    if len({len(row.split()) for row in rows}) != 1:
        return _read_text(path)
    try:
        return np.loadtxt(rows, ndmin=2, comments="#")
    except ValueError:  # further columns are not all numbers
        return _read_text(path)


def _rows(path: Path) -> list[str]:
    """The lines of a text file that hold points, blanks between the numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a text file.") from error
    lines = text.translate(str.maketrans(",;\t", "   ")).splitlines()
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith(("#", "//"))]
    # A line of column names, or the number of points that a .pts file begins with.
    return lines[1:] if lines and not _is_point(lines[0]) else lines


def _is_point(line: str) -> bool:
    try:
        return len([float(word) for word in line.split()[:3]]) == 3
    except ValueError:
        return False


def _read_obj(path: Path) -> NDArray[np.float64]:
    return _obj_rows(path)[:, :3]


def _obj_rows(path: Path) -> NDArray[np.float64]:
    """The coordinates and, where each vertex has them, colours of an OBJ file, (N, 3 or 6)."""
    # By hand, since mesh readers drop the vertices that no face uses.
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            rows = [line.split()[1:7] for line in file if line.startswith(("v ", "v\t"))]
        width = 6 if rows and all(len(row) == 6 for row in rows) else 3
        return np.array([row[:width] for row in rows], dtype=np.float64).reshape(-1, width)
    except ValueError as error:
        raise InputError(f"{path.name} has a damaged vertex: {error}.") from error


def _read_pcd(path: Path) -> NDArray[np.float64]:
    return parse_pcd(path.read_bytes(), path.name)


def _read_with_trimesh(path: Path) -> NDArray[np.float64]:
    # Imported here: reading meshes takes trimesh, which the other formats do not need.
    from ..mesh.files import load_with_trimesh

    def all_vertices(scene: Any) -> NDArray[np.float64]:
        parts = []
        for node in scene.graph.nodes_geometry:
            transform, geometry = scene.graph[node]
            vertices = np.asarray(scene.geometry[geometry].vertices, dtype=np.float64)
            parts.append(vertices @ transform[:3, :3].T + transform[:3, 3])
        return np.concatenate(parts) if parts else np.zeros((0, 3))

    return load_with_trimesh(path, all_vertices)


_READERS: dict[str, Callable[[Path], NDArray[np.float64]]] = {
    ".ply": _read_with_trimesh,
    **dict.fromkeys(TEXT_SUFFIXES, _read_text),
    ".npy": _read_array,
    ".npz": _read_array,
    ".pcd": _read_pcd,
    ".obj": _read_obj,
    **dict.fromkeys((".off", ".stl", ".glb", ".gltf"), _read_with_trimesh),
}
POINT_SUFFIXES = tuple(_READERS)
