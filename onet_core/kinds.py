"""The one table of input kinds, and the one table of file formats. Standard library only.

The shell, the batch, File > Import, drop, the panel, the catalogue of models and Flamenco's job
types read both from here. A new format is one module in `inputs.formats` and one line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

KindName = Literal["image", "points", "voxels"]

UP_AXIS_CHOICES = ("auto", "x", "y", "z", "-x", "-y", "-z")
# Endings that are also used for files of other kinds: in a folder such a file may be something
# else, which is no failure.
_DOUBTFUL = (".txt", ".csv", ".asc", ".bin", ".raw", ".npy", ".npz")


@dataclass(frozen=True)
class InputKind:
    """What a network may read.

    name: in model files, in the shell and in the worker's protocol.
    identifier: the same in Blender, in .blend files too.
    label: in menus and headings.
    phrase: in the middle of a sentence, with its article.
    reads: in a model's card, where it is more exact than `phrase`.
    help: in tooltips.
    icon: Blender's name of one.
    default_model: the shipped model that is used where none is named.
    objects: types of Blender objects that it can be made from.
    dataset_name: `onet-train`'s name for it, empty for `name`.
    is_input: whether it is read from a file or an object.
    """

    name: str
    identifier: str
    label: str
    phrase: str
    reads: str
    help: str = ""
    icon: str = "NONE"
    default_model: str = ""
    objects: tuple[str, ...] = ()
    dataset_name: str = ""
    is_input: bool = True


_SHAPES = ("CURVE", "SURFACE", "FONT", "META", "EMPTY")

KINDS = (
    InputKind(
        "image",
        "IMAGE",
        "Picture",
        "a picture",
        "a picture",
        "One picture of an object, best in front of a plain background",
        "IMAGE_DATA",
        "picture",
    ),
    InputKind(
        "points",
        "POINTS",
        "Points",
        "a point cloud",
        "a point cloud",
        "A scan: a point cloud, or the vertices of a mesh",
        "POINTCLOUD_DATA",
        "points",
        ("MESH", "POINTCLOUD", *_SHAPES),
        dataset_name="pointcloud",
    ),
    InputKind(
        "voxels",
        "VOXELS",
        "Voxels",
        "voxels",
        "voxels, 32 along each edge",
        "A blocky model, a Volume, or any mesh made blocky on the way",
        "MESH_GRID",
        "voxels",
        ("MESH", "VOLUME", *_SHAPES),
    ),
    InputKind(
        "none",
        "NONE",
        "Generator",
        "nothing (it generates shapes)",
        "nothing: it generates shapes",
        default_model="car",
        is_input=False,
    ),
    InputKind(
        "index",
        "INDEX",
        "Number",
        "the number of a shape that it learned",
        "the number of a shape that it learned",
        is_input=False,
    ),
)
NAMES = tuple(kind.name for kind in KINDS)
INPUTS = tuple(kind for kind in KINDS if kind.is_input)
INPUT_NAMES = tuple(kind.name for kind in INPUTS)
INPUT_IDENTIFIERS = tuple(kind.identifier for kind in INPUTS)
# What the shell, the batch and Flamenco offer.
KIND_CHOICES = ("auto", *INPUT_NAMES)

_BY_NAME = {kind.name: kind for kind in KINDS}
_BY_IDENTIFIER = {kind.identifier: kind for kind in KINDS}


def kind_of(name: str) -> InputKind:
    """The kind of that name or Blender identifier; raises KeyError."""
    return _BY_NAME.get(name) or _BY_IDENTIFIER[name]


def phrase_of(name: str) -> str:
    """A kind in the middle of a sentence; names that are unknown stay as they are."""
    found = _BY_NAME.get(name)
    return name if found is None else found.phrase


@dataclass(frozen=True)
class FileFormat:
    """One format of input files.

    label: its name in sentences.
    endings: lower case, with the dot.
    reader: module of `onet_core.inputs.formats` that reads it.
    kinds: what such a file can be, the usual one first.
    up_axis: the vertical that such files have by specification or habit.
    up_axis_of_grids: the same for voxels, where that differs.
    package: what `pip install` needs beyond the runtime, else empty.
    is_blenders: whether Blender opens such pictures itself; the others the worker reads for it.
    """

    label: str
    endings: tuple[str, ...]
    reader: str
    kinds: tuple[KindName, ...]
    up_axis: str = "z"
    up_axis_of_grids: str = ""
    package: str = ""
    is_blenders: bool = False

    @property
    def is_mesh(self) -> bool:
        """Whether such files hold meshes, whose faces can be sampled or made blocky."""
        return self.kinds == _MESH

    def vertical(self, kind: str) -> str:
        """The vertical of files of this format that are read as `kind`, such as "z"."""
        return self.up_axis_of_grids or self.up_axis if kind == "voxels" else self.up_axis


_IMAGE: tuple[KindName, ...] = ("image",)
_POINTS: tuple[KindName, ...] = ("points",)
_VOXELS: tuple[KindName, ...] = ("voxels",)
_MESH: tuple[KindName, ...] = ("voxels", "points")
_ARRAY: tuple[KindName, ...] = ("points", "voxels")

FORMATS = (
    FileFormat("PNG", (".png",), "picture", _IMAGE, is_blenders=True),
    FileFormat("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), "picture", _IMAGE, is_blenders=True),
    FileFormat("WebP", (".webp",), "picture", _IMAGE, is_blenders=True),
    FileFormat("AVIF", (".avif",), "picture", _IMAGE),
    FileFormat("HEIC", (".heic", ".heif"), "picture", _IMAGE),
    FileFormat("BMP", (".bmp",), "picture", _IMAGE, is_blenders=True),
    FileFormat("TIFF", (".tif", ".tiff"), "picture", _IMAGE, is_blenders=True),
    FileFormat("GIF", (".gif",), "picture", _IMAGE),
    FileFormat("Targa", (".tga",), "picture", _IMAGE, is_blenders=True),
    FileFormat("Netpbm", (".ppm", ".pgm"), "picture", _IMAGE),
    FileFormat("EXR", (".exr",), "picture", _IMAGE, package="openimageio", is_blenders=True),
    FileFormat(
        "Radiance HDR", (".hdr",), "picture", _IMAGE, package="openimageio", is_blenders=True
    ),
    FileFormat("PLY", (".ply",), "ply", _MESH),
    FileFormat("OBJ", (".obj",), "obj", _MESH, "y"),
    FileFormat("STL", (".stl",), "stl", _MESH),
    FileFormat("OFF", (".off",), "off", _MESH, "y"),
    FileFormat("glTF", (".glb", ".gltf"), "gltf", _MESH, "y"),
    FileFormat("PCD", (".pcd",), "pcd", _POINTS),
    FileFormat("LAS", (".las", ".laz"), "las", _POINTS),
    FileFormat("E57", (".e57",), "e57", _POINTS, package="pye57"),
    FileFormat("Gaussian splats", (".splat", ".spz"), "splats", _POINTS),
    FileFormat("KITTI", (".bin",), "headerless", _POINTS),
    FileFormat(
        "text",
        (".xyz", ".xyzn", ".xyzrgb", ".txt", ".csv", ".tsv", ".asc", ".pts", ".ptx"),
        "text",
        _ARRAY,
        up_axis_of_grids="y",
    ),
    FileFormat("NumPy", (".npy", ".npz"), "arrays", _ARRAY, up_axis_of_grids="y"),
    FileFormat("binvox", (".binvox",), "binvox", _VOXELS, "y"),
    FileFormat("MagicaVoxel", (".vox",), "vox", _VOXELS),
    FileFormat("raw volume", (".raw",), "headerless", _VOXELS, "y"),
)
# What is looked for in folders, offered in dialogs and taken when dropped.
ENDINGS = tuple(ending for form in FORMATS for ending in form.endings)
MESH_ENDINGS = tuple(
    ending for form in FORMATS if {"points", "voxels"} <= set(form.kinds) and form.is_mesh
    for ending in form.endings
)  # fmt: skip
_BY_ENDING = {ending: form for form in FORMATS for ending in form.endings}


def format_of(path: str | Path) -> FileFormat | None:
    """The format that a file's name announces, None for an ending of no known one."""
    return _BY_ENDING.get(Path(path).suffix.lower())


def endings_of(*kinds: str) -> tuple[str, ...]:
    """The endings of all formats that can hold one of `kinds`."""
    return tuple(
        ending
        for form in FORMATS
        if any(kind in form.kinds for kind in kinds)
        for ending in form.endings
    )


def is_doubtful(path: str | Path) -> bool:
    """Whether such an ending is also common for files that are no input, such as license.txt."""
    return Path(path).suffix.lower() in _DOUBTFUL


def file_filter(endings: Iterable[str] = ENDINGS) -> str:
    """Patterns for Blender's file dialog, which reads no more than 255 characters of them.

    An ending that continues another one is covered by that one's pattern.
    """
    listed = sorted(set(endings))
    short = [
        ending
        for ending in listed
        if not any(ending != other and ending.startswith(other) for other in listed)
    ]
    return ";".join(
        f"*{ending}*" if any(other != ending and other.startswith(ending) for other in listed)
        else f"*{ending}"
        for ending in short
    )  # fmt: skip
