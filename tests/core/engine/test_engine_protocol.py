"""Messages on the wire: what goes in comes out, and nothing malformed gets through."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from onet_core.engine import protocol
from onet_core.engine.protocol import ProtocolError, encode_message, read_message, write_message

ARRAYS = {
    "plain": np.arange(6, dtype=np.float32).reshape(2, 3),
    "empty": np.zeros((0, 3), np.int64),
    "big-endian": np.arange(3, dtype=">f8"),
    "flag": np.array(True),
    "number": np.array(2.5, np.float16),
    "transposed": np.eye(3)[:, :2].T,
    "every other": np.arange(10, dtype=np.uint16)[::2],
    "backwards": np.arange(4, dtype=np.int8)[::-1],
    "many axes": np.arange(16, dtype=np.uint8).reshape((2,) * 4 + (1,) * 4),
}


def test_messages_survive_the_way() -> None:
    stream = io.BytesIO()
    write_message(stream, {"type": "x", "text": "ä\n\0", "nested": {"a": [1, None]}}, ARRAYS)
    write_message(stream, {"type": "y"})
    stream.seek(0)
    header, read = read_message(stream)
    assert header == {"type": "x", "text": "ä\n\0", "nested": {"a": [1, None]}}
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].shape == array.shape
        assert read[name].dtype == array.dtype.newbyteorder("<")
        np.testing.assert_array_equal(read[name], array)
        assert read[name].flags.writeable
    assert read_message(stream) == ({"type": "y"}, {})
    with pytest.raises(EOFError):
        read_message(stream)


def test_large_arrays_are_not_copied_to_be_sent() -> None:
    array = np.zeros((1000, 3))
    part = encode_message({}, {"a": array})[1]
    assert np.shares_memory(np.frombuffer(part, np.uint8), array)


def header_line(**entry: object) -> bytes:
    return json.dumps({"arrays": [entry]}).encode() + b"\n"


@pytest.mark.parametrize(
    "content",
    [
        b"not json\n",
        b"[]\n",
        b"{}\n",
        b"7\n",
        b"null\n",
        b"\xff\xfe\n",
        b"\n",
        b'{"arrays": []}',
        b'{"arrays": 3}\n',
        b'{"arrays": [1]}\n',
        b"[" * 100_000 + b"\n",
        b"x" * (protocol.LONGEST_HEADER + 5),
        header_line(name="a", dtype="|O", shape=[1]),
        header_line(name="a", dtype="<c16", shape=[1]),
        header_line(name="a", dtype="object", shape=[1]),
        header_line(name="a", dtype="<f4", shape=[-1]),
        header_line(name="a", dtype="<f4", shape=[2**40]),
        header_line(name="a", dtype="<f4", shape=[0, 2**99]),
        header_line(name="a", dtype="<f4", shape=[1] * 65),
        header_line(name="a", dtype="<f4", shape=[3]) + b"short",
        header_line(name="a", dtype="<f4", shape=["3"]),
        header_line(name="a", dtype="<f4", shape=[True]),
        header_line(name="a", dtype="<f4", shape=3),
        header_line(name="a"),
    ],
    ids=lambda content: repr(content[:50]),
)
def test_malformed_messages_are_refused(content: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_message(io.BytesIO(content))


def test_random_damage_is_refused_or_harmless() -> None:
    stream = io.BytesIO()
    write_message(stream, {"type": "x", "id": 3}, ARRAYS)
    good = stream.getvalue()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(2000):
        damaged = bytearray(good[: rng.integers(1, len(good) + 1)])
        damaged[rng.integers(len(damaged))] = rng.integers(256)
        try:
            header, arrays = read_message(io.BytesIO(bytes(damaged)))
        except ProtocolError:
            refused += 1
        else:
            assert isinstance(header, dict)
            assert all(array.dtype.str in protocol.DTYPES for array in arrays.values())
    assert refused > 1000


@pytest.mark.parametrize(
    ("header", "arrays"),
    [
        ({}, {"a": np.array([object()])}),
        ({}, {"a": np.array(["text"])}),
        ({}, {"a": np.zeros((1,) * 9)}),
        ({}, {"a": np.broadcast_to(np.zeros(1, np.uint8), 2**10)}),
        ({"a": float("nan")}, {}),
        ({"a": Path()}, {}),
        ({"a": "x" * protocol.LONGEST_HEADER}, {}),
    ],
    ids=["objects", "text", "axes", "size", "nan", "not JSON", "long"],
)
def test_what_can_not_be_sent_is_refused_before_anything_is_written(
    header: dict[str, object], arrays: protocol.Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LARGEST_ARRAYS", 2**10 - 1)
    stream = io.BytesIO()
    with pytest.raises(ValueError, match=r"\w"):
        write_message(stream, header, arrays)
    assert stream.getvalue() == b""
