"""Building many shapes: in parallel, resumable, with a record of each."""

from __future__ import annotations

import errno
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from onet_core.errors import InputError
from onet_core.inputs.observation import VOXEL_RESOLUTION
from onet_core.inputs.voxelise import solid_voxels

from ..render.render import VIEWS, Style, count_views, write_views
from . import layout
from .layout import Record
from .occupancy import make_solid
from .processes import in_processes
from .sampling import sample_box
from .shapenet_core import SYNSETS
from .source import Entry

# How often lists and report are brought up to date, so that training can begin on a part.
_SECONDS_BETWEEN_LISTS = 60.0


@dataclass(frozen=True)
class Amount:
    """How many labelled points, surface points and views a shape gets; 0 views for none.

    thickness: what is added to its inside, see `occupancy.THICKENINGS`.
    style: how views are made.
    """

    points: int = 100_000
    surface: int = 100_000
    views: int = VIEWS
    thickness: str = "thin"
    style: Style = field(default_factory=Style)


def build(
    entries: Sequence[Entry],
    root: Path,
    amount: Amount = Amount(),
    *,
    labels: bool = True,
    workers: int = 1,
    progress: bool = False,
    told: Callable[[Record], None] | None = None,
    shard: tuple[int, int] = (1, 1),
) -> list[Record]:
    """Builds what is missing of the shapes below `root`; returns a record of each, in order.

    labels: False to render only shapes that are there already. Shapes are taken in mixed order, so
    that what is there at any time is a fair part of all. Lists, metadata and report are written
    once a minute and at the end, however it ends. A shape that can't be used is dropped, with the
    reason. told: is called with every record.
    shard: (K, N) builds the K-th of N parts and returns their records, so that N machines may build
    into one folder. Whoever ends last leaves complete lists.
    Raises OnetError where two entries have one name, or nothing can be written.
    """
    named: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        other = named.setdefault((entry.category, entry.name), entry)
        if other is not entry:
            raise InputError(f"There are two shapes {entry.category}/{entry.name}.")
    root.mkdir(parents=True, exist_ok=True)
    number, parts = shard
    if parts == 1:  # else they may be what another machine is writing
        layout.remove_remains(root)
    records: dict[tuple[str, str], Record] = {}

    def write_lists() -> None:
        if labels:
            layout.write_lists(root, records.values())
            folders = {entry.category for entry in entries}
            layout.write_metadata(root, {folder: SYNSETS.get(folder, folder) for folder in folders})
            layout.write_report(root, list(records.values()), "" if parts == 1 else f"-{number}")

    mixed = sorted(entries, key=lambda entry: _hash(entry.category, entry.name))
    mixed = mixed[number - 1 :: parts]
    bar = tqdm(total=len(mixed), unit="shape", disable=not progress)
    written = time.monotonic()
    try:
        built = in_processes(build_shape, mixed, root, amount, labels, workers=workers, lost=_lost)
        for _, record in built:
            records[record.category, record.name] = record
            bar.set_postfix_str(f"{record.category}/{record.name}", refresh=False)
            bar.update()
            if told is not None:
                told(record)
            if time.monotonic() - written > _SECONDS_BETWEEN_LISTS:
                write_lists()
                written = time.monotonic()
    finally:
        bar.close()
        write_lists()
    own = set(map(id, mixed))
    return [records[entry.category, entry.name] for entry in entries if id(entry) in own]


def build_shape(entry: Entry, root: Path, amount: Amount, labels: bool = True) -> Record:
    """Builds one shape, as far as it is missing. A shape that can't be used is not an error."""
    start = time.perf_counter()
    folder = root / entry.category / entry.name
    record = Record(
        entry.category,
        entry.name,
        entry.split,
        source=entry.source,
        licence=entry.licence,
        credit=entry.credit,
    )
    try:
        done = layout.read_record(folder)
        if done is None and not labels:
            raise InputError(f"{folder} is not built yet.")
        if done is not None and count_views(folder) >= amount.views:
            return done
        shape = entry.load()
        if done is not None:
            write_views(folder, entry.name, shape.triangles, amount.views, amount.style)
            return done
        rng = np.random.default_rng(_hash(entry.category, entry.name))
        solid = make_solid(shape.triangles, entry.method, rng, amount.thickness)
        points = sample_box(amount.points, rng)
        inside = solid.inside(points.astype(np.float64))
        if not inside.any():
            raise InputError("No point of the box lies inside.")
        surface = solid.surface(amount.surface, rng)
        cells = (shape.triangles.corners + 0.5) * VOXEL_RESOLUTION
        voxels = solid_voxels(cells, VOXEL_RESOLUTION)
        with layout.replacing_folder(folder) as scratch:
            layout.write_labels(
                scratch, points, inside, surface, voxels, loc=shape.loc, scale=shape.scale
            )
            if amount.views:
                write_views(scratch, entry.name, shape.triangles, amount.views, amount.style)
            record = replace(
                record,
                method=solid.method,
                thickness=solid.thickness,
                orientation=solid.orientation,
                faces=len(shape.triangles.faces),
                inside=round(float(inside.mean()), 6),
                thin=round(solid.thin, 4),
                buried=round(solid.buried, 4),
                seconds=round(time.perf_counter() - start, 2),
            )
            layout.write_record(scratch, record)
    except InputError as error:
        return replace(record, status="dropped", reason=str(error))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise  # nor would any other find room
        return replace(record, status="dropped", reason=f"{error.strerror or error}.")
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
        # What no reader foresaw is one shape's fault; the others are built.
        first = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        reason = f"An unexpected error stopped it ({type(error).__name__}: {first})."
        return replace(record, status="dropped", reason=reason)
    return record


def _lost(entry: Entry) -> Record:
    """The record of a shape whose process died twice."""
    reason = "Its process died, perhaps for want of memory."
    return Record(entry.category, entry.name, entry.split, "dropped", reason, source=entry.source)


def _hash(category: str, name: str) -> int:
    return zlib.crc32(f"{category}/{name}".encode())
