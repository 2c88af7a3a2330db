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
from .pcd import parse_pcd

MINIMUM_POINTS = 4
ARRAY_NAMES = ("points", "vertices")
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
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a text file.") from error
    lines = text.translate(str.maketrans(",;\t", "   ")).splitlines()
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith(("#", "//"))]
    # A line of column names, or the number of points that a .pts file begins with.
    rows = lines[1:] if lines and not _is_point(lines[0]) else lines
    if not rows:
        return np.zeros((0, 3))
    try:
        return np.loadtxt(rows, usecols=(0, 1, 2), ndmin=2, comments="#").reshape(-1, 3)
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name} is not a list of points: {error}.") from error


def _is_point(line: str) -> bool:
    try:
        return len([float(word) for word in line.split()[:3]]) == 3
    except ValueError:
        return False


def _read_obj(path: Path) -> NDArray[np.float64]:
    # By hand, since mesh readers drop the vertices that no face uses.
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            rows = [line.split()[1:4] for line in file if line.startswith(("v ", "v\t"))]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise InputError(f"{path.name} has a damaged vertex: {error}.") from error


def _read_pcd(path: Path) -> NDArray[np.float64]:
    return parse_pcd(path.read_bytes(), path.name)


def _read_with_trimesh(path: Path) -> NDArray[np.float64]:
    # Imported here: reading meshes takes trimesh, which the other formats do not need.
    from ..mesh_io import load_with_trimesh

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
