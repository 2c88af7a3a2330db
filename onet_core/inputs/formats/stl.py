"""STL, binary and ascii. The size decides which it is: binary files may begin with "solid" too."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...sentences import Sentence
from ..content import Content
from ..limits import read_bytes, reason_of
from .tables.encodings import decode_text

_HEADER, _TRIANGLE = 84, 50
_UTF_16 = (b"\xff\xfes\0o\0l\0i\0d\0", b"\xfe\xff\0s\0o\0l\0i\0d")
_TAIL = 4096
# What programs write as the number of triangles that do not know it yet.
_UNCOUNTED = (0, 2**32 - 1)
_VERTEX = re.compile(rb"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)
_ROW = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")])


def read(path: Path, kind: str) -> Content:
    """The triangles, each with its own three vertices."""
    content = read_bytes(path)
    notes: list[Sentence] = []
    if content.startswith(_UTF_16):
        content = decode_text(content, path.name).encode()
    count = int.from_bytes(content[_HEADER - 4 : _HEADER], "little")
    if count in _UNCOUNTED and len(content) > _HEADER and not (len(content) - _HEADER) % _TRIANGLE:
        count = (len(content) - _HEADER) // _TRIANGLE
    size = _HEADER + _TRIANGLE * count
    is_text = content[:512].lstrip().lower().startswith(b"solid") and b"facet" in content[:4096]
    if len(content) >= _HEADER and (size == len(content) or (size < len(content) and not is_text)):
        rows = np.frombuffer(content, _ROW, count, _HEADER)
        points = rows["corners"].reshape(-1, 3).astype(np.float64)
        if size < len(content):
            notes.append(
                Sentence(
                    "Its header counts {count:,} triangles; the {rest:,} bytes behind them were "
                    "not read",
                    count=count, rest=len(content) - size,
                )
            )  # fmt: skip
    elif b"vertex" in content[:65536].lower():
        try:
            words = [word for vertex in _VERTEX.findall(content) for word in vertex]
            if b"," in words[0] and b"." not in words[0]:
                words = [word.replace(b",", b".") for word in words]
            found = [float(word) for word in words]
        except (ValueError, IndexError) as error:
            raise InputError(
                "{name} has a damaged vertex: {reason}.", name=path.name, reason=reason_of(error)
            ) from error
        points = np.array(found, dtype=np.float64).reshape(-1, 3)
        points = points[: len(points) // 3 * 3]
        if b"endsolid" not in content[-_TAIL:].lower():
            notes.append(Sentence("It has no end, so it may be cut off"))
    else:
        raise InputError("{name} is damaged, cut off or not an STL file.", name=path.name)
    if not len(points):
        raise InputError("{name} has no faces.", name=path.name)
    faces = np.arange(len(points), dtype=np.int64).reshape(-1, 3)
    return Content(points, faces, notes=tuple(notes))
