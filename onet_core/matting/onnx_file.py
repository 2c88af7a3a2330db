"""The convolutions of a network in an ONNX file, without any library for such files.

ONNX is Protocol Buffers: numbered fields, of which a few are needed here. Nothing in the file is
run; sizes are checked before anything is read.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from .network import Convolution

# Numbers of fields: of a model, a graph, a node, a tensor.
_GRAPH = 7
_NODE, _INITIALISER = 1, 5
_INPUT, _OPERATION = 1, 4
_SIZES, _TYPE, _NAME, _RAW = 1, 2, 8, 9
_FLOAT = 1
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


def read_convolutions(content: bytes) -> list[Convolution]:
    """The weights of all convolutions, in the order of the graph; raises ValueError."""
    graph = next(
        (part for field, part in _fields(content) if field == _GRAPH and isinstance(part, bytes)),
        b"",
    )
    tensors: dict[bytes, torch.Tensor] = {}
    wanted: list[list[bytes]] = []
    for field, part in _fields(graph):
        if field == _INITIALISER and isinstance(part, bytes):
            name, values = _tensor(part)
            tensors[name] = values
        elif field == _NODE and isinstance(part, bytes):
            fields = list(_fields(part))
            if (_OPERATION, b"Conv") in fields:
                inputs = [name for number, name in fields if number == _INPUT]
                wanted.append([name for name in inputs[1:] if isinstance(name, bytes)])
    try:
        return [Convolution(*(tensors[name] for name in names)) for names in wanted]
    except (KeyError, TypeError) as error:
        raise ValueError("a convolution without weights and bias") from error


def _tensor(content: bytes) -> tuple[bytes, torch.Tensor]:
    """The name and the values of a tensor of single precision."""
    sizes, kind, name, raw = [], 0, b"", b""
    for field, value in _fields(content):
        if field == _SIZES and isinstance(value, int):
            sizes.append(value)
        elif field == _TYPE and isinstance(value, int):
            kind = value
        elif field == _NAME and isinstance(value, bytes):
            name = value
        elif field == _RAW and isinstance(value, bytes):
            raw = value
    if kind != _FLOAT or len(raw) != 4 * int(np.prod(sizes, dtype=np.int64)):
        raise ValueError("a tensor of another type or size")
    values = np.frombuffer(raw, dtype="<f4").reshape(sizes)
    return name, torch.from_numpy(values.astype(np.float32))


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The numbers and the values of a message's fields."""
    place = 0
    while place < len(content):
        key, place = _number(content, place)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, place = _number(content, place)
            yield field, value
            continue
        if wire == _BYTES:
            size, place = _number(content, place)
        elif wire in (_EIGHT, _FOUR):
            size = 8 if wire == _EIGHT else 4
        else:
            raise ValueError("an unknown kind of field")
        if place + size > len(content):
            raise ValueError("a field that is cut off")
        yield field, content[place : place + size]
        place += size


def _number(content: bytes, place: int) -> tuple[int, int]:
    """A number of any length and the place after it."""
    found = 0
    for shift in range(0, 70, 7):
        if place >= len(content):
            break
        byte = content[place]
        place += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, place
    raise ValueError("a number that does not end")
