"""From packages to a folder of shapes with an index, for `training.data.build shapes`.

shapes/<category>/<id>.npz in the network's frame, index.csv with splits and licences, and
ATTRIBUTION.md. A shape that can't be rebuilt is reported and left out.
"""

from __future__ import annotations

import csv
import io
import shutil
import signal
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from onet_core.errors import InputError, OnetError
from onet_core.mesh.files import replacing

from ..build.normalise import Triangles, make_triangles, normalise
from ..build.shapes import INDEX_FILE
from .archives import extract_package, extract_zipped, open_zip
from .catalogue import Shape, attribution, turn_matrix
from .download import find_package
from .parts import read_shape

ATTRIBUTION_FILE = "ATTRIBUTION.md"
_COLUMNS = ("id", "category", "split", "inside_method", "source", "licence", "credit", "name")
# What an .obj needs beside it for its colours.
_COMPANIONS = (".mtl", ".png", ".jpg", ".jpeg", ".bmp")
_STEPS = 65535
_SCRATCH = ".unpacked-"


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
    _remove_remains(output)
    with _ended_by_exceptions(), tqdm(total=len(shapes), unit="shape", disable=not progress) as bar:
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


def _remove_remains(output: Path) -> None:
    """What runs left behind that were killed too hard to tidy up; one run at a time is meant."""
    for folder in output.glob(f"{_SCRATCH}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for file in output.glob("shapes/*/.*.part"):
        file.unlink()


@contextmanager
def _ended_by_exceptions() -> Iterator[None]:
    """While it lasts, SIGTERM ends the process as an exception does, so that folders are removed.

    In the main thread only: others can't set what signals do, and are not sent them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _rebuild_package(
    shapes: Sequence[Shape], package: Path, output: Path
) -> Iterator[Missing | None]:
    """One answer for each shape: None where it is rebuilt."""
    with (
        tempfile.TemporaryDirectory(dir=output, prefix=_SCRATCH) as scratch,
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
                _write_shape(read_shape(path, shape.without), shape, _target(output, shape))
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


def _write_shape(triangles: Triangles, shape: Shape, target: Path) -> None:
    turned = make_triangles(
        triangles.vertices @ turn_matrix(shape.turn).T, triangles.faces, triangles.colours
    )
    used, faces = np.unique(turned.faces, return_inverse=True)
    placed, _, _ = normalise(
        make_triangles(turned.vertices[used], faces.reshape(-1, 3), turned.colours)
    )
    steps = np.rint((placed.vertices + 0.5) * _STEPS).clip(0, _STEPS).astype(np.uint16)
    vertices, merged = np.unique(steps, axis=0, return_inverse=True)
    faces = merged.reshape(-1)[placed.faces]
    kept = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    # Raises where quantisation left nothing.
    make_triangles(vertices, faces[kept])
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as file:
        np.savez_compressed(
            file,
            vertices=vertices,
            faces=faces[kept].astype(np.uint32),
            colours=placed.colours[kept],
        )


def _write_index(shapes: Sequence[Shape], output: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(
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
    )
    with replacing(output / INDEX_FILE) as file:
        file.write(text.getvalue().encode("utf-8"))
    with replacing(output / ATTRIBUTION_FILE) as file:
        file.write(attribution(shapes).encode("utf-8"))


def _target(output: Path, shape: Shape) -> Path:
    return output / "shapes" / shape.category / f"{shape.id}.npz"
