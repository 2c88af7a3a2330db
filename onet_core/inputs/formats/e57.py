"""E57, the exchange format of laser scanners, by pye57: all scans of a file in its coordinates."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, NoPointsError
from ..content import Content, seen_from
from ..limits import MOST_POINTS, assert_file, bounded, optional_package
from .tables.columns import as_colours

# A point takes some bytes; the library takes memory for those that are claimed.
_FEW = 1_000_000


def _opened(library: ModuleType, path: Path) -> Any:
    """The file, whose points are not finite where it announces more than it holds.

    The library leaves what was in memory before.
    """

    class _File(library.E57):  # type: ignore[name-defined]
        def make_buffer(self, *given: Any, **options: Any) -> Any:
            array, buffer = super().make_buffer(*given, **options)
            array.fill(np.nan if array.dtype.kind == "f" else 0)
            return array, buffer

    return _File(str(path))


def read(path: Path, kind: str) -> Content:
    """The points of all scans, each moved to where its pose says; colours where all have some.

    A pose is where the scanner stood. Programs that don't know it write none, or the origin.
    """
    assert_file(path)
    with path.open("rb") as file:
        if file.read(8) != b"ASTM-E57":
            raise InputError("{name} is damaged or not an E57 file.", name=path.name)
    pye57 = optional_package("pye57", "pye57", path.name)
    points, colours, stands = [], [], []
    try:
        file = _opened(pye57, path)
        total = sum(file.get_header(number).point_count for number in range(file.scan_count))
        most = min(MOST_POINTS, max(_FEW, path.stat().st_size))
        bounded(path.name, "points", int(total), most)
        for number in range(file.scan_count):
            scan = file.read_scan(number, colors=True, ignore_missing_fields=True, transform=True)
            axes = [scan[f"cartesian{axis}"] for axis in "XYZ"]
            points.append(np.stack(axes, axis=1).astype(np.float64))
            stands.append(file.get_header(number).translation)
            painted = [scan.get(f"color{name}") for name in ("Red", "Green", "Blue")]
            if all(channel is not None for channel in painted):
                colours.append(np.stack(painted, axis=1))
    except InputError:
        raise
    except Exception as error:  # the library raises whatever a damaged file makes it raise
        raise InputError("{name} is damaged or has no points.", name=path.name) from error
    if not points:
        raise NoPointsError("{name} has no points.", name=path.name)
    is_painted = len(colours) == len(points) and sum(map(len, colours)) > 0
    return Content(
        np.concatenate(points),
        colours=as_colours(np.concatenate(colours)) if is_painted else None,
        sights=_sights(points, stands),
    )


def _sights(
    scans: list[NDArray[np.float64]], stands: list[NDArray[np.float64]]
) -> NDArray[np.float32] | None:
    """From each point of scans (N, 3) to where its scanner stood (3,); None where no scan says."""
    if not np.any(stands):
        return None
    seen = zip(stands, scans, strict=True)
    return np.concatenate([seen_from(stand, points) for stand, points in seen])
