"""One small sound file of every format, made by libraries or by hand: what tests start from."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import trimesh
from PIL import Image

RNG = np.random.default_rng(22)
POINTS = np.round(RNG.uniform(-1, 1, (60, 3)), 4)
COLOURS = RNG.integers(0, 256, (60, 3), dtype=np.uint8)
BOX = trimesh.creation.box((1, 2, 3))


def rows(*columns: np.ndarray, mark: str = " ") -> str:
    """Lines of numbers, the columns of all arrays beside each other."""
    return "".join(
        mark.join(f"{value:g}" for part in parts for value in np.atleast_1d(part)) + "\n"
        for parts in zip(*columns, strict=True)
    )


def ply(order: str, elements: list[tuple[str, list[str], list[bytes]]]) -> bytes:
    """A binary PLY of elements: name, lines of properties, and rows."""
    header = f"ply\nformat binary_{order}_endian 1.0\n"
    for name, properties, listed in elements:
        header += f"element {name} {len(listed)}\n"
        header += "".join(f"property {line}\n" for line in properties)
    content = b"".join(row for _, _, listed in elements for row in listed)
    return header.encode() + b"end_header\n" + content


def glb(document: dict[str, Any], binary: bytes) -> bytes:
    """A .glb of a document and its one buffer."""
    text = json.dumps({"asset": {"version": "2.0"}, **document}).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def picture(kind: str, **options: Any) -> bytes:
    """A dark box on white."""
    pixels = np.full((40, 60, 3), 255, np.uint8)
    pixels[10:30, 15:45] = (200, 30, 30)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def vox() -> bytes:
    cells = bytes([0, 0, 0, 1, 1, 0, 0, 2, 0, 1, 0, 1, 0, 0, 1, 2])
    palette = bytes([255, 0, 0, 255, 0, 255, 0, 255]) + bytes(1016)
    chunks = b""
    for name, body in (
        (b"SIZE", struct.pack("<3i", 2, 2, 2)),
        (b"XYZI", struct.pack("<I", 4) + cells),
        (b"RGBA", palette),
    ):
        chunks += name + struct.pack("<II", len(body), 0) + body
    return b"VOX " + struct.pack("<I4sII", 150, b"MAIN", 0, len(chunks)) + chunks


def _mesh(kind: str) -> bytes:
    written = BOX.export(file_type=kind)
    return written.encode() if isinstance(written, str) else written


SAMPLES: dict[str, bytes] = {
    "a.xyz": rows(POINTS, COLOURS).encode(),
    "a.csv": ("PointID,X,Y,Z\n" + rows(np.arange(60), POINTS, mark=",")).encode(),
    "a.pts": ("60\n" + rows(POINTS, np.full(60, -3), COLOURS)).encode(),
    "a.ptx": ("60\n1\n" + "0 0 0\n" * 4 + rows(np.eye(4)) + rows(POINTS, np.ones(60))).encode(),
    "a.pcd": b"FIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F U\nCOUNT 1 1 1 1\nPOINTS 60\n"
    b"DATA binary\n" + np.c_[POINTS, POINTS[:, 0]].astype("<f4").tobytes(),
    "a.ply": trimesh.PointCloud(POINTS, COLOURS).export(file_type="ply"),
    "b.ply": _mesh("ply"),
    "a.obj": _mesh("obj"),
    "a.off": _mesh("off"),
    "a.stl": _mesh("stl"),
    "a.glb": _mesh("glb"),
    "a.npy": npy(POINTS),
    "b.npy": npy(POINTS[:27].reshape(3, 3, 9) > 0),
    "a.npz": npz(points=POINTS, colors=COLOURS),
    "a.bin": np.c_[POINTS, np.abs(POINTS[:, 0])].astype("<f4").tobytes(),
    "a.binvox": b"#binvox 1\ndim 4 4 4\ntranslate 0 0 0\nscale 1\ndata\n\0\x20\1\x20",
    "a.vox": vox(),
    "a_4x4x4_uint8.raw": (np.arange(64) % 2).astype(np.uint8).tobytes(),
    "a.png": picture("PNG"),
    "a.jpg": picture("JPEG"),
    "a.webp": picture("WEBP"),
    "a.gif": picture("GIF"),
    "a.tif": picture("TIFF"),
    "a.bmp": picture("BMP"),
}
