"""Binvox: run lengths of cells, y running fastest, then z, then x."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...errors import Damage, InputError
from ..content import Content
from ..limits import MOST_CELLS, bounded, read_bytes, reason_of
from ..volumes import VoxelGrid

_LONGEST_HEADER = 1 << 16


def read(path: Path, kind: str) -> Content:
    """The grid of a file; InputError for damaged ones."""
    return Content(grid=read_binvox(path))


def read_binvox(path: str | Path) -> VoxelGrid:
    """Reads a .binvox file: run lengths of cells, y running fastest, then z, then x.

    The grid covers [translate, translate + scale] along its longest side. Raises InputError for
    damaged files. (Format: patrickmin.com/binvox/binvox.html)
    """
    path = Path(path)
    content = read_bytes(path)
    try:
        if not content.startswith(b"#binvox"):
            raise Damage("its first line is not '#binvox'")
        end = re.search(rb"\r?\ndata\r?\n", content[:_LONGEST_HEADER])
        if end is None:
            raise Damage("its header has no end")
        header, body = content[: end.start()].decode("ascii", "replace"), content[end.end() :]
        fields = {words[0]: words[1:] for words in map(str.split, header.splitlines()) if words}
        x, z, y = (int(word) for word in fields["dim"])
        if min(x, y, z) < 1:
            raise Damage("a grid of {x} by {y} by {z} cells has no cells", x=x, y=y, z=z)
        bounded(path.name, "cells", x * y * z, MOST_CELLS)
        origin = np.array([float(word) for word in fields.get("translate", ["0"] * 3)])
        scale = float(fields.get("scale", ["1"])[0])
        if origin.shape != (3,) or not (np.abs(origin) < 1e100).all() or not 0 < scale < 1e100:
            raise Damage("its place or scale is not a number")
        if len(body) % 2:
            raise Damage("it ends in the middle of a run")
        runs = np.frombuffer(body, np.uint8).reshape(-1, 2)
        if int(runs[:, 1].sum(dtype=np.int64)) != x * y * z:
            raise Damage("its runs do not fill the grid")
    except (ValueError, KeyError, IndexError) as error:
        raise InputError(
            "{name} is damaged or not a binvox file: {reason}.",
            name=path.name,
            reason=reason_of(error),
        ) from error
    cells = np.repeat(runs[:, 0] > 0, runs[:, 1]).reshape(x, z, y).transpose(0, 2, 1)
    return VoxelGrid(cells, origin, scale / max(x, y, z))
