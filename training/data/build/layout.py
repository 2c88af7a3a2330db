"""Writing datasets in the original's layout: each shape's folder appears whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from trimesh.exchange.binvox import binvox_bytes
from trimesh.voxel.runlength import dense_to_rle

from onet_core.errors import InputError, OnetError
from onet_core.files import scratch_name
from onet_core.mesh.files import replacing

from .near import near_files
from .sampling import SurfaceSamples
from .summary import summarise

SPLITS = ("train", "val", "test")
RECORD_FILE = "shape.json"
REPORT_FILE = "report.csv"
SUMMARY_FILE = "report.md"
METADATA_FILE = "metadata.yaml"


@dataclass(frozen=True)
class Record:
    """What became of a shape; a row of report.csv.

    status: built or dropped, with the reason.
    method, orientation: how inside and outside were distinguished.
    thickness: what was added to it.
    inside: share of the labelled points.
    thin, buried: shares of the surface.
    """

    category: str
    name: str
    split: str
    status: str = "built"
    reason: str = ""
    method: str = ""
    thickness: str = ""
    orientation: str = ""
    faces: int = 0
    inside: float = 0.0
    thin: float = 0.0
    buried: float = 0.0
    seconds: float = 0.0
    source: str = ""
    licence: str = ""
    credit: str = ""


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A new folder that becomes `target`, which must not exist, when the block ends well.

    Raises OnetError where it can't be written, as on a full disk; nothing is left behind then.
    """
    scratch = target.with_name(scratch_name())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir()
        yield scratch
        os.replace(scratch, target)
    except OSError as error:
        raise OnetError(f"Could not write {target}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def remove_remains(root: Path) -> None:
    """Removes the folders that a run left behind that was killed too hard to do it itself.

    One run at a time is meant: those of another one that still goes on would go too.
    """
    for scratch in root.glob("*/.*.part"):
        shutil.rmtree(scratch, ignore_errors=True)


def write_labels(
    folder: Path,
    points: NDArray[np.float16],
    inside: NDArray[np.bool_],
    surface: SurfaceSamples,
    voxels: NDArray[np.bool_],
    *,
    loc: NDArray[np.float64],
    scale: float,
) -> None:
    """points.npz, near.npy, distances.npy, pointcloud.npz and model.binvox of one shape.

    points: (N, 3) with inside: (N,); voxels: (32, 32, 32) along x, y, z over the unit cube;
    original coordinates are loc + scale * normalised.
    """
    place: dict[str, Any] = {"loc": np.asarray(loc, dtype=np.float64), "scale": np.float64(scale)}
    np.savez(folder / "points.npz", points=points, occupancies=np.packbits(inside), **place)
    on_surface = surface.points.astype(np.float16)
    for name, values in near_files(points, on_surface).items():
        np.save(folder / name, values)
    np.savez(
        folder / "pointcloud.npz",
        points=on_surface,
        normals=surface.normals.astype(np.float16),
        **place,
    )
    low = loc - 0.5 * scale
    (folder / "model.binvox").write_bytes(binvox(voxels, low, scale))


def binvox(voxels: NDArray[np.bool_], low: NDArray[np.float64], edge: float) -> bytes:
    """A .binvox file of cells (R, R, R) along x, y, z, whose cube begins at `low`."""
    # In the file y runs fastest, then z, then x.
    runs = dense_to_rle(voxels.transpose(0, 2, 1).ravel(), dtype=np.uint8)
    return binvox_bytes(runs, voxels.shape, low, edge)


def write_record(folder: Path, record: Record) -> None:
    """The record beside the shape, so that it is never lost."""
    (folder / RECORD_FILE).write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")


def is_built(folder: Path) -> bool:
    """Whether a shape is finished."""
    return (folder / RECORD_FILE).is_file()


def read_record(folder: Path) -> Record | None:
    """The record of a finished shape; None where there is none.

    Raises InputError where it is damaged.
    """
    path = folder / RECORD_FILE
    if not path.is_file():
        return None
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path} is damaged: remove the folder {folder} to have the shape built anew."
        ) from error


def write_lists(root: Path, records: Iterable[Record], *, others: bool = True) -> None:
    """train.lst, val.lst and test.lst of every category, as the original's: no last line break.

    others: whether shapes that earlier runs built and these records do not name stay in their
    lists.
    """
    splits: dict[str, dict[str, str]] = {}
    for record in records:
        members = splits.setdefault(record.category, {})
        if record.status == "built":
            members[record.name] = record.split
    for category, members in splits.items():
        (root / category).mkdir(parents=True, exist_ok=True)
        for path in sorted((root / category).glob(f"*/{RECORD_FILE}")) if others else ():
            earlier = read_record(path.parent)
            # What a killed run left half-made has another name than the shape.
            if earlier is not None and earlier.name == path.parent.name:
                members.setdefault(earlier.name, earlier.split)
        for split in SPLITS:
            names = sorted(name for name, chosen in members.items() if chosen == split)
            _write_text(root / category / f"{split}.lst", "\n".join(names))


def write_metadata(root: Path, names: Mapping[str, str]) -> None:
    """metadata.yaml: category folder -> id and name, merged with what is there.

    Raises InputError where that is damaged.
    """
    path = root / METADATA_FILE
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
        content = dict(known or {})
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged: remove it to have it written anew.") from error
    content.update({folder: {"id": folder, "name": name} for folder, name in names.items()})
    _write_text(path, json.dumps(dict(sorted(content.items())), indent=1) + "\n")


def write_report(root: Path, records: Sequence[Record], part: str = "") -> Path:
    """report.csv, a row per shape, and report.md, what was dropped and why; returns the latter.

    Rows of earlier runs on other shapes are kept. part: ends the name of a table of one's own, for
    machines that build into one folder; report.md is of all tables there.
    """
    path = root / f"{Path(REPORT_FILE).stem}{part}.csv"
    columns = [field.name for field in fields(Record)]
    rows = _read_report(path)
    rows.update({(record.category, record.name): asdict(record) for record in records})
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    ordered = [rows[key] for key in sorted(rows)]
    writer.writerows(ordered)
    _write_text(path, text.getvalue())
    tables = sorted(root.glob(f"{Path(REPORT_FILE).stem}*.csv"))
    for other in tables:
        rows = {**_read_report(other), **rows}
    summary = root / SUMMARY_FILE
    names = [table.name for table in tables]
    _write_text(summary, summarise([rows[key] for key in sorted(rows)], names))
    return summary


def _read_report(path: Path) -> dict[tuple[str, str], dict[str, object]]:
    """The rows of a report by category and name; none where there is no file."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["category"], row["name"]): dict(row) for row in csv.DictReader(file)}


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode("utf-8"))
