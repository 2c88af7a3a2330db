"""One loader for every file: kinds, axes and errors."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import trimesh
from PIL import Image

from onet_core.errors import InputError
from onet_core.inputs.background import FILL
from onet_core.inputs.load import default_up_axis, load_observation, read_input

POINTS = np.random.default_rng(0).normal(size=(500, 3)) * [1, 2, 3]


@pytest.fixture
def folder(tmp_path):
    """One small file of every kind."""
    picture = np.full((60, 60, 3), 255, np.uint8)
    picture[20:40, 10:50] = 90
    Image.fromarray(picture).save(tmp_path / "picture.png")
    Image.fromarray(picture).save(tmp_path / "picture.jpg")
    mesh = trimesh.creation.icosphere(subdivisions=1)
    for suffix in ("ply", "obj", "off", "stl", "glb"):
        mesh.export(tmp_path / f"mesh.{suffix}")
    cloud = trimesh.PointCloud(POINTS)
    cloud.export(tmp_path / "cloud.ply")
    np.savetxt(tmp_path / "cloud.xyz", POINTS)
    rows = [f"{x} {y} {z}\n" for x, y, z in POINTS]
    (tmp_path / "cloud.obj").write_text("".join(f"v {row}" for row in rows))
    (tmp_path / "cloud.off").write_text("OFF\n500 0 0\n" + "".join(rows))
    np.save(tmp_path / "cloud.npy", POINTS)
    np.savez(tmp_path / "cloud.npz", points=POINTS, colours=POINTS)
    np.savez(tmp_path / "pointcloud.npz", points=POINTS, normals=POINTS, loc=np.zeros(3), scale=1.0)
    np.save(tmp_path / "grid.npy", np.ones((8, 8, 8), bool))
    np.savez(tmp_path / "grid.npz", voxels=np.ones((8, 8, 8), bool), name="x")
    (tmp_path / "grid.binvox").write_bytes(b"#binvox 1\ndim 2 2 2\ndata\n\x01\x08")
    return tmp_path


KINDS = {
    "image": ["picture.png", "picture.jpg"],
    "points": [
        *("cloud.ply", "cloud.xyz", "cloud.obj", "cloud.off", "cloud.npy", "cloud.npz"),
        "pointcloud.npz",
    ],
    "voxels": [
        *("mesh.ply", "mesh.obj", "mesh.off", "mesh.stl", "mesh.glb"),
        *("grid.npy", "grid.npz", "grid.binvox"),
    ],
}


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in KINDS.items() for n in names])
def test_kinds_are_guessed_and_read(folder, kind, name):
    assert read_input(folder / name).kind == kind
    seen = load_observation(folder / name, image_size=64)
    assert seen.kind == kind
    assert seen.name == name
    habit = "y" if name == "pointcloud.npz" else default_up_axis(folder / name, kind)
    assert seen.frame.up_axis == ("z" if kind == "image" else habit)
    if kind == "points":
        assert len(seen.data) == 500
        order = "xyz".index(seen.frame.up_axis)
        assert np.corrcoef(seen.data[:, 1], POINTS[:, order])[0, 1] == pytest.approx(1, abs=1e-5)


def test_habits_of_formats(tmp_path):
    up = {name: default_up_axis(tmp_path / name, "points") for name in ("a.ply", "a.xyz", "a.pcd")}
    assert set(up.values()) == {"z"}
    for name in ("a.glb", "a.obj", "a.off", "a.binvox"):
        assert default_up_axis(tmp_path / name, "voxels") == "y"


def test_datasets_clouds_are_y_up(folder):
    assert load_observation(folder / "pointcloud.npz").frame.up_axis == "y"
    assert load_observation(folder / "cloud.npz").frame.up_axis == "z"


def test_the_up_axis_can_be_said(folder):
    for name in ("cloud.xyz", "mesh.glb", "grid.binvox"):
        assert load_observation(folder / name, up_axis="-x").frame.up_axis == "-x"
        assert load_observation(folder / name, up_axis="auto").frame.up_axis in ("y", "z")
    with pytest.raises(InputError, match="up-axis"):
        load_observation(folder / "cloud.xyz", up_axis="up")


def test_a_mesh_can_be_points_and_a_mask_a_file(folder):
    # Its 42 vertices alone are too few for a surface.
    content = read_input(folder / "mesh.ply", "points")
    assert content.points is not None
    heights = np.linalg.norm(content.points, axis=1)
    assert len(heights) > 2000
    assert 0.9 < heights.min() <= heights.max() <= 1 + 1e-6
    assert "spread over the faces" in str(content.notes[-1])
    mask = np.zeros((60, 60), np.uint8)
    mask[30:40, 30:40] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    seen = load_observation(folder / "picture.png", mask=folder / "mask.png", image_size=64)
    assert (seen.data < 0.68).mean() == pytest.approx(FILL**2, abs=0.04)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("missing.png", "auto", "no file"),
        ("", "auto", "no file"),
        ("picture.png", "points", "not a point cloud"),
        ("picture.png", "voxels", "not voxels"),
        ("cloud.xyz", "image", "not a picture"),
        ("cloud.xyz", "voxels", "no faces"),
        ("cloud.npy", "voxels", "no faces"),
        ("grid.npy", "points", "one row"),
        ("cloud.ply", "voxels", "no faces"),
        ("picture.png", "sound", "Unknown kind"),
        ("song.mp3", "auto", "no known kind"),
        ("empty.npz", "auto", "damaged"),
    ],
)
def test_wrong_kinds_are_refused_in_one_sentence(folder, name, kind, message):
    if name in ("song.mp3", "empty.npz"):
        (folder / name).write_bytes(b"")
    with pytest.raises(InputError, match=message) as caught:
        load_observation(folder / name, kind)
    assert "\n" not in str(caught.value)


def test_a_mask_needs_a_picture(folder):
    with pytest.raises(InputError, match="mask"):
        load_observation(folder / "cloud.xyz", mask=folder / "picture.png")


def test_inputs_import_no_torch():
    code = (
        "import sys, onet_core, onet_core.inputs.load, onet_core.mesh.files;"
        "onet_core.Frame, onet_core.load_observation, onet_core.InputError;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = "import sys, onet_core; sys.exit('numpy' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
