"""Meshes, volumes and pictures as others write them, and files that claim too much."""

from __future__ import annotations

import functools
import io
import json
import struct
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from sample_files import BOX, COLOURS, POINTS, glb, npy, npz, picture, ply, vox

from onet_core.errors import InputError
from onet_core.inputs.content import Content
from onet_core.inputs.formats import arrays
from onet_core.inputs.load import load_observation, read_input
from onet_core.inputs.pictures import prepare_picture, read_picture
from onet_core.mesh.files import read_mesh, write_mesh
from onet_core.mesh.mesh import Mesh

QUADS = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4)]
TRIANGLES = [(1, 5, 7), (1, 7, 3)]
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 2) for z in (0, 3)], dtype=np.float64)


def read(folder: Path, name: str, content: str | bytes, kind: str = "auto") -> Content:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_input(path, kind)


def assert_box(found: Content, volume: float = 6.0) -> None:
    """Quads and triangles mixed: a closed box of the right size, seen from outside."""
    assert found.points is not None
    assert found.faces is not None
    made = trimesh.Trimesh(found.points, found.faces)
    assert made.is_watertight
    assert abs(made.volume) == pytest.approx(volume)


@pytest.mark.parametrize("order", ["little", "big"])
def test_ply_of_quads_and_triangles(tmp_path: Path, order: str) -> None:
    mark = "<" if order == "little" else ">"
    faces = [struct.pack(f"{mark}B{len(face)}i", len(face), *face) for face in QUADS + TRIANGLES]
    vertices = [struct.pack(f"{mark}3f", *corner) for corner in CORNERS]
    content = ply(
        order,
        [
            ("vertex", ["float x", "float y", "float z"], vertices),
            ("face", ["list uchar int vertex_indices"], faces),
        ],
    )
    assert_box(read(tmp_path, "a.ply", content))
    odd = content.replace(b"element vertex", b"comment C:\\J\xfcrgen\nelement vertex")
    assert_box(read(tmp_path, "b.ply", odd))


def test_strips_of_triangles(tmp_path: Path) -> None:
    strips: list[int] = []
    for face in QUADS:
        strips += [face[0], face[1], face[3], face[2], -1]
    strips += [1, 5, 3, 7, -1]
    content = ply(
        "big",
        [
            ("vertex", [f"float {axis}" for axis in "xyz"],
             [struct.pack(">3f", *corner) for corner in CORNERS]),
            ("tristrips", ["list int int vertex_indices"],
             [struct.pack(f">i{len(strips)}i", len(strips), *strips)]),
        ],
    )  # fmt: skip
    assert_box(read(tmp_path, "a.ply", content))


@pytest.mark.parametrize("first", ["OFF8 7 0", "OFF 8 7 0", "OFF\n# a box\n8 7 0", "off\n8 7 0"])
def test_first_lines_of_off(tmp_path: Path, first: str) -> None:
    lines = [first, *(" ".join(map(str, corner)) for corner in CORNERS)]
    lines += [f"{len(face)} {' '.join(map(str, face))}" for face in QUADS + TRIANGLES]
    assert_box(read(tmp_path, "a.off", "\n".join(lines).encode("cp1252")))


def test_odd_bytes_in_names_and_comments(tmp_path: Path) -> None:
    lines = ["# Gr\xf6\xdfe", "o St\xfchle", "usemtl Wei\xdf"]
    lines += ["v " + " ".join(map(str, corner)) for corner in CORNERS]
    for number, face in enumerate(QUADS + TRIANGLES):
        # Some corners count back from the last vertex; groups by the thousand are no burden.
        indices = [corner + 1 if number % 2 else corner - 8 for corner in face]
        lines += [f"g part{number}", "f " + " ".join(f"{index}/1/1" for index in indices)]
    lines += [f"g {number}" for number in range(30_000)]
    start = time.perf_counter()
    assert_box(read(tmp_path, "a.obj", "\n".join(lines).encode("latin-1")))
    assert time.perf_counter() - start < 2
    solid = BOX.export(file_type="stl_ascii").encode()
    assert_box(read(tmp_path, "a.stl", b"solid Gr\xf6\xdfe\n" + solid.partition(b"\n")[2]))


