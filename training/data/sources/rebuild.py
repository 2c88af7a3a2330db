"""From packages to a folder of shapes with an index, for `training.data.build shapes`.

shapes/<category>/<id>.npz in the network's frame, index.csv with splits and licences, and
ATTRIBUTION.md. A shape that can't be rebuilt is reported and left out.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from onet_core.errors import InputError, OnetError
from onet_core.mesh.files import replacing

from ..build.normalise import Triangles, make_triangles
from ..build.shapes import INDEX_FILE
from .archives import extract_package, extract_zipped, open_zip
from .catalogue import Shape, attribution, turn_matrix
from .download import find_package
from .parts import read_shape
from .stored import (
    COLUMNS,
    SCRATCH,
    ended_by_exceptions,
    place_of,
    remove_remains,
    write_shape,
    write_table,
)

ATTRIBUTION_FILE = "ATTRIBUTION.md"
# What an .obj needs beside it for its colours.
_COMPANIONS = (".mtl", ".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True)
class Missing:
    """A shape that could not be rebuilt, and why."""

    shape: Shape
    reason: str


def rebuild(
    shapes: Sequence[Shape], packages: Path, output: Path, progress: bool = False
) -> list[Missing]:
    """Rebuilds shapes from the .deb files in a folder; what is there already stays as it is.

    Returns those that could not be. Raises InputError where not one of the packages is there,
    OnetError where the disk can't be written.
    """
    names = list(dict.fromkeys(shape.package for shape in shapes))
    if not packages.is_dir() or not any(find_package(packages, name) for name in names):
        raise InputError(
            f"There is none of the packages in {packages}: {', '.join(names)}. "
            "`python -m training.data.sources download` fetches them."
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OnetError(f"Could not write {output}: {error.strerror or error}.") from error
    missing: list[Missing] = []
    remove_remains(output)
    with ended_by_exceptions(), tqdm(total=len(shapes), unit="shape", disable=not progress) as bar:
        for name in names:
            own = [shape for shape in shapes if shape.package == name]
            todo = [shape for shape in own if not _target(output, shape).is_file()]
            bar.update(len(own) - len(todo))
            package = find_package(packages, name)
            if package is None:
                missing += [Missing(shape, f"{name} is not there") for shape in todo]
                bar.update(len(todo))
            elif todo:
                for found in _rebuild_package(todo, package, output):
                    missing += [found] if found is not None else []
                    bar.update()
    lost = {found.shape.id for found in missing}
    _write_index([shape for shape in shapes if shape.id not in lost], output)
    return missing


def _rebuild_package(
    shapes: Sequence[Shape], package: Path, output: Path
) -> Iterator[Missing | None]:
    """One answer for each shape: None where it is rebuilt."""
    with (
        tempfile.TemporaryDirectory(dir=output, prefix=SCRATCH) as scratch,
        ExitStack() as stack,
    ):
        files = list(dict.fromkeys(shape.file for shape in shapes))
        # Names of our own: none from an archive ever becomes a path.
        places = {
            file: Path(scratch) / f"{number}{PurePosixPath(file).suffix}"
            for number, file in enumerate(files)
        }
        try:
            found = extract_package(package, places)
        except InputError as error:
            yield from (Missing(shape, str(error)) for shape in shapes)
            return
        zips: dict[str, zipfile.ZipFile] = {}
        for shape in shapes:
            try:
                if shape.file not in found:
                    raise InputError(f"{package.name} has no {shape.file}")
                path = places[shape.file]
                if shape.member:
                    if shape.file not in zips:
                        zips[shape.file] = stack.enter_context(open_zip(path, shape.file))
                    path = _unzip(zips[shape.file], shape.member, Path(scratch))
                triangles = _turned(read_shape(path, shape.without), shape.turn)
                write_shape(triangles, _target(output, shape))
            except InputError as error:
                yield Missing(shape, str(error).rstrip("."))
            else:
                yield None


def _unzip(archive: zipfile.ZipFile, member: str, scratch: Path) -> Path:
    """A mesh and what lies beside it, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    inside = PurePosixPath(member)
    if inside.suffix.lower() == ".obj":
        for name in archive.namelist():
            beside = PurePosixPath(name)
            if beside.parent == inside.parent and beside.suffix.lower() in _COMPANIONS:
                extract_zipped(archive, name, folder / beside.name)
    extract_zipped(archive, member, folder / inside.name)
    return folder / inside.name


def _write_index(shapes: Sequence[Shape], output: Path) -> None:
    rows = [
        [
            shape.id,
            shape.category,
            shape.split,
            shape.inside_method,
            shape.package,
            shape.licence,
            shape.credit,
            shape.name,
        ]
        for shape in shapes
    ]
    write_table(COLUMNS, rows, output / INDEX_FILE)
    with replacing(output / ATTRIBUTION_FILE) as file:
        file.write(attribution(shapes).encode("utf-8"))


def _turned(triangles: Triangles, turn: str) -> Triangles:
    return make_triangles(
        triangles.vertices @ turn_matrix(turn).T, triangles.faces, triangles.colours
    )


def _target(output: Path, shape: Shape) -> Path:
    return place_of(output, shape.category, shape.id)
