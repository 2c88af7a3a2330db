"""Makes shapes: asks the generators' own Python for meshes, and brings them into our form.

The network's frame, a colour for each material, every part's faces turned outwards, and how inside
and outside are told apart. What holds no sensible solid is left out.
"""

from __future__ import annotations

import colorsys
import csv
import json
import os
import subprocess
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from onet_core.errors import InputError, OnetError

from ...build.normalise import Triangles, make_triangles, normalise
from ...build.occupancy import find_inside, turned_outwards
from ...build.shapes import INDEX_FILE
from ...datasets.files import read_arrays
from ..catalogue import turn_matrix
from ..stored import (
    COLUMNS,
    SCRATCH,
    ended_by_exceptions,
    place_of,
    remove_remains,
    write_shape,
    write_table,
)
from .environment import last_words
from .generators import Generator

SOURCE = "infinigen 1.15.5"
LICENCE = "CC0-1.0"
CREDIT = "made with Infinigen (Princeton Vision & Learning Lab)"
# Seeds that gave no shape, and why: they are not tried again.
LEFT_OUT_FILE = "left_out.csv"
# What becomes x, y and z: the generators' z is up, and their x is the front.
TURN = "-y +z -x"
# Classes without a front: what is this much deeper than wide has its long side along x instead.
LONG_SIDEWAYS, DEEPER, SIDEWAYS = ("table",), 1.15, "+x +z -y"
MOST_FACES = 2500
# A mesh that can't be made so small has come apart.
TOO_MANY_FACES = 2650
# Seeds for one start of the other Python, which takes seconds, and how long one may take (s).
_BATCH = 10
_LONGEST = 120.0
_SCENE = Path(__file__).with_name("scene.py")


@dataclass(frozen=True)
class Row:
    """A row of the index; the fields are its columns."""

    id: str
    category: str
    split: str
    inside_method: str
    source: str
    licence: str
    credit: str
    name: str
    group: str


@dataclass(frozen=True)
class LeftOut:
    """A seed without a shape, and why."""

    id: str
    reason: str


def make_shapes(
    generator: Generator, seeds: Sequence[int], output: Path, python: Path, progress: bool = False
) -> list[LeftOut]:
    """Makes the shapes of seeds in a folder; what is there already stays as it is.

    python: of the generators' environment. Returns the seeds without a shape, those of earlier runs
    too. Raises InputError where the folder holds shapes of other sources, OnetError where the
    generators can't be run.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OnetError(f"Could not write {output}: {error.strerror or error}.") from error
    remove_remains(output)
    rows = {row.id: row for row in _read_index(output)}
    left_out = {one.id: one for one in _read_left_out(output)}
    names = {seed: generator.shape(seed) for seed in seeds}
    todo = [seed for seed in seeds if names[seed] not in rows and names[seed] not in left_out]
    with ended_by_exceptions(), tqdm(total=len(seeds), unit="shape", disable=not progress) as bar:
        bar.update(len(seeds) - len(todo))
        for start in range(0, len(todo), _BATCH):
            batch = todo[start : start + _BATCH]
            for seed, made in _meshes(generator, batch, output, python):
                one = _stored(generator, seed, made, output)
                if isinstance(one, LeftOut):
                    left_out[one.id] = one
                else:
                    rows[one.id] = one
                bar.update()
            # After each batch: a run that is ended goes on where it was.
            _write((*COLUMNS, "group"), rows, output / INDEX_FILE)
            _write(("id", "reason"), left_out, output / LEFT_OUT_FILE)
    return [left_out[name] for name in names.values() if name in left_out]


def triangles_of(arrays: dict[str, NDArray[Any]], name: str, category: str) -> Triangles:
    """A generator's mesh in the network's frame, its parts outwards, a colour for each material.

    arrays: as `scene` leaves them; name: from which the colours are drawn. Raises InputError.
    """
    turn = TURN
    if len(arrays["faces"]) > TOO_MANY_FACES:
        raise InputError(f"it has {len(arrays['faces'])} faces still")
    numbers, places = np.unique(arrays["materials"], return_inverse=True)
    colours = np.array([_colour(f"{name}/{number}") for number in numbers], np.uint8)
    depth, width, _ = np.ptp(arrays["vertices"][arrays["faces"]], axis=(0, 1))
    if category in LONG_SIDEWAYS and depth > DEEPER * width:
        turn = SIDEWAYS
    turned = make_triangles(
        arrays["vertices"] @ turn_matrix(turn).T, arrays["faces"], colours[places.reshape(-1)]
    )
    return turned_outwards(normalise(turned)[0])


def _colour(name: str) -> list[int]:
    """A grey, a wood or any hue, sRGB: the generators' own colours are textures made of noise."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    kind, hue, strength, value = rng.random(4)
    if kind < 0.3:
        found = colorsys.hsv_to_rgb(hue, 0.06 * strength, 0.1 + 0.85 * value)
    elif kind < 0.7:
        found = colorsys.hsv_to_rgb(0.04 + 0.08 * hue, 0.25 + 0.45 * strength, 0.2 + 0.65 * value)
    else:
        found = colorsys.hsv_to_rgb(hue, 0.3 + 0.6 * strength, 0.25 + 0.7 * value)
    return [round(255 * part) for part in found]


