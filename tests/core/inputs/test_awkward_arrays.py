"""Arrays, splats and binary clouds as other programs write them; each test is one kind of fault."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from sample_files import BOX, COLOURS, POINTS, npy, npz, ply

from onet_core.errors import InputError
from onet_core.inputs.content import Content
from onet_core.inputs.load import read_input

EDGE = 24
_AXIS = np.linspace(-1, 1, EDGE)
# Distances from a ball of radius 0.6, negative inside.
DISTANCES = np.linalg.norm(np.stack(np.meshgrid(_AXIS, _AXIS, _AXIS)), axis=0) - 0.6


def read(folder: Path, name: str, content: bytes, kind: str = "auto") -> Content:
    path = folder / name
    path.write_bytes(content)
    return read_input(path, kind)


@pytest.mark.parametrize(
    "array",
    [POINTS[:, None], POINTS.T[:, :, None], POINTS[None, None], POINTS.T[None],
     POINTS.reshape(6, 10, 3), POINTS.astype(">f8"), np.asfortranarray(POINTS)],
)  # fmt: skip
def test_clouds_with_odd_axes(tmp_path: Path, array: np.ndarray) -> None:
    np.testing.assert_allclose(read(tmp_path, "a.npy", npy(array)).points, POINTS)


def test_several_clouds_in_one_array(tmp_path: Path) -> None:
    """Of a batch the first is read; what is one cloud, in whatever rows, is read whole."""
    rng = np.random.default_rng(0)

    def on_a_box(size: tuple[float, float, float], count: int) -> np.ndarray:
        points = rng.uniform(-1, 1, (count, 3))
        side = np.abs(points).argmax(axis=1)
        points[np.arange(count), side] = np.sign(points[np.arange(count), side])
        return points * size

    batch = np.stack([on_a_box((1, 1, 1), 400), on_a_box((1, 0.3, 0.5), 400)])
    for array in (batch, batch.transpose(0, 2, 1)):
        found = read(tmp_path, "a.npy", npy(array))
        np.testing.assert_allclose(found.points, batch[0])
        assert "2 clouds of 400 points" in str(found.notes[0])
    halves = on_a_box((1, 1, 1), 800).reshape(2, 400, 3)
    assert len(read(tmp_path, "b.npy", npy(halves)).points) == 800
    turn = np.linspace(0, 2 * np.pi, 90)
    heights = np.linspace(-1, 1, 20)[:, None] + 0 * turn
    pixels = np.stack([np.cos(turn) + 0 * heights, np.sin(turn) + 0 * heights, heights], axis=-1)
    assert len(read(tmp_path, "c.npy", npy(pixels)).points) == 1800
    views = np.stack([pixels, pixels + 1])
    assert len(read(tmp_path, "d.npy", npy(views)).points) == 3600


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.random.default_rng(0).random((48, 64)), "64 numbers a row"),
        (np.arange(48 * 64, dtype=np.uint16).reshape(48, 64), "64 numbers a row"),
        (np.arange(40 * 50 * 3).astype(np.uint8).reshape(40, 50, 3), "a picture of 50 x 40"),
        (np.eye(4), "positions and turns of a camera"),
        (np.tile(np.eye(4)[:3].ravel(), (9, 1)), "positions and turns of a camera"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_clouds_are_named(tmp_path: Path, array: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, "a.npy", npy(array))


def test_fields_of_several_numbers(tmp_path: Path) -> None:
    rows = np.empty(len(POINTS), [("xyz", "f8", 3), ("rgb", "u1", 3)])
    rows["xyz"], rows["rgb"] = POINTS, COLOURS
    found = read(tmp_path, "a.npy", npy(rows))
    np.testing.assert_allclose(found.points, POINTS)
    np.testing.assert_array_equal(found.colours, COLOURS)


def test_arrays_by_other_names(tmp_path: Path) -> None:
    x, y, z = POINTS.T
    np.testing.assert_allclose(read(tmp_path, "a.npz", npz(x=x, y=y, z=z)).points, POINTS)
    maps = npz(pts3d=POINTS.reshape(6, 10, 3), conf=np.ones((6, 10)))
    np.testing.assert_allclose(read(tmp_path, "b.npz", maps).points, POINTS)
    for names in (("vertices", "faces"), ("v", "f")):
        mesh = dict(zip(names, (BOX.vertices, BOX.faces), strict=True))
        found = read(tmp_path, "c.npz", npz(**mesh))
        np.testing.assert_array_equal(found.faces, BOX.faces)


def test_python_objects_are_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="can run programs"):
        read_input(path)


def test_queries_with_distances_become_voxels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(-1, 1, (20_000, 3)).astype("f4")
    values = (np.linalg.norm(places, axis=1) - 0.6).astype("f4")
    both = np.column_stack([places, values])
    inside = values < 0
    for content in (npz(points=places, sdf=values), npz(pos=both[~inside], neg=both[inside])):
        grid = read(tmp_path, "a.npz", content).grid
        assert grid is not None
        # The share of the cube that a ball of radius 0.6 fills.
        assert grid.occupied.mean() == pytest.approx(4 / 3 * np.pi * 0.6**3 / 8, rel=0.03)


@pytest.mark.parametrize(
    "values",
    [
        np.clip(DISTANCES / 0.2 * 0.5 + 0.5, 0, 1),  # truncated, from 0 (inside) to 1
        np.where(DISTANCES < 0, 40_000, 100).astype("u2"),
        np.where(DISTANCES < 0, 2, 1).astype("u1"),
        np.where(DISTANCES < 0, 7.5, 0.5),
    ],
)
def test_numbers_whose_background_is_not_zero(tmp_path: Path, values: np.ndarray) -> None:
    grid = read(tmp_path, "a.npy", npy(values)).grid
    assert grid is not None
    np.testing.assert_array_equal(grid.occupied, DISTANCES < 0)


def test_distances_without_a_sign_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without a sign"):
        read(tmp_path, "a.npy", npy(np.abs(DISTANCES) * 2))


def assert_splats(found: Content, tolerance: float) -> None:
    """All but the last two, one of which is transparent and one far away."""
    assert found.points is not None
    assert found.colours is not None
    np.testing.assert_allclose(found.points, POINTS, atol=tolerance)
    assert np.abs(found.colours.astype(int) - COLOURS).max() <= 4
    assert "1 transparent ones and 1 outliers" in str(found.notes[0])


def test_splats(tmp_path: Path) -> None:
    places = np.concatenate([POINTS, [[0, 0, 0.1], [900, 0, 0]]])
    shades = np.concatenate([COLOURS, COLOURS[:2]])
    opacity = np.full(len(places), 255, "u1")
    opacity[-2] = 3
    rest = bytes([128] * 4)
    plain = b"".join(
        struct.pack("<6f4B", *place, 0.1, 0.1, 0.1, *shade, alpha) + rest
        for place, shade, alpha in zip(places, shades, opacity, strict=True)
    )
    assert_splats(read(tmp_path, "a.splat", plain), 1e-6)
    # .spz: harmonics as shares of 0.15 around a half, places with 12 bits behind the point.
    fixed = np.round(places * 4096).astype("<i4")
    harmonics = (shades / 255 - 0.5) / 0.28209479177387814
    body = b"".join(int(number).to_bytes(3, "little", signed=True) for number in fixed.ravel())
    body += opacity.tobytes()
    body += np.clip(np.round((harmonics * 0.15 + 0.5) * 255), 0, 255).astype("u1").tobytes()
    body += bytes(6 * len(places))
    head = struct.pack("<4sIIBBBB", b"NGSP", 2, len(places), 0, 12, 0, 0)
    assert_splats(read(tmp_path, "a.spz", gzip.compress(head + body)), 2e-4)
    for count, message in ((900_000, "ends in the middle"), (9_000_000, "at most 1,000,000")):
        bomb = gzip.compress(struct.pack("<4sIIBBBB", b"NGSP", 2, count, 0, 12, 0, 0))
        with pytest.raises(InputError, match=message):
            read(tmp_path, "b.spz", bomb)


def test_splats_of_other_kinds_are_named(tmp_path: Path) -> None:
    content = ply("little", [("vertex", ["uint packed_position"], [bytes(4)] * 4)])
    with pytest.raises(InputError, match="compressed Gaussian splats"):
        read(tmp_path, "a.ply", content)
    with pytest.raises(InputError, match="PLY"):
        read(tmp_path, "a.ksplat", b"1234")


def test_colmaps_binary_points(tmp_path: Path) -> None:
    content = struct.pack("<Q", len(POINTS))
    for number, (place, shade) in enumerate(zip(POINTS, COLOURS, strict=True)):
        seen = 2 + number % 3
        content += struct.pack("<Q3d3BdQ", number + 1, *place, *shade.tolist(), 0.5, seen)
        content += bytes(8 * seen)
    found = read(tmp_path, "points3D.bin", content)
    np.testing.assert_allclose(found.points, POINTS)
    np.testing.assert_array_equal(found.colours, COLOURS)


def test_packed_colours_of_ply(tmp_path: Path) -> None:
    red, green, blue = COLOURS.astype(int).T
    listed = [
        struct.pack("<3fI", *place, shade)
        for place, shade in zip(POINTS, (red << 16) + (green << 8) + blue, strict=True)
    ]
    fields = ["float x", "float y", "float z", "uint rgb"]
    found = read(tmp_path, "a.ply", ply("little", [("vertex", fields, listed)]))
    np.testing.assert_array_equal(found.colours, COLOURS)


def test_columns_of_ply_are_bounded(tmp_path: Path) -> None:
    fields = ["float x", "float y", "float z", *(f"uchar a{i}" for i in range(40_000))]
    with pytest.raises(InputError, match="claims 4,097 columns"):
        read(tmp_path, "a.ply", ply("little", [("vertex", fields, [bytes(40_012)])]))
