"""Sources of meshes: ShapeNet's folders, indexed shapes, a folder of files, the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from PIL import Image
from simple_solids import box

from onet_core.errors import InputError
from training.data.build.__main__ import main
from training.data.build.folder import choose_split, list_meshes, read_triangles
from training.data.build.occupancy import (
    THICKNESS,
)
from training.data.build.shapenet_core import list_shapenet
from training.data.render.cameras import SIZE


def shapenet_folder(source: Path) -> Path:
    """A model of each version, one without a mesh, and one that is not a mesh."""
    for model, mesh in (("one", "model.obj"), ("two", "models/model_normalized.obj")):
        path = source / "03001627" / model / mesh
        path.parent.mkdir(parents=True)
        box(0.2, 1, 0.4).export(path)
    (source / "03001627" / "gone").mkdir()
    (source / "02691156" / "broken").mkdir(parents=True)
    (source / "02691156" / "broken" / "model.obj").write_text("f 1 2 3\n")
    (source / "taxonomy.json").write_text("[]")
    return source


def test_shapenet_core(tmp_path: Path) -> None:
    source, root = shapenet_folder(tmp_path / "ShapeNetCore"), tmp_path / "data"
    command = ["shapenet", str(source), "--output", str(root), "--workers", "1", "--views", "0"]
    labels = ["--points", "5000", "--surface", "1000"]
    result = CliRunner().invoke(main, [*command, *labels])
    assert result.exit_code == 2, result.output
    with (root / "report.csv").open(newline="") as file:
        rows = {line["name"]: line for line in csv.DictReader(file)}
    assert {name: line["status"] for name, line in rows.items()} == {
        "one": "built",
        "two": "built",
        "gone": "dropped",
        "broken": "dropped",
    }
    assert (rows["one"]["thickness"], rows["one"]["method"]) == ("fusion", "winding")
    assert "model.obj" in rows["gone"]["reason"]
    assert "model.obj" in rows["broken"]["reason"]
    cloud = np.load(root / "03001627" / "two" / "pointcloud.npz")["points"]
    # As in the original, the surface lies 1.5/256 outside of the faces.
    edges = np.array([0.2, 1, 0.4]) + 2 * THICKNESS
    np.testing.assert_allclose(np.ptp(cloud, axis=0), edges, atol=2e-3)
    # The fusion's rule: the box is 1.5/256 larger all around.
    thicker = np.array([0.2, 1, 0.4]) + 2 * THICKNESS
    assert float(rows["one"]["inside"]) == pytest.approx(thicker.prod() / 1.1**3, rel=0.25)
    lists = tmp_path / "lists"
    (lists / "03001627").mkdir(parents=True)
    with pytest.raises(InputError, match=r"train\.lst"):
        list_shapenet(source, ["chair"], lists=lists)
    for split, names in {"train": "two", "val": "", "test": "one\nelsewhere"}.items():
        (lists / "03001627" / f"{split}.lst").write_text(names)
    chosen = {entry.name: entry.split for entry in list_shapenet(source, ["chair"], lists=lists)}
    assert chosen == {"one": "test", "two": "train"}
    with pytest.raises(InputError, match="04530566"):
        list_shapenet(source, ["vessel"])


def mesh_folder(source: Path) -> Path:
    (source / "block" / "deep").mkdir(parents=True)
    (source / "ball").mkdir()
    red = box(2, 1, 1)
    red.visual.face_colors = [200, 10, 20, 255]
    red.export(source / "block" / "red.ply")
    box(1, 4, 2).export(source / "block" / "deep" / "grey one.obj")
    inverted = trimesh.creation.icosphere(radius=3)
    inverted.invert()
    inverted.export(source / "ball" / "inverted.stl")
    trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]).export(source / "ball/leaf.off")
    (source / "ball" / "broken.glb").write_bytes(b"not a mesh")
    (source / "ball" / "notes.txt").write_text("not a mesh either")
    return source


def test_a_folder_of_meshes_by_the_command_line(tmp_path: Path) -> None:
    source, root = mesh_folder(tmp_path / "source"), tmp_path / "data"
    common = ["--output", str(root)]
    labels = ["--points", "5000", "--surface", "2000", "--views", "1"]
    result = CliRunner().invoke(main, ["folder", str(source), *common, *labels, "--workers", "2"])
    assert result.exit_code == 2, result.output
    assert "3 winding" in result.output
    assert "2 dropped" in result.output
    with (root / "report.csv").open(newline="") as file:
        rows = {line["name"]: line for line in csv.DictReader(file)}
    assert set(rows) == {"red_ply", "deep__grey_one_obj", "inverted_stl", "leaf_off", "broken_glb"}
    assert rows["inverted_stl"]["orientation"] == "flipped"
    assert rows["leaf_off"]["status"] == "dropped"
    assert "Neither" in rows["leaf_off"]["reason"]
    assert "broken.glb" in rows["broken_glb"]["reason"]
    assert not (root / "ball" / "broken_glb").exists()
    listed = {
        line: path.stem
        for path in root.glob("*/*.lst")
        for line in path.read_text().split("\n")
        if line
    }
    assert set(listed) == {"red_ply", "deep__grey_one_obj", "inverted_stl"}
    # .ply is z up by habit: the network's y is the file's z.
    red = np.load(root / "block" / "red_ply" / "pointcloud.npz")
    np.testing.assert_allclose(np.ptp(red["points"], axis=0), [1, 0.5, 0.5], atol=2e-3)
    assert red["scale"] == 2
    with Image.open(root / "block" / "red_ply" / "img_choy2016" / "000.jpg") as picture:
        middle = np.asarray(picture)[SIZE // 2, SIZE // 2]
    assert middle[0] > 3 * max(middle[1:])
    again = CliRunner().invoke(
        main, ["render", "--source", str(source), *common, "--views", "1", "--workers", "1"]
    )
    assert again.exit_code == 2, again.output
    nothing = CliRunner().invoke(
        main, ["folder", str(source), *common, *labels, "--categories", "boat"]
    )
    assert nothing.exit_code == 2
    assert nothing.output.count("\n") == 1


def test_materials_without_texture_coordinates(tmp_path: Path) -> None:
    box(1, 1, 1).export(tmp_path / "plain.obj")
    faces = (tmp_path / "plain.obj").read_text()
    (tmp_path / "paint.mtl").write_text("newmtl red\nKd 0.8 0.1 0.2\n")
    (tmp_path / "box.obj").write_text(f"mtllib paint.mtl\nusemtl red\n{faces}")
    colours = read_triangles(tmp_path / "box.obj").colours
    assert colours.shape == (12, 3)
    np.testing.assert_allclose(colours, np.tile([204, 25.5, 51], (12, 1)), atol=1)


def test_folder_splits_follow_from_names(tmp_path: Path) -> None:
    source = mesh_folder(tmp_path / "source")
    chosen = {entry.name: entry.split for entry in list_meshes(source)}
    (source / "ball" / "another.ply").write_bytes(b"")
    more = {entry.name: entry.split for entry in list_meshes(source)}
    assert chosen.items() <= more.items()
    shares = [choose_split(f"c/{k}", (0.7, 0.1, 0.2)) for k in range(4000)]
    for split, share in {"train": 0.7, "val": 0.1, "test": 0.2}.items():
        assert shares.count(split) / 4000 == pytest.approx(share, abs=0.03)
    with pytest.raises(InputError, match="add up"):
        list_meshes(source, shares=(0.5, 0.1, 0.1))
    flat = list_meshes(source / "block" / "deep")
    assert [(entry.category, entry.name) for entry in flat] == [("deep", "grey_one_obj")]


def test_scenes_keep_their_places_and_colours(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    red, grey = box(1, 1, 1), box(1, 1, 1)
    red.visual.face_colors = [255, 0, 0, 255]
    mirrored = np.diag([-1.0, 1, 1, 1])
    mirrored[0, 3] = 5
    scene.add_geometry(red)
    scene.add_geometry(grey, transform=mirrored)
    scene.export(tmp_path / "scene.glb")
    shape = read_triangles(tmp_path / "scene.glb")
    np.testing.assert_allclose(np.ptp(shape.vertices, axis=0), [6, 1, 1])
    red_faces = (shape.colours == [255, 0, 0]).all(axis=1)
    assert red_faces.sum() == 12
    centres = np.where(red_faces, 0.0, 5.0)[:, None] * [1, 0, 0]
    outward = ((shape.corners.mean(axis=1) - centres) * shape.vector_areas()).sum(axis=1)
    assert (outward > 0).all()
