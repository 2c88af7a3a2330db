"""Any file a network can look at -> its content -> an observation."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, OnetError
from ..kinds import ENDINGS, INPUT_NAMES, endings_of, format_of, phrase_of
from .content import Content, checked, noting_rounded, with_all_colours, without_unseen
from .formats.elsewhere import advice_for
from .frame import UpAxis
from .limits import assert_file, assert_no_stand_in, unreadable
from .observation import Observation

_HEAD = 64
# How files of some formats begin.
_BEGINNINGS = {
    b"ply\n": ".ply", b"ply\r": ".ply", b"glTF": ".glb", b"# .PCD": ".pcd", b"LASF": ".las",
    b"ASTM-E57": ".e57", b"\x93NUMPY": ".npy", b"VOX ": ".vox", b"#binvox": ".binvox",
    b"\x89PNG\r\n": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif",
}  # fmt: skip
# Of the points of a file, how many its faces have to join for it to be a mesh.
_FEW_USED = 0.05
# And for its faces to be where the points are that were asked for.
_MOST_USED = 0.5


def read_input(path: str | Path, kind: str = "auto") -> Content:
    """A file's content as `kind`; "auto" decides by the file's ending and content.

    Points that a sensor did not see are left out. A mesh is voxels; of an open one, whose inside
    is not defined, the points of its surface are taken. The content's notes say what was decided.
    Raises InputError with one sentence for whatever can't be used.
    """
    path = Path(path)
    assert_file(path)
    if kind != "auto" and kind not in INPUT_NAMES:
        raise InputError(
            "Unknown kind of input {kind!r}: choose auto, {known}.",
            kind=kind, known=", ".join(INPUT_NAMES),
        )  # fmt: skip
    form = format_of(path)
    if form is None:
        raise _unknown(path)
    if kind != "auto" and kind not in form.kinds:
        raise InputError(
            "{name} is not {phrase}: choose one of {endings}.",
            name=path.name, phrase=phrase_of(kind), endings=", ".join(endings_of(kind)),
        )  # fmt: skip
    reader = importlib.import_module(f".formats.{form.reader}", __package__)
    try:
        # Damaged numbers make NumPy warn; what comes of them is checked.
        with path.open("rb") as file:
            head = file.read(_HEAD)
        assert_no_stand_in(head, path.name, path.suffix.lower())
        _assert_ending(head, path.name, form.reader)
        with np.errstate(all="ignore"):
            content: Content = reader.read(path, kind)
    except OnetError:
        raise
    except MemoryError as error:
        raise InputError(
            "{name} needs more memory than there is: make it smaller.", name=path.name
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # a damaged file can make a reader stumble anywhere
        raise InputError(
            "{name} is damaged or not {label}.", name=path.name, label=form.label
        ) from error
    content = noting_rounded(with_all_colours(without_unseen(checked(content, path.name))))
    content = _as_wanted(content, kind, path.name)
    return content if content.up_axis else replace(content, up_axis=form.vertical(content.kind))


def load_observation(
    path: str | Path,
    kind: str = "auto",
    up_axis: str | None = None,
    mask: str | Path | NDArray[Any] | None = None,
    image_size: int = 224,
) -> Observation:
    """Reads and normalises a picture, a point cloud, a voxel grid or a mesh.

    kind: "image", "points", "voxels" or "auto", see `read_input`; a mesh becomes points by its
    vertices, or where these are few by points on its faces, and voxels by `voxelise_mesh`. up_axis:
    the source's vertical, None or "auto" for the habit of the format, see `default_up_axis`;
    pictures have none. mask: for pictures, a file or an array (H, W). image_size: edge in pixels of
    an observed picture.
    Raises InputError with one sentence for whatever can't be used.
    """
    from .pictures import read_mask

    path = Path(path)
    content = read_input(path, kind)
    if mask is not None and content.kind != "image":
        raise no_mask(path.name)
    if isinstance(mask, (str, Path)):
        mask = read_mask(mask)
    return observe_content(content, up_axis, mask, image_size, path.name)


def observe_content(
    content: Content,
    up_axis: str | None = None,
    mask: NDArray[Any] | None = None,
    image_size: int = 224,
    name: str = "",
) -> Observation:
    """What a network looks at of a file's content; the parameters are those of `load_observation`.

    The notes of the content are among those of the observation.
    """
    from .pictures import prepare_picture
    from .point_clouds import prepare_points
    from .voxelise import voxelise_mesh
    from .voxels import prepare_voxels

    vertical = content.up_axis if up_axis in (None, "auto") else up_axis
    assert vertical is not None
    if content.pixels is not None:
        seen = prepare_picture(content.pixels, mask, image_size, name)
    elif content.grid is not None:
        seen = prepare_voxels(content.grid, vertical, name)
    elif content.has_faces:
        from ..mesh.mesh import Mesh

        assert content.points is not None
        assert content.faces is not None
        seen = voxelise_mesh(Mesh(content.points, content.faces), vertical, name)
    else:
        assert content.points is not None
        seen = prepare_points(content.points, vertical, name)
    return replace(seen, notes=(*content.notes, *seen.notes))


def no_mask(name: str) -> InputError:
    return InputError("{name} is not a picture, so it can't have a mask.", name=name)


def default_up_axis(path: str | Path, kind: str) -> UpAxis:
    """The vertical that files of this format have by habit, see `kinds.FORMATS`."""
    form = format_of(path)
    return "z" if form is None else cast(UpAxis, form.vertical(kind))


def _assert_ending(head: bytes, name: str, reader: str) -> None:
    """Raises InputError where a file begins like one of another format than its name says."""
    for start, ending in _BEGINNINGS.items():
        form = format_of(f"a{ending}")
        if head.startswith(start) and form is not None and form.reader != reader:
            raise InputError(
                "{name} holds {label}, whatever its name says: let it end with {ending}.",
                name=name, label=form.label, ending=ending,
            )  # fmt: skip


def _unknown(path: Path) -> InputError:
    advice = advice_for(path.suffix.lower())
    if advice is not None:
        return InputError("{name} is not read here: {advice}.", name=path.name, advice=advice)
    return InputError(
        "{name} is of no known kind: give a file that ends with {endings}.",
        name=path.name, endings=", ".join(ENDINGS),
    )  # fmt: skip


def _as_wanted(content: Content, kind: str, name: str) -> Content:
    """The content as the kind that was asked for; raises InputError where it is another."""
    if kind == "auto" and content.has_faces:
        assert content.points is not None
        used = _used(content)
        if used < _FEW_USED * len(content.points):
            return replace(content, faces=None).noting(
                "Its faces join only {used:,} of {count:,} points, so all were taken as a point "
                "cloud; --kind voxels takes the faces",
                used=used, count=len(content.points),
            )  # fmt: skip
        return _shell_as_points(content)
    if kind == "auto":
        return content
    if kind == "points":
        if content.points is None:
            raise InputError("{name} holds voxels, not points: use --kind voxels.", name=name)
        return _surface_as_points(content)
    if kind == "voxels" and content.grid is None and not content.has_faces:
        raise InputError(
            "{name} has no faces and no cells: use --kind points for its points.", name=name
        )
    return content


def _used(content: Content) -> int:
    """How many points the faces join."""
    return 0 if content.faces is None else len(np.unique(content.faces))


def _surface_as_points(content: Content) -> Content:
    """The vertices of a mesh, or where they are few points spread over its faces; or a cloud."""
    from .shells import surface_points

    assert content.points is not None
    if not content.has_faces or _used(content) < _MOST_USED * len(content.points):
        return replace(content, faces=None)
    assert content.faces is not None
    points, colours = surface_points(content.points, content.faces, content.colours)
    bare = replace(content, normals=None, sights=None)
    found = replace(bare, points=points, colours=colours, faces=None)
    if _used(content) == len(points):
        return found
    return found.noting("{count:,} points were spread over the faces", count=len(points))


def _shell_as_points(content: Content) -> Content:
    """A mesh as it is, or where it is an open shell the points of its surface."""
    from .shells import is_open_shell, surface_points

    assert content.points is not None
    assert content.faces is not None
    if not is_open_shell(content.points, content.faces):
        return content
    points, colours = surface_points(content.points, content.faces, content.colours)
    return replace(content, points=points, colours=colours, normals=None, faces=None).noting(
        "The mesh is open, so it has no inside: the points of its surface were taken; "
        "--kind voxels takes it as it is"
    )
