"""One small sound file of every format, made by libraries or by hand: what tests start from."""

from __future__ import annotations

import gzip
import io
import json
import struct
from typing import Any

import laspy
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


def splat() -> bytes:
    kind = [("place", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("turn", "u1", 4)]
    splats = np.zeros(60, kind)
    splats["place"], splats["rgba"] = POINTS, 255
    return splats.tobytes()


def spz() -> bytes:
    fixed = np.round(POINTS * 4096).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
    head = struct.pack("<4sIIBBBx", b"NGSP", 2, 60, 0, 12, 0)
    return gzip.compress(head + fixed.tobytes() + b"\xff" * 60 + COLOURS.tobytes() + bytes(360))


def colmap() -> bytes:
    written = struct.pack("<Q", 60)
    for place, colour in zip(POINTS, COLOURS, strict=True):
        written += struct.pack("<Q3d3BdQ", 7, *place, *colour, 0.5, 2) + bytes(16)
    return written


def las() -> bytes:
    """Version 1.2, points of format 0, by hand."""
    head = bytearray(227)
    head[:4], head[24:26], head[104] = b"LASF", b"\1\2", 0
    struct.pack_into("<HII", head, 94, 227, 227, 0)
    struct.pack_into("<HI", head, 105, 20, 60)
    struct.pack_into("<6d", head, 131, 1e-4, 1e-4, 1e-4, 0, 0, 0)
    points = np.zeros(60, [("place", "<i4", 3), ("rest", "u1", 8)])
    points["place"] = np.round(POINTS * 1e4)
    return bytes(head) + points.tobytes()


def laz() -> bytes:
    """The same, packed."""
    packed = io.BytesIO()
    laspy.read(io.BytesIO(las())).write(packed, do_compress=True)
    return packed.getvalue()


def skinned() -> bytes:
    """A box that a bone moves, in a scene that is a hundredth as large."""
    weights = np.zeros((8, 4), "<f4")
    weights[:, 0] = 1
    parts = [BOX.vertices.astype("<f4"), BOX.faces.astype("<u2"), np.zeros((8, 4), "u1"), weights,
             np.diag(np.array([100, 100, 100, 1], "<f4"))]  # fmt: skip
    starts = np.cumsum([0, *(part.nbytes for part in parts)])
    kinds = [(5126, "VEC3", 8), (5123, "SCALAR", 36), (5121, "VEC4", 8), (5126, "VEC4", 8),
             (5126, "MAT4", 1)]  # fmt: skip
    attributes = {"POSITION": 0, "JOINTS_0": 2, "WEIGHTS_0": 3}
    document = {
        "nodes": [{"scale": [0.01] * 3, "children": [1, 2]}, {"mesh": 0, "skin": 0}, {}],
        "scenes": [{"nodes": [0]}],
        "skins": [{"joints": [2], "inverseBindMatrices": 4}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 1}]}],
        "buffers": [{"byteLength": int(starts[-1])}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": int(start), "byteLength": part.nbytes}
            for start, part in zip(starts, parts, strict=False)
        ],
        "accessors": [
            {"bufferView": number, "componentType": kind, "type": shape, "count": count}
            for number, (kind, shape, count) in enumerate(kinds)
        ],
    }
    return glb(document, b"".join(part.tobytes() for part in parts))


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
    "a.splat": splat(),
    "a.spz": spz(),
    "b.bin": colmap(),
    "a.las": las(),
    "a.laz": laz(),
    "b.glb": skinned(),
    "b.csv": ("lat,lon,alt\n" + rows(48 + POINTS / 1000, mark=",")).encode(),
    "a.asc": (
        "ncols 10\nnrows 6\nxllcorner 0\nyllcorner 0\ncellsize 1\n"
        + rows(POINTS[:, 0].reshape(6, 10))
    ).encode(),
    "b.npz": npz(vertices=BOX.vertices, faces=BOX.faces),
    "c.npz": npz(pos=np.c_[POINTS, np.ones(60)], neg=np.c_[POINTS / 2, -np.ones(60)]),
    "b.obj": b"v 0 0 0\nv 2 0 0\nv 2 2 0\nv 1 0.5 0\nv 0 2 0\nv 1 1 3\nf 5 4 3 2 1\nf 1 2 6\n"
    b"f 2 3 6\nf 3 4 6\nf 4 5 6\nf 5 1 6\n",
    "a.png": picture("PNG"),
    "a.jpg": picture("JPEG"),
    "a.webp": picture("WEBP"),
    "a.gif": picture("GIF"),
    "a.tif": picture("TIFF"),
    "a.bmp": picture("BMP"),
}