def quantised(kind: type, normalised: bool, scale: float) -> bytes:
    most = np.iinfo(kind).max
    box = BOX.vertices / np.abs(BOX.vertices).max()
    places = np.round(box * most).astype(kind)
    padded = np.zeros((len(places), 4), kind)
    padded[:, :3] = places
    faces = BOX.faces.astype("<u2").tobytes()
    component = {np.int16: 5122, np.int8: 5120}[kind]
    return glb(
        {
            "nodes": [{"mesh": 0, "scale": [scale] * 3}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
            "buffers": [{"byteLength": padded.nbytes + len(faces)}],
            "bufferViews": [
                {"buffer": 0, "byteLength": padded.nbytes, "byteStride": 4 * padded.itemsize},
                {"buffer": 0, "byteOffset": padded.nbytes, "byteLength": len(faces)},
            ],
            "accessors": [
                {"bufferView": 0, "componentType": component, "count": len(places), "type": "VEC3",
                 "normalized": normalised},
                {"bufferView": 1, "componentType": 5123, "count": BOX.faces.size, "type": "SCALAR"},
            ],
        },
        padded.tobytes() + faces,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [np.int16, np.int8])
def test_quantised_positions(tmp_path: Path, kind: type) -> None:
    extent = BOX.vertices.max()
    for normalised, scale in ((True, extent), (False, extent / np.iinfo(kind).max)):
        found = read(tmp_path, "a.glb", quantised(kind, normalised, scale))
        assert found.points is not None
        np.testing.assert_allclose(np.ptp(found.points, axis=0), [1, 2, 3], rtol=0.02)


def points_glb(count: int, nodes: list[dict]) -> bytes:
    content = np.tile(POINTS, (1, 1)).astype("<f4").tobytes()
    primitive = {"attributes": {"POSITION": 0}, "mode": 0}
    return glb(
        {
            "nodes": nodes, "meshes": [{"primitives": [primitive]}],
            "buffers": [{"byteLength": len(content)}],
            "bufferViews": [{"buffer": 0, "byteLength": len(content)}],
            "accessors": [
                {"bufferView": 0, "componentType": 5126, "count": count, "type": "VEC3"}
            ],
        },
        content,
    )  # fmt: skip


def test_points_and_instances(tmp_path: Path) -> None:
    found = read(tmp_path, "a.glb", points_glb(60, [{"mesh": 0}]))
    assert found.kind == "points"
    assert found.points is not None
    np.testing.assert_allclose(found.points, POINTS, atol=1e-6)
    nodes: list[dict] = [{"children": [1, 2]}, {"mesh": 0, "translation": [5, 0, 0]}, {"mesh": 0}]
    nodes[2]["rotation"] = [0, 0, 1, 0]  # half round z
    found = read(tmp_path, "b.glb", points_glb(60, nodes))
    assert found.points is not None
    both = np.concatenate([POINTS + np.array([5, 0, 0]), POINTS * [-1, -1, 1]])
    ordered = [np.array(sorted(map(tuple, np.round(a, 3)))) for a in (found.points, both)]
    np.testing.assert_allclose(*ordered, atol=2e-3)


def test_draco(tmp_path: Path) -> None:
    library = pytest.importorskip("DracoPy")
    packed = library.encode(BOX.vertices.astype(np.float32), BOX.faces.astype(np.uint32))
    used = {"bufferView": 0, "attributes": {"POSITION": 0}}
    content = glb(
        {
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [
                {"attributes": {"POSITION": 0}, "extensions": {"KHR_draco_mesh_compression": used}}
            ]}],
            "buffers": [{"byteLength": len(packed)}],
            "bufferViews": [{"buffer": 0, "byteLength": len(packed)}],
            "accessors": [{"componentType": 5126, "count": 8, "type": "VEC3"}],
        },
        packed,
    )  # fmt: skip
    assert_box(read(tmp_path, "a.glb", content))


