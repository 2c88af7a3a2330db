"""How the sources store their shapes: `index.csv` and shapes/<category>/<id>.npz beside it.

`training.data.build.shapes` reads them.
"""

from __future__ import annotations

import csv
import io
import shutil
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from onet_core.mesh.files import replacing

from ..build.normalise import Triangles, make_triangles, normalise

COLUMNS = ("id", "category", "split", "inside_method", "source", "licence", "credit", "name")
# Vertices are stored as whole numbers from 0 to this, along the unit cube.
STEPS = 65535
# How folders begin in which a run unpacks what it reads.
SCRATCH = ".unpacked-"


def place_of(output: Path, category: str, name: str) -> Path:
    """Where a shape is stored."""
    return output / "shapes" / category / f"{name}.npz"


def write_shape(triangles: Triangles, target: Path) -> None:
    """Stores a shape, centred and scaled. Raises InputError where nothing of it is left."""
    used, faces = np.unique(triangles.faces, return_inverse=True)
    placed, _, _ = normalise(
        make_triangles(triangles.vertices[used], faces.reshape(-1, 3), triangles.colours)
    )
    steps = np.rint((placed.vertices + 0.5) * STEPS).clip(0, STEPS).astype(np.uint16)
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


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]], target: Path) -> None:
    """Writes a .csv file in one go."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    with replacing(target) as file:
        file.write(text.getvalue().encode("utf-8"))


def remove_remains(output: Path) -> None:
    """What runs left behind that were killed too hard to tidy up; one run at a time is meant."""
    for folder in output.glob(f"{SCRATCH}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for file in output.glob("shapes/*/.*.part"):
        file.unlink()


@contextmanager
def ended_by_exceptions() -> Iterator[None]:
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
