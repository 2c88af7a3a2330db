"""Point cloud files made by hand or by trimesh, and their normalisation."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import trimesh
from reading import read_point_cloud
from scipy.spatial import cKDTree

from onet_core.errors import InputError
from onet_core.inputs.formats.pcd import unpack_lzf
from onet_core.inputs.frame import UP_AXES
from onet_core.inputs.load import read_input
from onet_core.inputs.point_clouds import prepare_points

POINTS = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32).astype(np.float64)
COLOURS = np.random.default_rng(2).integers(0, 255, (40, 3), dtype=np.uint8)


def ply(kind: str, scalar: str = "float", colours: bool = False) -> bytes:
    header = f"ply\nformat {kind} 1.0\ncomment made by hand\nelement vertex {len(POINTS)}\n"
    header += "".join(f"property {scalar} {axis}\n" for axis in "xyz")
    if colours:
        header += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    header += "end_header\n"
    if kind == "ascii":
        rows = [
            [*map(repr, map(float, point)), *(map(str, colour) if colours else ())]
            for point, colour in zip(POINTS, COLOURS, strict=True)
        ]
        return (header + "\n".join(" ".join(row) for row in rows) + "\n").encode()
    order = "<" if "little" in kind else ">"
    code = {"float": "f", "double": "d"}[scalar]
    body = b"".join(
        struct.pack(f"{order}3{code}", *point) + (bytes(colour) if colours else b"")
        for point, colour in zip(POINTS, COLOURS, strict=True)
    )
    return header.encode() + body


def pcd(kind: str) -> bytes:
    header = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS rgb x y z n\n"
        "SIZE 4 4 8 4 4\nTYPE U F F F F\nCOUNT 1 1 1 1 3\n"
        f"WIDTH {len(POINTS)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(POINTS)}\n"
        f"DATA {kind}\n"
    ).encode()
    if kind == "ascii":
        return header + b"".join(
            f"7 {x!r} {y!r} {z!r} 0 0 1\n".encode() for x, y, z in POINTS.tolist()
        )
    if kind == "binary":
        return header + b"".join(struct.pack("<Ifdf3f", 7, x, y, z, 0, 0, 1) for x, y, z in POINTS)
    x, y, z = POINTS.T
    body = np.full(len(POINTS), 7, "<u4").tobytes() + x.astype("<f4").tobytes()
    body += y.astype("<f8").tobytes() + z.astype("<f4").tobytes()
    body += np.tile(np.float32([0, 0, 1]), len(POINTS)).tobytes()
    # Literal runs only, then the same zeros as a back reference: a legal LZF stream.
    packed = b"".join(
        bytes([len(body[i : i + 32]) - 1]) + body[i : i + 32] for i in range(0, len(body), 32)
    )
    return header + struct.pack("<II", len(packed), len(body)) + packed


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def text(separator: str, head: str = "", tail: str = "") -> bytes:
    lines = [separator.join(repr(float(value)) for value in point) + tail for point in POINTS]
    return (head + "\n".join(lines) + "\n").encode()


FILES = {
    "ascii.ply": ply("ascii"),
    "ascii-colours.ply": ply("ascii", colours=True),
    "little.ply": ply("binary_little_endian", colours=True),
    "big.ply": ply("binary_big_endian"),
    "double.ply": ply("binary_little_endian", "double"),
    "ascii.pcd": pcd("ascii"),
    "binary.pcd": pcd("binary"),
    "compressed.pcd": pcd("binary_compressed"),
    "blanks.xyz": text(" "),
    "tabs.txt": text("\t", "# exported\n", "\t255\t0\t0"),
    "commas.csv": text(", ", "x,y,z,label\n", ", chair"),
    "windows.asc": text(";", "//X;Y;Z\n").replace(b"\n", b"\r\n"),
    "count.pts": text(" ", f"{len(POINTS)}\n", " 12 200 100 50"),
    "array.npy": npy(np.c_[POINTS, POINTS]),
    "single.npz": npz(cloud=POINTS),
    "named.npz": npz(points=POINTS, normals=POINTS),
    "vertices.obj": b"# no faces\n" + b"".join(b"v %r %r %r\n" % tuple(p) for p in POINTS.tolist()),
    "faces.obj": b"mtllib none.mtl\n"
    + b"".join(b"v %r %r %r 1 0 0\n" % tuple(p) for p in POINTS.tolist())
    + b"vn 0 0 1\nf 1//1 2//1 3//1\n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_points(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name])
    np.testing.assert_allclose(read_point_cloud(tmp_path / name), POINTS, atol=1e-7)


@pytest.mark.parametrize("suffix", ["ply", "off", "glb", "obj"])
def test_vertices_of_meshes(tmp_path, suffix):
    ball = trimesh.creation.icosphere(4)
    ball.vertices = np.round(ball.vertices, 4)
    ball.export(tmp_path / f"ball.{suffix}")
    points = read_point_cloud(tmp_path / f"ball.{suffix}")
    assert len(points) == len(ball.vertices) == 2_562
    distances, _ = cKDTree(points).query(ball.vertices)
    assert distances.max() < 1e-6


@pytest.mark.parametrize("suffix", ["ply", "off", "glb", "obj"])
def test_few_vertices_are_not_enough(tmp_path, suffix):
    """Points are spread over a box, evenly by area."""
    box = trimesh.creation.box((1, 2, 3))
    box.export(tmp_path / f"box.{suffix}")
    points = read_point_cloud(tmp_path / f"box.{suffix}")
    off = np.abs(points) - box.extents / 2
    np.testing.assert_allclose(off.max(axis=1), 0, atol=1e-6)
    shares = (np.abs(off) < 1e-6).mean(axis=0)
    np.testing.assert_allclose(shares, np.array([6, 3, 2]) / 11, atol=0.02)


def test_vertices_without_faces_are_kept_in_ply(tmp_path):
    mesh = trimesh.Trimesh(POINTS, [[0, 1, 2]], process=False)
    mesh.export(tmp_path / "loose.ply")
    np.testing.assert_allclose(read_point_cloud(tmp_path / "loose.ply"), POINTS, atol=1e-7)


@pytest.mark.parametrize("kind", ["ascii", "binary"])
def test_more_points_than_a_pcd_announces_are_said(tmp_path, kind):
    whole = pcd(kind)
    path = tmp_path / "more.pcd"
    announced = b"POINTS " + str(len(POINTS) - 3).encode()
    path.write_bytes(whole.replace(b"POINTS " + str(len(POINTS)).encode(), announced))
    content = read_input(path)
    assert len(content.points) == len(POINTS) - 3
    assert [str(note) for note in content.notes if "left out" in str(note)] == [
        f"Its header announces {len(POINTS) - 3:,} points; more that follow were left out"
    ]
    path.write_bytes(whole)
    assert not any("left out" in str(note) for note in read_input(path).notes)


def test_pixels_that_saw_nothing_are_left_out_of_pcd(tmp_path):
    path = tmp_path / "organised.pcd"
    path.write_text(
        "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 2\nHEIGHT 2\nDATA ascii\n"
        "0 0 0\nnan nan nan\n1 0 0\n0 1 nan\n"
    )
    np.testing.assert_array_equal(read_point_cloud(path), [[0, 0, 0], [1, 0, 0]])


def test_lzf_back_references():
    # "abc", then six bytes from three back (it overlaps itself), then a long run of ten.
    packed = b"\x02abc" + bytes([4 << 5, 2]) + bytes([7 << 5, 1, 0])
    assert unpack_lzf(packed, 19) == b"abcabcabc" + b"c" * 10
    for broken in (b"\x02ab", bytes([1 << 5, 0]), packed):
        with pytest.raises(ValueError, match="damaged"):
            unpack_lzf(broken, 18)


@pytest.mark.parametrize("size", [0, 3, 0.3, 0.6, -100])
@pytest.mark.parametrize("name", [n for n in FILES if n.endswith((".ply", ".pcd", ".npy", ".npz"))])
def test_truncated_files_are_refused_by_name(tmp_path, name, size):
    whole = FILES[name]
    (tmp_path / name).write_bytes(whole[: int(size * len(whole)) if 0 < size < 1 else size])
    with pytest.raises(InputError, match=name) as caught:
        read_point_cloud(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    {
        "picture.png": b"\x89PNG",
        "binary.xyz": bytes(range(256)),
        "words.txt": b"once upon a time\nthere was a cloud\n",
        "two-columns.xyz": b"1 2\n3 4\n",
        "ragged.xyz": b"1 2 3\n4 5\n",
        "voxels.npy": npy(np.zeros((4, 4, 4))),
        "columns.npy": npy(np.zeros((4, 2))),
        "words.npy": npy(np.array([["a", "b", "c"]])),
        "choice.npz": npz(a=POINTS, b=POINTS),
        "empty.npz": npz(),
        "no-z.pcd": b"FIELDS x y\nSIZE 4 4\nTYPE F F\nCOUNT 1 1\nPOINTS 1\nDATA ascii\n1 2\n",
        "kind.pcd": b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 1\nDATA zip\n1 2 3\n",
        "type.pcd": b"FIELDS x y z\nSIZE 3 4 4\nTYPE F F F\nPOINTS 1\nDATA binary\n" + b"0" * 12,
        "broken.obj": b"v 1 2 three\n",
    }.items(),
)
def test_files_that_are_no_clouds_are_refused_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_point_cloud(tmp_path / name)


def test_pickles_are_not_opened(tmp_path):
    path = tmp_path / "pickle.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="plain numbers"):
        read_point_cloud(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="no file"):
        read_point_cloud(tmp_path / "missing.ply")
    with pytest.raises(InputError, match="no file"):
        read_point_cloud(tmp_path)


@pytest.mark.parametrize("up_axis", UP_AXES)
@pytest.mark.parametrize("count", [4, 300, 20_000])
def test_clouds_fill_the_unit_cube_upright_and_return(up_axis, count):
    rng = np.random.default_rng(count)
    points = rng.uniform(-1, 1, (count, 3)) * [3, 20, 7] + [1000, -2000, 30]
    seen = prepare_points(points, up_axis, "cloud")
    assert seen.kind == "points"
    assert seen.data.dtype == np.float32
    assert seen.data.shape == (count, 3)
    low, high = seen.data.min(0), seen.data.max(0)
    np.testing.assert_allclose(low + high, 0, atol=1e-6)
    assert (high - low).max() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(seen.frame.to_source(seen.data), points, atol=1e-4)
    heights = points[:, "xyz".index(up_axis[-1])] * (-1 if up_axis[0] == "-" else 1)
    assert np.corrcoef(seen.data[:, 1], heights)[0, 1] == pytest.approx(1)


def test_flat_clouds_are_taken():
    points = np.c_[np.random.default_rng(0).uniform(size=(100, 2)), np.full(100, 5.0)]
    assert np.abs(prepare_points(points).data[:, 1]).max() < 1e-6


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite_are_left_out_and_counted(missing):
    seen = prepare_points(np.r_[POINTS, [[missing, 0, 0]] * 2])
    np.testing.assert_array_equal(seen.data, prepare_points(POINTS).data)
    assert [str(note) for note in seen.notes] == ["2 points that are not finite were left out"]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((0, 3)), "no points"),
        ([], "no points"),
        ([[1.0, 2, 3]], "1 point"),
        (np.ones((500, 3)), "the same"),
        (np.ones((500, 2)), "x, y, z"),
        (np.linspace(0, 1, 50)[:, None] * [[1.0, 2, 3]] + 7, "one line"),
        (np.full((9, 3), np.nan), "finite"),
        (np.r_[POINTS, [[1.7e308, 0, 0], [-1.7e308, 0, 0]]], "too large"),
        ([["a", "b", "c"]], "not a number"),
    ],
)
def test_clouds_without_a_shape_are_refused_in_one_sentence(points, message):
    with pytest.raises(InputError, match=message) as caught:
        prepare_points(points, name="cloud.ply")
    assert str(caught.value).startswith("cloud.ply")
    assert "\n" not in str(caught.value)
