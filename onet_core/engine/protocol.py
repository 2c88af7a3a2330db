"""Messages between client and worker: one line of JSON, then raw array buffers. No pickle.

Header: `{"type": ..., "arrays": [{"name", "dtype", "shape"}, ...], ...}` and a newline; the arrays'
bytes follow in that order, C-contiguous, little-endian. Standard library and NumPy only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]

LONGEST_HEADER = 2**20
LARGEST_ARRAYS = 8 * 2**30
DTYPES = {"|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"}


class ProtocolError(Exception):
    """What arrived is no message of this protocol; the stream can't be used any further."""


def write_message(
    stream: BinaryIO, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
) -> None:
    """Writes one message and flushes. Raises ValueError for arrays of a type that is not allowed."""
    buffers, entries = [], []
    for name, array in (arrays or {}).items():
        array = np.ascontiguousarray(array)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype.str not in DTYPES:
            raise ValueError(f"Arrays of type {array.dtype} can't be sent.")
        entries.append({"name": name, "dtype": array.dtype.str, "shape": list(array.shape)})
        buffers.append(array)
    line = json.dumps({**header, "arrays": entries}, allow_nan=False).encode()
    if len(line) >= LONGEST_HEADER:
        raise ValueError("The message's header is too long to be sent.")
    stream.write(line + b"\n")
    for array in buffers:
        stream.write(memoryview(array.reshape(-1)).cast("B"))
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[Header, Arrays]:
    """Waits for one message.

    Raises EOFError where the stream ends between messages and ProtocolError for anything that is
    malformed, too large, or cut off.
    """
    line = stream.readline(LONGEST_HEADER)
    if not line:
        raise EOFError
    if not line.endswith(b"\n"):
        raise ProtocolError("A message's header is cut off or too long.")
    try:
        header = json.loads(line)
        entries = header.pop("arrays")
        kinds = [(str(e["name"]), str(e["dtype"]), tuple(e["shape"])) for e in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError("A message's header is malformed.") from error
    arrays: Arrays = {}
    total = 0
    for name, dtype, shape in kinds:
        if dtype not in DTYPES or not all(type(n) is int and n >= 0 for n in shape):
            raise ProtocolError(f"The array {name!r} has an impossible type or shape.")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        total += size
        if total > LARGEST_ARRAYS:
            raise ProtocolError("A message's arrays are too large.")
        arrays[name] = np.frombuffer(_read_exactly(stream, size), dtype=dtype).reshape(shape)
    return header, arrays


def _read_exactly(stream: BinaryIO, size: int) -> bytearray:
    """The next `size` bytes, writable, so that the arrays made of them are."""
    content = bytearray(size)
    view, done = memoryview(content), 0
    while done < size:
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise ProtocolError("A message is cut off.")
        done += count
    return content