def test_open_scans_become_points(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    bowl = ball.submesh([np.flatnonzero(ball.triangles_center[:, 2] > -0.6)], append=True)
    bowl.export(tmp_path / "a.ply")
    found = read_input(tmp_path / "a.ply")
    assert found.kind == "points"
    assert "--kind voxels" in str(found.notes[0])
    assert load_observation(tmp_path / "a.ply", "voxels").kind == "voxels"
    holes = ball.submesh([np.arange(len(ball.faces)) % 97 > 0], append=True)
    holes.export(tmp_path / "b.ply")
    assert read_input(tmp_path / "b.ply").kind == "voxels"
    assert read(tmp_path, "c.stl", BOX.export(file_type="stl")).kind == "voxels"


GRID = np.zeros((12, 10, 8), bool)
GRID[3:9, 2:8, 1:5] = True
DISTANCE = np.where(GRID, -0.3, 0.7)
VOLUMES = {
    "bool": GRID, "labels": GRID * np.uint8(3), "shares": np.where(GRID, 0.9, 0.1),
    "8 bit": np.where(GRID, 230, 12).astype(np.uint8), "logits": np.where(GRID, 4.0, -4.0),
    "sdf": DISTANCE, "tsdf": np.clip(-DISTANCE, -0.5, 0.25), "batch": GRID[None, None],
    "channel": GRID[..., None].astype(np.float32),
}  # fmt: skip


@pytest.mark.parametrize("name", VOLUMES)
def test_what_counts_as_inside(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, "a.npy", npy(VOLUMES[name]))
    assert found.grid is not None
    np.testing.assert_array_equal(found.grid.occupied, GRID)
    assert bool(found.notes) == (name in ("8 bit", "logits", "sdf", "tsdf"))


def test_lists_of_cells_and_query_points(tmp_path: Path) -> None:
    found = read(tmp_path, "a.npy", npy(np.argwhere(GRID)))
    assert found.grid is not None
    assert found.grid.occupied.all()
    assert found.grid.occupied.shape == (6, 6, 4)
    assert read(tmp_path, "a.npy", npy(np.argwhere(GRID)), "points").kind == "points"
    queries = np.random.default_rng(0).uniform(-0.5, 0.5, (20_000, 3))
    inside = np.linalg.norm(queries, axis=1) < 0.4
    for stored in (inside, np.packbits(inside)):
        grid = read(tmp_path, "points.npz", npz(points=queries, occupancies=stored)).grid
        assert grid is not None
        assert grid.occupied.mean() == pytest.approx(inside.mean(), abs=0.01)


def test_palettes_and_stated_sizes(tmp_path: Path) -> None:
    grid = read(tmp_path, "a.vox", vox()).grid
    assert grid is not None
    assert grid.colours is not None
    shades = {tuple(cell): tuple(shade) for cell, shade in zip(
        np.argwhere(grid.occupied).tolist(), grid.colours.tolist(), strict=True)}  # fmt: skip
    red, green = (255, 0, 0), (0, 255, 0)
    assert shades == {(0, 0, 0): red, (1, 0, 0): green, (0, 1, 0): red, (0, 0, 1): green}
    flat = np.asfortranarray(GRID).T.astype("<u2").tobytes()
    for name in ("scan_12x10x8_uint16.raw", "scan_12_10_8.raw"):
        grid = read(tmp_path, name, flat).grid
        assert grid is not None
        np.testing.assert_array_equal(grid.occupied, GRID)
    for name in ("scan.raw", "scan_12x10x9.raw"):
        with pytest.raises(InputError, match=name):
            read(tmp_path, name, flat)


def framed(border: int, corner: int) -> np.ndarray:
    """A dark box on grey, in a transparent frame or with rounded corners."""
    pixels = np.full((200, 200, 4), 190, np.uint8)
    pixels[60:150, 50:160] = (120, 20, 20, 0)
    y, x = np.abs(np.indices((200, 200)) - 99.5)
    edge = 100 - border
    rounded = np.hypot(np.maximum(x - edge + corner, 0), np.maximum(y - edge + corner, 0)) > corner
    pixels[..., 3] = np.where((x > edge) | (y > edge) | (rounded & (corner > 0)), 0, 255)
    return pixels


@pytest.mark.parametrize(("border", "corner"), [(2, 0), (0, 25), (10, 12)])
def test_transparent_frames_say_nothing_about_the_object(border: int, corner: int) -> None:
    seen = prepare_picture(framed(border, corner))
    wanted = prepare_picture(framed(0, 0)[..., :3])
    assert (seen.background, len(seen.notes)) == ("plain", 1)
    assert np.abs(seen.data - wanted.data).mean() < 0.01


def test_alpha_the_wrong_way_round() -> None:
    pixels = framed(0, 0)
    pixels[60:150, 50:160, 3], pixels[:, :, 3] = 0, np.where(pixels[..., 0] == 120, 0, 255)
    seen, wanted = prepare_picture(pixels), prepare_picture(framed(0, 0)[..., :3])
    assert np.abs(seen.data - wanted.data).mean() < 0.01
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    noise[..., 3] = pixels[..., 3]
    assert (prepare_picture(noise).data == 1).mean() == pytest.approx(1 - 0.64 * 90 / 110, abs=0.03)


def test_endings_of_pictures(tmp_path: Path) -> None:
    for name in ("a.JPE", "b.jfif"):
        assert read(tmp_path, name, picture("JPEG")).kind == "image"
    assert read(tmp_path, "a.avif", picture("AVIF")).kind == "image"
    with pytest.raises(InputError, match="web page"):
        read(tmp_path, "a.png", "<!DOCTYPE html><html><body>Not found</body></html>")
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("white", "red")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert (read_picture(tmp_path / "a.webp") == 255).all()


def test_heic(tmp_path: Path) -> None:
    library = pytest.importorskip("pillow_heif")
    image = Image.open(io.BytesIO(picture("PNG")))
    library.from_pillow(image).save(tmp_path / "a.heic")
    assert read_input(tmp_path / "a.heic").pixels is not None


@pytest.mark.parametrize("name", ["a.exr", "a.hdr"])
def test_linear_light(tmp_path: Path, name: str) -> None:
    oiio = pytest.importorskip("OpenImageIO")
    file = oiio.ImageOutput.create(str(tmp_path / name))
    file.open(str(tmp_path / name), oiio.ImageSpec(4, 2, 3, "float"))
    file.write_image(np.full((2, 4, 3), 0.21404, np.float32))
    file.close()
    pixels = read_input(tmp_path / name).pixels
    assert pixels is not None
    assert np.abs(pixels.astype(int) - 128).max() <= 2


def bomb(width: int, height: int) -> bytes:
    """A PNG of one colour, rows of one bit a pixel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    packed = zlib.compress(bytes((width // 8 + 1) * height), 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


@functools.cache
def claims() -> dict[str, bytes]:
    """Small files that claim gigabytes."""
    nodes = [{"mesh": 0} for _ in range(199_000)]
    header = "FIELDS x y z\nSIZE 8 8 8\nTYPE F F F\nPOINTS 40000000\nDATA binary_compressed\n"
    return {
        "a.png": bomb(40_000, 30_000),
        "a.glb": points_glb(60, nodes),
        "b.glb": points_glb(2**31, [{"mesh": 0}]),
        "a.pcd": header.encode()
        + struct.pack("<II", 9, 960_000_000)
        + b"\x02abc\xe0\xff\x00\xe0\xff",
        "b.pcd": b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 999999999999\nDATA binary\n",
        "a.ply": b"ply\nformat binary_little_endian 1.0\nelement vertex 99999999999\n"
        b"property float x\nproperty float y\nproperty float z\nend_header\n",
        "a.binvox": b"#binvox 1\ndim 4096 4096 4096\ndata\n\x00\xff",
        "a.off": b"OFF\n999999999 999999999 0\n",
        "scan_9999x9999x9999.raw": b"1",
        "a.gltf": json.dumps({"asset": {}, "nodes": [{"children": [0], "mesh": 0}]}).encode(),
    }


@pytest.mark.parametrize("name", claims())
def test_claims_are_checked_before_memory_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(claims()[name])
    start = time.process_time()
    with pytest.raises(InputError, match=name) as caught:
        read_input(tmp_path / name)
    assert time.process_time() - start < 2
    assert "\n" not in str(caught.value)


def test_archives_are_measured_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "MOST_UNPACKED", 1000)
    with pytest.raises(InputError, match="at most 1,000 are read"):
        read(tmp_path, "a.npz", npz(points=np.zeros((500, 3))))


@pytest.mark.parametrize("suffix", ["ply", "obj", "glb", "off", "stl"])
def test_meshes_far_away_keep_their_shape_in_files(tmp_path: Path, suffix: str) -> None:
    place = np.array([412345.678, 5651234.567, 217.25])
    mesh = Mesh(np.asarray(BOX.vertices) * 0.1 + place, np.asarray(BOX.faces))
    note = write_mesh(mesh, tmp_path / f"a.{suffix}", up_axis="y")
    found = read_mesh(tmp_path / f"a.{suffix}")
    assert trimesh.Trimesh(found.vertices, found.faces).volume == pytest.approx(0.006, rel=1e-3)
    middle = (found.vertices.min(0) + found.vertices.max(0)) / 2
    assert (note is not None) == (suffix == "stl")
    np.testing.assert_allclose(middle, 0 * place if note else place, atol=1e-3)


def test_colours_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="60 points, but colours for 10"):
        read(tmp_path, "a.npz", npz(points=POINTS, colors=COLOURS[:10]))
    with pytest.raises(InputError, match="red, green and blue"):
        read(tmp_path, "a.npz", npz(points=POINTS, colors=np.array(["red"] * 60)))


def test_small_files_that_unpack_to_very_much(tmp_path: Path) -> None:
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        description = {"descr": "<f4", "fortran_order": False, "shape": (20_000_000, 3)}
        np.lib.format.write_array_header_1_0(header, description)
        with archive.open("points.npy", "w", force_zip64=True) as file:
            file.write(header.getvalue())
            for _ in range(240):
                file.write(bytes(1_000_000))
    with pytest.raises(InputError, match="claims 240,000,128 bytes; at most"):
        read(tmp_path, "a.npz", zeros.getvalue())
    with pytest.raises(InputError, match="a face has 200,000 corners, of 100,000 at most"):
        read(tmp_path, "a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf " + "1 2 " * 100_000)


def test_writers_of_off_differ_in_their_letters(tmp_path: Path) -> None:
    """MeshLab puts N in front of C, and colours in front of normals."""
    faces = [f"4 {a} {b} {c} {d}" for a, b, c, d in QUADS] + [
        f"3 {a} {b} {c}" for a, b, c in TRIANGLES
    ]
    for first, behind in (("NCOFF", "200 100 50 255 0 0 1"), ("CNOFF", "0 0 1 200 100 50 255")):
        rows = [f"{x} {y} {z} {behind}" for x, y, z in CORNERS]
        found = read(tmp_path, "a.off", "\n".join([first, "8 7 0", *rows, *faces]))
        assert_box(found)
        assert found.colours is not None
        assert (found.colours == (200, 100, 50)).all(), first
    with pytest.raises(InputError, match="binary OFF, save it as text"):
        read(tmp_path, "a.off", b"OFF BINARY\n" + struct.pack(">3i", 8, 7, 0) + bytes(99))


def test_control_points_are_no_surface(tmp_path: Path) -> None:
    rows = "".join(f"v {x} {y} {z}\n" for x, y, z in CORNERS)
    with pytest.raises(InputError, match="holds curved surfaces"):
        read(tmp_path, "a.obj", rows + "cstype bspline\ndeg 3 3\nsurf 0 1 0 1 1 2 3 4\nend\n")


def test_grids_of_open3d_are_voxels(tmp_path: Path) -> None:
    cells = np.argwhere(np.ones((2, 3, 4))) + 5
    header = "ply\nformat ascii 1.0\nelement origin 1\nproperty double x\nproperty double y\n"
    header += "property double z\nelement voxel_size 1\nproperty double val\nelement vertex 24\n"
    header += "".join(f"property int {axis}\n" for axis in "xyz")
    header += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    rows = "".join(f"{x} {y} {z} {x} {y} {z}\n" for x, y, z in cells[::-1])
    found = read(tmp_path, "a.ply", f"{header}end_header\n100 0 -1\n0.5\n{rows}")
    assert found.grid is not None
    assert found.grid.occupied.all()
    assert found.grid.occupied.shape == (2, 3, 4)
    assert found.grid.pitch == 0.5
    np.testing.assert_allclose(found.grid.origin, (102.5, 2.5, 1.5))
    np.testing.assert_array_equal(found.grid.colours, cells)
    assert read(tmp_path, "a.ply", f"{header}end_header\n0 0 0\n1\n{rows}", "points").grid is None
