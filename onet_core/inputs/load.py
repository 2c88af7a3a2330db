"""Any file a network can look at -> an observation."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray

from ..errors import InputError
from ..kinds import ENDINGS, INPUT_NAMES, format_of
from .arrays import array_from_file
from .frame import UpAxis
from .observation import Kind, Observation
from .pictures import PICTURE_SUFFIXES, prepare_picture, read_mask, read_picture
from .point_clouds import (
    ARRAY_NAMES,
    TEXT_SUFFIXES,
    prepare_points,
    read_point_cloud,
)
from .voxelise import voxelise_mesh
from .voxels import GRID_NAMES, prepare_voxels, read_voxels

MESH_SUFFIXES = (".ply", ".obj", ".off", ".stl", ".glb", ".gltf")


def load_observation(
    path: str | Path,
    kind: str = "auto",
    up_axis: str | None = None,
    mask: str | Path | NDArray[Any] | None = None,
    image_size: int = 224,
) -> Observation:
    """Reads and normalises a picture, a point cloud, a voxel grid or a mesh.

    kind: "image", "points", "voxels" or "auto", see `guess_kind`; a mesh becomes points by its
    vertices and voxels by `voxelise_mesh`. up_axis: the source's vertical, None or "auto" for the
    habit of the format, see `default_up_axis`; pictures have none. mask: for pictures, a file or an
    array (H, W). image_size: edge in pixels of an observed picture.
    Raises InputError with one sentence for whatever can't be used.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    if kind == "auto":
        kind = guess_kind(path)
    if kind not in INPUT_NAMES:
        raise InputError(f"Unknown kind of input {kind!r}: choose auto, {', '.join(INPUT_NAMES)}.")
    if mask is not None and kind != "image":
        raise InputError(f"{path.name} is not a picture, so it can't have a mask.")
    if kind == "image":
        if isinstance(mask, (str, Path)):
            mask = read_mask(mask)
        return prepare_picture(read_picture(path), mask, image_size, path.name)
    if up_axis in (None, "auto"):
        up_axis = default_up_axis(path, kind)
    assert up_axis is not None
    if kind == "points":
        return prepare_points(read_point_cloud(path), up_axis, path.name)
    if path.suffix.lower() in MESH_SUFFIXES:
        # Imported here: reading meshes takes trimesh, which pictures and grids do not need.
        from ..mesh.files import read_mesh

        return voxelise_mesh(read_mesh(path), up_axis, path.name)
    return prepare_voxels(read_voxels(path), up_axis, path.name)


def guess_kind(path: str | Path) -> Kind:
    """The kind of an input by its suffix and, where that is not enough, by its content.

    Meshes with faces are voxels, without faces points. Arrays in three dimensions are voxels, in
    two dimensions points. Raises InputError for a suffix that is none of `kinds.ENDINGS`.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        return "image"
    if suffix == ".binvox":
        return "voxels"
    if suffix in (*TEXT_SUFFIXES, ".pcd"):
        return "points"
    if suffix in (".npy", ".npz"):
        return "points" if array_from_file(path, ARRAY_NAMES + GRID_NAMES).ndim == 2 else "voxels"
    if suffix in MESH_SUFFIXES:
        return "voxels" if _has_faces(path) else "points"
    raise InputError(
        f"{path.name} is of no known kind: give a file that ends with {', '.join(ENDINGS)}."
    )


def default_up_axis(path: str | Path, kind: str) -> UpAxis:
    """The vertical that files of this format have by habit, "y" or "z".

    y for .glb, .obj, .off, .binvox, for voxel arrays and for the `pointcloud.npz` of a dataset in
    the original's layout; z for all other point clouds and meshes.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz" and kind == "points" and _is_dataset_cloud(path):
        return "y"
    found = format_of(path)
    return "z" if found is None else cast(UpAxis, found.vertical(kind))


def _is_dataset_cloud(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return {"points.npy", "loc.npy", "scale.npy"} <= set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        # A .npy file, or a damaged one: whoever reads the array says what is wrong with it.
        return False


def _has_faces(path: Path) -> bool:
    """Whether a mesh file announces faces, without reading all of it."""
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        if suffix == ".ply":
            header = file.read(1 << 16).partition(b"end_header")[0]
            return re.search(rb"element\s+(face|tristrips)\s+[1-9]", header) is not None
        if suffix == ".obj":
            return any(line.startswith((b"f ", b"f\t")) for line in file)
        if suffix == ".off":
            numbers = re.findall(rb"\b\d+\b", file.read(1 << 12))
            return len(numbers) < 2 or int(numbers[1]) > 0
    return True