def _stored(
    generator: Generator, seed: int, made: dict[str, NDArray[Any]] | str, output: Path
) -> Row | LeftOut:
    """Stores a shape. made: its arrays, or why there are none."""
    name = generator.shape(seed)
    if isinstance(made, str):
        return LeftOut(name, made)
    try:
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        found = find_inside(triangles_of(made, name, generator.category), "auto", rng)
        write_shape(found.triangles, place_of(output, generator.category, name))
    except InputError as error:
        return LeftOut(name, str(error).rstrip("."))
    return Row(
        name,
        generator.category,
        "train",
        found.method,
        SOURCE,
        LICENCE,
        CREDIT,
        f"{generator.factory}({seed})",
        generator.group,
    )


def _meshes(
    generator: Generator, seeds: Sequence[int], output: Path, python: Path
) -> Iterator[tuple[int, dict[str, NDArray[Any]] | str]]:
    """For each seed the arrays that `scene` leaves, or why there are none."""
    left = list(seeds)
    while left:
        with tempfile.TemporaryDirectory(dir=output, prefix=SCRATCH) as scratch:
            folder = Path(scratch)
            jobs = {
                "module": generator.module,
                "factory": generator.factory,
                "seeds": left,
                "most_faces": MOST_FACES,
                "too_many_faces": TOO_MANY_FACES,
            }
            (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
            said = _run(python, folder, _LONGEST * len(left))
            if not (folder / "begun.txt").is_file():
                raise OnetError(f"{python} can't run the generator {generator.name}: {said}.")
            for seed in tuple(left):
                left.remove(seed)
                mesh, reason = folder / f"{seed}.npz", folder / f"{seed}.txt"
                if mesh.is_file():
                    yield seed, read_arrays(mesh, ("vertices", "faces", "materials"))
                elif reason.is_file():
                    yield seed, reason.read_text(encoding="utf-8")
                else:
                    # At this one it ended; those after it are tried again.
                    yield seed, said
                    break


def _run(python: Path, folder: Path, longest: float) -> str:
    """Has the jobs of a folder done; returns the last words, for when something is missing."""
    own = {"BLENDER_USER_RESOURCES": str(folder / "blender"), "OMP_NUM_THREADS": "1"}
    # -P: modules beside the script must not take the places of the generators' own.
    command = [str(python), "-P", str(_SCENE.resolve()), str(folder.resolve())]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=longest,
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {longest:.0f} s"
    except OSError as error:
        return error.strerror or str(error)
    return last_words(done.stderr) if done.returncode else "it left nothing"


def _read_index(output: Path) -> list[Row]:
    """The shapes that are there. Raises InputError where the folder is not one of these."""
    path = output / INDEX_FILE
    try:
        rows = [Row(**row) for row in _read(path)]
    except TypeError as error:
        raise InputError(f"{path} is of other shapes: give a folder of its own.") from error
    return [row for row in rows if place_of(output, row.category, row.id).is_file()]


def _read_left_out(output: Path) -> list[LeftOut]:
    path = output / LEFT_OUT_FILE
    try:
        return [LeftOut(**row) for row in _read(path)]
    except TypeError as error:
        raise InputError(f"{path} is damaged: remove it.") from error


def _write(columns: Sequence[str], kept: Mapping[str, Row | LeftOut], path: Path) -> None:
    write_table(columns, [[*asdict(kept[name]).values()] for name in sorted(kept)], path)


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} can't be read: {error}.") from error
