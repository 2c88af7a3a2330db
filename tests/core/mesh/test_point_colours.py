"""Colours of point clouds, by format: against arrays, and against files of other libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from reading import read_point_cloud, read_point_colours

from onet_core.errors import InputError
from onet_core.inputs.content import without_unseen
from onet_core.inputs.formats.pcd import parse_pcd
from onet_core.inputs.formats.tables.columns import as_colours, look_like_colours
from onet_core.mesh.files import read_mesh, write_mesh
from onet_core.mesh.mesh import Mesh

COUNT = 20
rng = np.random.default_rng(3)
POINTS = rng.uniform(-2, 2, (COUNT, 3)).astype(np.float32)
COLOURS = rng.integers(0, 256, (COUNT, 3)).astype(np.uint8)
NORMALS = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)


def assert_read(path: Path, tolerance: float = 0) -> None:
    found = read_point_colours(path)
    assert found is not None
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found.astype(int), COLOURS, atol=tolerance)
    np.testing.assert_allclose(read_point_cloud(path), POINTS, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("a.xyz", [POINTS, COLOURS]),
        ("a.txt", [POINTS, COLOURS / 255]),
        ("a.asc", [POINTS, COLOURS, NORMALS]),
        ("a.xyz", [POINTS, NORMALS, COLOURS]),
        ("a.pts", [POINTS, np.full((COUNT, 1), -1200), COLOURS]),
        ("a.pts", [POINTS, COLOURS]),
    ],
)
@pytest.mark.parametrize("header", ["", "x y z\n", f"{COUNT}\n"])
def test_columns_of_text(tmp_path: Path, name: str, columns: list, header: str) -> None:
    path = tmp_path / name
    np.savetxt(path, np.concatenate(columns, axis=1), header=header.strip(), comments="")
    if not header:
        path.write_text(path.read_text().lstrip("\n"))
    assert_read(path)


def test_columns_of_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.concatenate([POINTS, COLOURS], axis=1))
    assert_read(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", points=POINTS, colors=COLOURS)
    assert_read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", points=POINTS, rgb=np.c_[COLOURS / 255, np.ones(COUNT)])
    assert_read(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", points=POINTS, normals=NORMALS)
    assert read_point_colours(tmp_path / "c.npz") is None
    np.savez(tmp_path / "d.npz", points=POINTS, colors=COLOURS.ravel())
    with pytest.raises(InputError, match="no rows of red, green and blue"):
        read_point_colours(tmp_path / "d.npz")


def test_what_is_no_colour() -> None:
    unit = np.abs(NORMALS) / np.linalg.norm(NORMALS, axis=1, keepdims=True)
    assert not look_like_colours(NORMALS)
    assert not look_like_colours(unit)
    assert not look_like_colours(COLOURS + 0.5)
    assert not look_like_colours(COLOURS.astype(int) * 2.0)
    assert not look_like_colours(COLOURS[:, :2].astype(float))
    assert not look_like_colours(COLOURS % 5.0), "labels"
    assert look_like_colours(COLOURS.astype(float))
    assert as_colours(np.zeros((0, 3))) is None


def pcd(kind: str, data: str, packed: np.ndarray) -> bytes:
    """A file as the Point Cloud Library writes it: colours in the bits of a float or of a U."""
    header = f"VERSION .7\nFIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F {kind}\nCOUNT 1 1 1 1\n"
    header += f"WIDTH {COUNT}\nHEIGHT 1\nPOINTS {COUNT}\nDATA {data}\n"
    if data == "ascii":
        values = packed.view(np.float32) if kind == "F" else packed
        form = "{:.9g}" if kind == "F" else "{}"
        places = ["{:.9g} {:.9g} {:.9g}".format(*point) for point in POINTS]
        rows = [f"{a} {form.format(b)}" for a, b in zip(places, values, strict=True)]
        return header.encode() + "\n".join(rows).encode() + b"\n"
    record = np.zeros(COUNT, dtype=[("xyz", "<f4", 3), ("rgb", "<u4")])
    record["xyz"], record["rgb"] = POINTS, packed
    return header.encode() + record.tobytes()


@pytest.mark.parametrize("kind", ["F", "U"])
@pytest.mark.parametrize("data", ["ascii", "binary"])
def test_packed_colours_of_pcd(tmp_path: Path, kind: str, data: str) -> None:
    red, green, blue = COLOURS.astype(np.uint32).T
    path = tmp_path / "a.pcd"
    path.write_bytes(pcd(kind, data, red << 16 | green << 8 | blue))
    assert_read(path)
    # With alpha the bits are those of a NaN.
    if data == "binary":
        path.write_bytes(pcd(kind, data, 255 << 24 | red << 16 | green << 8 | blue))
        assert_read(path)


def test_points_that_were_not_seen_have_no_colour() -> None:
    red, green, blue = COLOURS.astype(np.uint32).T
    content = pcd("U", "ascii", red << 16 | green << 8 | blue).split(b"\n")
    content[-2] = b"nan nan nan 0"
    found = without_unseen(parse_pcd(b"\n".join(content), "a")).colours
    np.testing.assert_array_equal(found, COLOURS[:-1])


def test_colours_of_meshes_and_scenes(tmp_path: Path) -> None:
    rgba = np.c_[COLOURS, np.full(COUNT, 255, np.uint8)]
    trimesh.PointCloud(POINTS, colors=rgba).export(tmp_path / "a.ply")
    assert_read(tmp_path / "a.ply")
    lines = [
        "v " + " ".join(map(str, row))
        for row in np.c_[POINTS.astype(float), COLOURS / 255].tolist()
    ]
    (tmp_path / "a.obj").write_text("\n".join(lines) + "\n")
    assert_read(tmp_path / "a.obj")
    # glTF's are linear.
    value = COLOURS / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    rgba = np.c_[np.round(linear * 255), np.full(COUNT, 255)].astype(np.uint8)
    trimesh.Scene([trimesh.PointCloud(POINTS, colors=rgba)]).export(tmp_path / "a.glb")
    found = read_point_colours(tmp_path / "a.glb")
    bright = COLOURS > 64  # below, 8 linear bits are coarse
    np.testing.assert_allclose(found[bright].astype(int), COLOURS[bright], atol=2)
    trimesh.PointCloud(POINTS).export(tmp_path / "plain.ply")
    assert read_point_colours(tmp_path / "plain.ply") is None
    (tmp_path / "plain.obj").write_text("v 0 0 0\nv 1 1 1\n")
    assert read_point_colours(tmp_path / "plain.obj") is None


def test_colours_come_back_from_gltf(tmp_path: Path) -> None:
    faces = np.arange(COUNT - COUNT % 3).reshape(-1, 3)
    write_mesh(Mesh(POINTS.astype(float), faces, colours=COLOURS), tmp_path / "a.glb", up_axis="y")
    found = read_mesh(tmp_path / "a.glb").colours
    assert found is not None
    bright = COLOURS[: len(found)] > 64
    np.testing.assert_allclose(found[bright].astype(int), COLOURS[: len(found)][bright], atol=2)
