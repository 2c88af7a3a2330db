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

LONGEST_HEADER = 4 * 2**20
LARGEST_ARRAYS = 8 * 2**30
MOST_DIMENSIONS = 8
DTYPES = {"|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"}


class ProtocolError(Exception):
    """What arrived is no message of this protocol; the stream can't be used any further."""


def encode_message(
    header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
) -> list[bytes | memoryview]:
    """The parts of a message, to be written one after the other.

    Arrays are not copied where their memory can be sent as it is. Raises ValueError where the
    header is no JSON or too long, or an array's type or size is not allowed.
    """
    entries: list[dict[str, Any]] = []
    parts: list[bytes | memoryview] = []
    total = 0
    for name, given in (arrays or {}).items():
        array = np.asarray(given, order="C")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype.str not in DTYPES or array.ndim > MOST_DIMENSIONS:
            raise ValueError(f"An array of type {array.dtype} and shape {array.shape}.")
        entries.append({"name": name, "dtype": array.dtype.str, "shape": list(array.shape)})
        if array.size:
            parts.append(array.reshape(-1).data.cast("B"))
        total += array.nbytes
    if total > LARGEST_ARRAYS:
        raise ValueError(f"{total / 2**30:.1f} GiB of arrays.")
    try:
        line = json.dumps({**header, "arrays": entries}, allow_nan=False).encode()
    except TypeError as error:
        raise ValueError(str(error)) from error
    if len(line) >= LONGEST_HEADER:
        raise ValueError(f"A header of {len(line)} bytes.")
    return [line + b"\n", *parts]


def write_message(
    stream: BinaryIO, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
) -> None:
    """Writes one message and flushes. Raises what `encode_message` raises, before writing."""
    for part in encode_message(header, arrays):
        stream.write(part)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[Header, Arrays]:
    """Waits for one message; its arrays are writable.

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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"A message's header is malformed: {line[:60]!r}") from error
    arrays: Arrays = {}
    total = 0
    for name, dtype, shape in kinds:
        if dtype not in DTYPES or not _is_shape(shape):
            raise ProtocolError(f"The array {name[:40]!r} has an impossible type or shape.")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        total += size
        if total > LARGEST_ARRAYS:
            raise ProtocolError("A message's arrays are too large.")
        arrays[name] = _read_exactly(stream, size).view(dtype).reshape(shape)
    return header, arrays


def _is_shape(shape: tuple[Any, ...]) -> bool:
    # An axis may be long only where it has content: the product alone does not bound (0, 2**99).
    return len(shape) <= MOST_DIMENSIONS and all(
        type(n) is int and 0 <= n <= LARGEST_ARRAYS for n in shape
    )


def _read_exactly(stream: BinaryIO, size: int) -> NDArray[np.uint8]:
    """The next `size` bytes, writable. Memory is only taken for what really arrives."""
    try:
        content = np.empty(size, dtype=np.uint8)
    except MemoryError as error:
        raise ProtocolError(f"There is no memory for an array of {size} bytes.") from error
    view, done = memoryview(content.data), 0
    while done < size:
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise ProtocolError("A message is cut off.")
        done += count
    return content
