"""Meshes with slips of their writers, and glTF files that other programs lay out otherwise."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_files import BOX, glb, skinned

from onet_core.errors import InputError
from onet_core.inputs.load import load_observation, read_input


def test_meshes_with_slips_of_their_writers(tmp_path: Path) -> None:
    """Comments behind vertices, capitals, decimal commas, counts that were never filled in."""
    plain = BOX.export(file_type="obj")
    binary, text = BOX.export(file_type="stl"), BOX.export(file_type="stl_ascii")
    off = BOX.export(file_type="off")
    for name, content in (
        ("a.obj", plain.replace("\n", " # x\n")),
        ("b.obj", plain.replace("v ", "V ").replace("f ", "F ")),
        ("c.obj", plain.replace(".", ",")),
        ("a.stl", binary[:80] + b"\0\0\0\0" + binary[84:]),
        ("b.stl", text.replace(".", ",")),
        ("a.off", "OFF " + " ".join(off.removeprefix("OFF").split())),
        ("b.off", off.removeprefix("OFF").lstrip()),
    ):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        found = read_input(path)
        assert found.points is not None
        assert found.faces is not None
        assert len(found.faces) == 12, name
        np.testing.assert_allclose(np.ptp(found.points, axis=0), (1, 2, 3), atol=1e-6)


def test_faces_at_vertices_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    lines = BOX.export(file_type="obj").splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("v "))
    # Behind the eight others, so that their numbers stay: a ninth vertex and a face at it.
    lines.insert(place + 8, "v nan 0 0")
    (tmp_path / "a.obj").write_text("\n".join([*lines, "f 1 2 9"]) + "\n")
    found = read_input(tmp_path / "a.obj")
    assert found.points is not None
    assert found.faces is not None
    assert (len(found.points), len(found.faces)) == (8, 12)
    assert np.isfinite(found.points).all()
    assert "not finite" in str(found.notes[0])


def test_buffers_of_gltf_with_odd_names(tmp_path: Path) -> None:
    corners = np.eye(3, dtype="<f4").tobytes()
    (tmp_path / "my buffer ü.bin").write_bytes(corners)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a+b.bin").write_bytes(corners)
    document = {
        "asset": {"version": "2.0"},
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": len(corners)}],
        "buffers": [{}],
    }

    def faces(uri: str) -> int:
        document["buffers"] = [{"byteLength": len(corners), "uri": uri}]
        (tmp_path / "a.gltf").write_text(json.dumps(document))
        found = read_input(tmp_path / "a.gltf", "voxels").faces
        return 0 if found is None else len(found)

    for uri in ("my%20buffer%20%C3%BC.bin", "my buffer ü.bin", "./deep/a+b.bin", "deep\\a+b.bin"):
        assert faces(uri) == 1, uri
    for uri in ("gone.bin", "C:\\me\\a.bin", "https://example.org/a.bin", "../a.bin"):
        with pytest.raises(InputError, match="which is not beside it"):
            faces(uri)


def scene(nodes: list[dict[str, Any]], roots: list[int]) -> dict[str, Any]:
    """A document of one triangle and nodes."""
    return {
        "nodes": nodes,
        "scenes": [{"nodes": roots}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36}],
    }


def test_nodes_of_gltf_by_hundred_thousands_take_no_time(tmp_path: Path) -> None:
    """Long chains, wide trees and thousands of instances at one place: read within seconds."""
    corners = np.eye(3, dtype="<f4").tobytes()
    chain = [{"children": [i + 1], "translation": [1, 0, 0]} for i in range(30_000)]
    wide = [{"mesh": 0, "translation": [i, 0, 0]} for i in range(30_000)]
    for document, extent in (
        (scene([*chain, {"mesh": 0}], [0]), 1),
        (scene([{"children": [*range(1, 30_001)]}, *wide], [0]), 30_000),
        (scene([{"mesh": 0}] * 3_000, [*range(3_000)]), 1),
    ):
        (tmp_path / "a.glb").write_bytes(glb(document, corners))
        start = time.process_time()
        found = load_observation(tmp_path / "a.glb")
        assert time.process_time() - start < 5
        assert found.frame.scale == pytest.approx(extent)
    loop = scene([{"children": [1]}, {"children": [0], "mesh": 0}], [0])
    (tmp_path / "a.glb").write_bytes(glb(loop, corners))
    with pytest.raises(InputError, match="below itself"):
        read_input(tmp_path / "a.glb")


def test_other_versions_and_compressions_of_gltf_are_named(tmp_path: Path) -> None:
    old = tmp_path / "a.gltf"
    old.write_text(json.dumps({"asset": {"version": "1.0"}, "nodes": {}}))
    with pytest.raises(InputError, match=r"version 1\.0"):
        read_input(old)
    packed = {
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 1, "type": "VEC3"}],
        "bufferViews": [
            {"buffer": 0, "byteLength": 12, "extensions": {"KHR_meshopt_compression": {}}}
        ],
        "buffers": [{"byteLength": 12}],
    }
    path = tmp_path / "a.glb"
    path.write_bytes(glb(packed, bytes(12)))
    with pytest.raises(InputError, match="KHR_meshopt_compression"):
        read_input(path)


# A plate like the letter U, 7 square units, and an arrow head of 4 corners, 1.5 of them.
U = [(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)]
ARROW = [(0, 0), (2, 1), (0, 2), (0.5, 1)]


@pytest.mark.parametrize(
    ("corners", "wanted"), [(U, 7.0), (ARROW, 1.5), (ARROW[2:] + ARROW[:2], 1.5)]
)
@pytest.mark.parametrize("turned", [False, True])
def test_faces_with_notches_keep_their_shape(
    tmp_path: Path, corners: list[tuple[float, float]], wanted: float, turned: bool
) -> None:
    """Blender, FreeCAD and Rhino write faces of many corners as they are."""
    if turned:
        corners = corners[::-1]
    count = len(corners)
    numbers = " ".join(map(str, range(count)))
    slanted = [(x, y, 0.5 * x - y) for x, y in corners]
    vertices = "".join(f"{x} {y} {z}\n" for x, y, z in slanted)
    (tmp_path / "a.off").write_text(f"OFF\n{count} 1 0\n{vertices}{count} {numbers}\n")
    found = read_input(tmp_path / "a.off", "voxels")
    assert found.points is not None
    assert found.faces is not None
    assert len(found.faces) == count - 2
    places = found.points[found.faces]
    crossed = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
    assert np.linalg.norm(crossed, axis=1).sum() / 2 == pytest.approx(wanted * 1.5)
    # No triangle looks the other way.
    assert np.linalg.norm(crossed.sum(axis=0)) / 2 == pytest.approx(wanted * 1.5)


def test_bones_and_morph_targets_move_vertices(tmp_path: Path) -> None:
    (tmp_path / "a.glb").write_bytes(skinned())
    found = read_input(tmp_path / "a.glb")
    assert found.points is not None
    np.testing.assert_allclose(np.ptp(found.points, axis=0), (1, 2, 3), rtol=1e-5)
    points, faces = BOX.vertices.astype("<f4"), BOX.faces.astype("<u2")
    taller = points * np.float32([0, 0, 1])
    targets = {"attributes": {"POSITION": 0}, "indices": 1, "targets": [{"POSITION": 2}]}
    document = {
        "nodes": [{"mesh": 0}],
        "meshes": [{"weights": [0.5], "primitives": [targets]}],
        "buffers": [{"byteLength": 264}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": length}
            for start, length in ((0, 96), (96, 72), (168, 96))
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 8},
            {"bufferView": 1, "componentType": 5123, "type": "SCALAR", "count": 36},
            {"bufferView": 2, "componentType": 5126, "type": "VEC3", "count": 8},
        ],
    }
    (tmp_path / "b.glb").write_bytes(
        glb(document, points.tobytes() + faces.tobytes() + taller.tobytes())
    )
    found = read_input(tmp_path / "b.glb")
    assert found.points is not None
    np.testing.assert_allclose(np.ptp(found.points, axis=0), (1, 2, 4.5), rtol=1e-5)


def test_homogeneous_coordinates(tmp_path: Path) -> None:
    lines = ["4OFF", "4 4 0", "0 0 0 2", "2 0 0 2", "0 4 0 2", "0 0 6 2",
             "3 0 2 1", "3 0 1 3", "3 1 2 3", "3 0 3 2"]  # fmt: skip
    (tmp_path / "a.off").write_text("\n".join(lines))
    found = read_input(tmp_path / "a.off")
    assert found.points is not None
    np.testing.assert_allclose(np.ptp(found.points, axis=0), (1, 2, 3))


def words(**entries: str) -> bytes:
    """A dictionary as MagicaVoxel writes it."""
    listed = [word.encode() for entry in entries.items() for word in entry]
    packed = b"".join(struct.pack("<i", len(word)) + word for word in listed)
    return struct.pack("<i", len(entries)) + packed


def test_what_magicavoxel_shows(tmp_path: Path) -> None:
    """Hidden models and layers are left out, and of an animation the first frame is read."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<II", len(body), 0) + body

    def placed(number: int, model: bytes, layer: int = 0, **entries: str) -> bytes:
        """A transform, moved by its number times ten, and what it places."""
        shift = words(_t=f"{10 * number} 0 0")
        head = struct.pack("<i", number) + words(**entries)
        turn = head + struct.pack("<4i", number + 1, -1, layer, 1) + shift
        return chunk(b"nTRN", turn) + chunk(
            b"nSHP", struct.pack("<i", number + 1) + words() + model
        )

    def models(*numbers: int) -> bytes:
        return struct.pack("<i", len(numbers)) + b"".join(
            struct.pack("<i", number) + words() for number in numbers
        )

    content = b""
    for count in (1, 2):
        cells = b"".join(bytes([x, 0, 0, 1]) for x in range(count))
        content += chunk(b"SIZE", struct.pack("<3i", 2, 2, 2))
        content += chunk(b"XYZI", struct.pack("<I", count) + cells)
    content += chunk(b"nTRN", struct.pack("<i", 0) + words() + struct.pack("<4i", 1, -1, -1, 0))
    content += chunk(b"nGRP", struct.pack("<i", 1) + words() + struct.pack("<4i", 3, 2, 4, 6))
    content += placed(2, models(0, 1)) + placed(4, models(1), _hidden="1")
    content += placed(6, models(1), layer=3)
    content += chunk(b"LAYR", struct.pack("<i", 3) + words(_hidden="1") + struct.pack("<i", -1))
    (tmp_path / "a.vox").write_bytes(
        b"VOX " + struct.pack("<I4sII", 200, b"MAIN", 0, len(content)) + content
    )
    grid = read_input(tmp_path / "a.vox").grid
    assert grid is not None
    assert grid.occupied.sum() == 1


