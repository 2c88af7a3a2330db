"""Small files that claim much: refused by what their headers or sizes say, before they are read."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_files import POINTS, SAMPLES

from onet_core.errors import InputError
from onet_core.files import MOST_OF_DIRECTORY, size_of_directory
from onet_core.inputs import pictures
from onet_core.inputs.content import Content
from onet_core.inputs.formats import e57
from onet_core.inputs.formats.tables import ptx
from onet_core.inputs.load import read_input


def read(folder: Path, name: str, content: str | bytes) -> Content:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_input(path)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<II", len(body), 0) + body


def words(**entries: str) -> bytes:
    pairs = b"".join(
        struct.pack("<i", len(word)) + word.encode() for item in entries.items() for word in item
    )
    return struct.pack("<i", len(entries)) + pairs


def vox(*chunks: bytes) -> bytes:
    body = b"".join(chunks)
    return b"VOX " + struct.pack("<I", 150) + b"MAIN" + struct.pack("<II", 0, len(body)) + body


def test_a_model_that_is_shown_very_often(tmp_path: Path) -> None:
    """Its cells are counted before any of them is placed."""
    cells = np.zeros((100_000, 4), dtype=np.uint8)
    model = chunk(b"SIZE", struct.pack("<3i", 256, 256, 256))
    model += chunk(b"XYZI", struct.pack("<I", len(cells)) + cells.tobytes())
    shown = list(range(2, 402))
    group = chunk(b"nGRP", struct.pack("<i", 1) + words() + struct.pack("<401i", 400, *shown))
    root = chunk(
        b"nTRN", struct.pack("<i", 0) + words() + struct.pack("<4i", 1, -1, 0, 1) + words()
    )
    shapes = [
        chunk(b"nSHP", struct.pack("<i", node) + words() + struct.pack("<ii", 1, 0) + words())
        for node in shown
    ]
    with pytest.raises(InputError, match="claims 40,000,000 voxels; at most 20,000,000"):
        read(tmp_path, "a.vox", vox(model, root, group, *shapes))


def test_very_many_chunks(tmp_path: Path) -> None:
    size = chunk(b"SIZE", struct.pack("<3i", 1, 1, 1))
    with pytest.raises(InputError, match="claims 300,001 chunks; at most 300,000"):
        read(tmp_path, "a.vox", vox(size * 300_001))


def test_very_long_lines(tmp_path: Path) -> None:
    rows = "1,2,3\n" * 10
    for first in ("9" * 2_000_000 + ",1,2\n", "1.5," * 500_000 + "\n"):
        with pytest.raises(InputError, match=r"a line of it has 2,000,00\d characters"):
            read(tmp_path, "a.csv", first + rows)


def test_very_many_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ptx, "_MOST_SCANS", 3)
    scan = "1\n1\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n{} 2 3 .5\n"
    with pytest.raises(InputError, match="claims 4 scans; at most 3"):
        read(tmp_path, "a.ptx", "".join(map(scan.format, range(4))))


def test_plain_pictures_of_16_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They unpack to twice as much."""
    monkeypatch.setattr(pictures, "_CHECKED_FROM", 10_000)
    plain = Image.fromarray(np.full((900, 900), 65535, dtype=np.uint16))
    plain.save(tmp_path / "a.png", compress_level=9)
    with pytest.raises(InputError, match=r"810,000 pixels in .* bytes; of that many at most 125"):
        read_input(tmp_path / "a.png")


def listing(count: int) -> bytes:
    """An archive of many empty files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("a.npy", b"")
    content = written.getvalue()
    start, place = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    entry, end = content[start:place], bytearray(content[place:])
    struct.pack_into("<I", end, 12, count * len(entry))
    return content[:start] + count * entry + bytes(end)


def test_archives_of_very_many_entries(tmp_path: Path) -> None:
    content = listing(50_000)
    with pytest.raises(InputError, match="claims 2,550,000 bytes of names; at most 2,097,152"):
        read(tmp_path, "a.npz", content)
    assert size_of_directory(tmp_path / "a.npz") > MOST_OF_DIRECTORY
    (tmp_path / "none.npz").write_bytes(b"PK")
    assert size_of_directory(tmp_path / "none.npz") == 0


def test_archives_with_numbers_of_64_bits(tmp_path: Path) -> None:
    content = listing(1)
    place = content.index(b"PK\5\6")
    far = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 9, 9, 5_000_000, 0)
    where = struct.pack("<4sIQI", b"PK\6\7", 0, place, 1)
    (tmp_path / "a.zip").write_bytes(content[:place] + far + where + content[place:])
    assert size_of_directory(tmp_path / "a.zip") == 5_000_000


class TwoOfThree:
    """As pye57's class, of a file that announces three points and holds two."""

    scan_count = 1

    def __init__(self, path: str) -> None:
        self.path = path

    def get_header(self, number: int) -> TwoOfThree:
        return self

    point_count = 3
    translation = np.zeros(3)

    def make_buffer(self, name: str, capacity: int) -> tuple[np.ndarray, None]:
        return np.full(capacity, 7.0), None

    def read_scan(self, number: int, **options: bool) -> dict[str, np.ndarray]:
        found = {}
        for column, axis in enumerate("XYZ"):
            found[f"cartesian{axis}"], _ = self.make_buffer(axis, 3)
            found[f"cartesian{axis}"][:2] = POINTS[:2, column]
        return found


def test_points_that_a_scan_only_announces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were whatever was in memory."""
    library = type("library", (), {"E57": TwoOfThree})
    monkeypatch.setattr(e57, "optional_package", lambda *names: library)
    found = read(tmp_path, "a.e57", b"ASTM-E57")
    np.testing.assert_array_equal(found.points, POINTS[:2])
    assert [str(note) for note in found.notes] == ["1 point that is not finite was left out"]


def test_chunks_of_packed_scans(tmp_path: Path) -> None:
    """The library takes memory for them and ends the process where there is none."""
    content = bytearray(SAMPLES["a.laz"])
    points = struct.unpack_from("<I", content, 96)[0]
    table = struct.unpack_from("<q", content, points)[0]
    struct.pack_into("<I", content, table + 4, 2**32 - 1)
    with pytest.raises(InputError, match=r"a\.laz claims 4,294,967,295 chunks; at most "):
        read(tmp_path, "a.laz", bytes(content))