def test_stl_that_is_not_whole_or_in_utf_16(tmp_path: Path) -> None:
    binary, text = BOX.export(file_type="stl"), BOX.export(file_type="stl_ascii")
    half = struct.pack("<I", 6)
    for name, content, faces, note in (
        ("a.stl", ("\ufeff" + text).encode("utf-16-le"), 12, ""),
        ("b.stl", binary[:80] + half + binary[84:], 6, "the 300 bytes behind them were not read"),
        ("c.stl", text[: text.rindex("facet normal")].encode(), 11, "may be cut off"),
    ):
        (tmp_path / name).write_bytes(content)
        found = read_input(tmp_path / name, "voxels")
        assert found.faces is not None
        assert len(found.faces) == faces
        assert note in " ".join(map(str, found.notes))
        assert bool(note) == bool(found.notes)


def test_meshes_at_whole_numbers_in_archives(tmp_path: Path) -> None:
    """Their vertices were taken for a list of cells, and the faces were forgotten."""
    vertices, faces = np.round(np.asarray(BOX.vertices) * 2), np.asarray(BOX.faces)
    np.savez(tmp_path / "a.npz", vertices=vertices, faces=faces)
    found = read_input(tmp_path / "a.npz")
    assert found.faces is not None
    np.testing.assert_array_equal(found.points, vertices)


def test_what_is_no_obj_has_no_points(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_bytes(b"Kaydara FBX Binary  \0" + bytes(300))
    with pytest.raises(InputError, match=r"a\.obj"):
        read_input(tmp_path / "a.obj")
