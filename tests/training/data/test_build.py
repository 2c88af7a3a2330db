"""Datasets built from sources: what is written, goes on, is dropped, and is reported."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from PIL import Image
from simple_solids import box, rng, triangles

from onet_core.errors import InputError
from onet_core.inputs.formats.binvox import read_binvox
from onet_core.inputs.voxelise import solid_voxels
from training.data.build import layout, work
from training.data.build.__main__ import main
from training.data.build.normalise import Triangles
from training.data.build.sampling import sample_surface
from training.data.build.shapes import list_indexed_shapes
from training.data.build.source import Entry
from training.data.build.work import Amount, build, build_shape
from training.data.datasets.sampling import FARTHEST, NEAR_DISTANCE
from training.data.datasets.shapenet import ShapeDataset
from training.data.labelled import read_shape
from training.data.render.cameras import SIZE
from training.data.render.render import Renderer, count_views, view_generator, write_views

SMALL = Amount(points=20_000, surface=5_000, views=2)


def test_binvox_agrees_with_trimeshs_reader(tmp_path: Path) -> None:
    cells = np.random.default_rng(0).random((32, 32, 32)) < 0.4
    cells[5:9] = True  # longer runs than a byte can count
    content = layout.binvox(cells, np.array([-0.5, -0.25, 1.0]), 2.0)
    read = trimesh.exchange.binvox.load_binvox(io.BytesIO(content))
    np.testing.assert_array_equal(read.matrix, cells)
    (tmp_path / "a.binvox").write_bytes(content)
    grid = read_binvox(tmp_path / "a.binvox")
    np.testing.assert_array_equal(grid.occupied, cells)
    np.testing.assert_allclose(grid.origin, [-0.5, -0.25, 1.0])
    assert grid.pitch == 2 / 32


def test_pictures_agree_with_their_cameras() -> None:
    """The rendered silhouette is that of densely sampled points under the stored camera."""
    mesh = trimesh.util.concatenate([box(1, 0.3, 0.2), trimesh.creation.icosphere(radius=0.3)])
    mesh.apply_translation(-mesh.bounds.mean(axis=0))
    shape = triangles(mesh)
    dark = Triangles(shape.vertices, shape.faces, np.full_like(shape.colours, 90))
    samples = sample_surface(dark, 400_000, rng()).points
    renderer = Renderer(dark)
    for view in range(6):
        picture, camera = renderer.view(view_generator("shape", view))
        assert picture.shape == (SIZE, SIZE, 3)
        drawn = picture.max(axis=2) < 250
        pixels = camera.project(samples)
        assert pixels.min() > 0
        assert pixels.max() < SIZE
        expected = np.zeros_like(drawn)
        expected[pixels[:, 1].astype(int), pixels[:, 0].astype(int)] = True
        assert (drawn & expected).sum() / (drawn | expected).sum() > 0.97
        # The object is fitted into the frame, a little off its middle.
        extent = np.ptp(pixels, axis=0).max() / SIZE
        assert 0.72 < extent < 0.88
        offset = np.abs((pixels.max(axis=0) + pixels.min(axis=0)) / 2 - SIZE / 2).max()
        assert offset < 0.021 * SIZE
        rotation = camera.world[:, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        assert (rotation[1] @ [0, 1, 0]) < 0  # the camera's y points down


def write_index(source: Path, rows: list[dict[str, str]], mesh: trimesh.Trimesh) -> None:
    """A source with an index whose shapes are all the same mesh, in different categories."""
    source.mkdir(exist_ok=True)
    with (source / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "category", "split", "inside_method", "licence"])
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        path = source / "shapes" / row["category"] / f"{row['id']}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            vertices=((mesh.vertices + 0.5) * 65535).round().astype(np.uint16),
            faces=mesh.faces.astype(np.uint16),
            colours=np.full((len(mesh.faces), 3), 80, np.uint8),
        )


def row(name: str, category: str, split: str, method: str = "winding") -> dict[str, str]:
    return {
        "id": name,
        "category": category,
        "split": split,
        "inside_method": method,
        "licence": "CC0",
    }


def test_an_indexed_source_becomes_a_dataset(tmp_path: Path) -> None:
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    rows = [row("a", "ball", "train"), row("b", "ball", "test", "floodfill"), row("c", "x", "val")]
    write_index(tmp_path / "source", rows, mesh)
    entries = list_indexed_shapes(tmp_path / "source")
    root = tmp_path / "data"
    records = build(entries, root, SMALL)
    assert [(r.status, r.method, r.licence) for r in records] == [
        ("built", "winding", "CC0"),
        ("built", "floodfill", "CC0"),
        ("built", "winding", "CC0"),
    ]
    assert (root / "ball" / "train.lst").read_bytes() == b"a"
    assert (root / "ball" / "val.lst").read_bytes() == b""
    assert json.loads((root / "metadata.yaml").read_text())["ball"]["name"] == "ball"
    shape = read_shape(root, "ball", "a")
    assert len(shape.points) == 20_000
    assert shape.occupancies.mean() == pytest.approx(4 / 3 * np.pi / 8 / 1.1**3, rel=0.05)
    np.testing.assert_allclose(np.linalg.norm(shape.surface_points, axis=1), 0.5, atol=0.006)
    np.testing.assert_allclose(
        (shape.surface_points * shape.surface_normals).sum(axis=1), 0.5, atol=0.03
    )
    for kind, size in (("points", (300, 3)), ("voxels", (32, 32, 32)), ("image", (3, 64, 64))):
        dataset = ShapeDataset(root, "train", kind, image_size=64, points_iou=100)
        item = dataset[0]
        assert item["inputs"].shape == size
        truth = np.linalg.norm(item["points"], axis=1) < 0.5
        assert (item["occupancies"] == truth).mean() > 0.98
    expected = solid_voxels((entries[0].load().triangles.corners + 0.5) * 32, 32)
    stored = ShapeDataset(root, "train", "voxels")[0]["inputs"]
    np.testing.assert_array_equal(stored > 0, expected)
    views = sorted((root / "ball" / "a" / "img_choy2016").iterdir())
    assert [path.name for path in views] == ["000.jpg", "001.jpg", "cameras.npz"]
    with Image.open(views[0]) as picture:
        assert picture.size == (137, 137)
    cameras = np.load(views[-1])
    assert cameras["world_mat_1"].shape == (3, 4)
    assert cameras["camera_mat_1"].shape == (3, 3)


def test_building_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_index(
        tmp_path / "source",
        [row("a", "ball", "train"), row("b", "ball", "train")],
        trimesh.creation.icosphere(radius=0.5),
    )
    entries = list_indexed_shapes(tmp_path / "source")
    root = tmp_path / "data"

    def broken(*args: object, **options: object) -> None:
        raise RuntimeError("the power went out")

    with monkeypatch.context() as patch:
        patch.setattr(layout, "write_record", broken)
        with pytest.raises(RuntimeError, match="power"):
            build_shape(entries[0], root, SMALL)
    assert list((root / "ball").iterdir()) == []  # nothing half-made
    amount = Amount(points=1000, surface=500, views=0)
    first = build_shape(entries[0], root, amount)
    before = (root / "ball" / "a" / "points.npz").stat().st_mtime_ns
    records = build(entries, root, amount)
    assert records[0] == first
    assert (root / "ball" / "a" / "points.npz").stat().st_mtime_ns == before
    assert (root / "ball" / "train.lst").read_text() == "a\nb"
    # A later run over other shapes of the category keeps what is there.
    build(entries[1:], root, amount)
    assert (root / "ball" / "train.lst").read_text() == "a\nb"
    assert len((root / "report.csv").read_text().splitlines()) == 3
    # Nor is what a killed run left behind taken for a shape; it goes.
    remains = root / "ball" / ".gone.1234.part"
    remains.mkdir()
    layout.write_record(remains, layout.Record("ball", "gone", "train"))
    build(entries[1:], root, amount)
    assert (root / "ball" / "train.lst").read_text() == "a\nb"
    assert not remains.exists()
    # Pictures may follow later.
    build(entries, root, Amount(views=1), labels=False)
    assert (root / "ball" / "b" / "img_choy2016" / "000.jpg").is_file()
    repeated = build_shape(entries[1], tmp_path / "other", amount)
    assert repeated.inside == records[1].inside
    for name in ("points.npz", "pointcloud.npz"):
        one, two = (np.load(part / "ball" / "b" / name) for part in (root, tmp_path / "other"))
        np.testing.assert_array_equal(one["points"], two["points"])


def test_a_full_disk_ends_the_build_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_index(tmp_path / "source", [row("a", "ball", "train")], trimesh.creation.icosphere())

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(layout.np, "savez", full)
    root = tmp_path / "data"
    command = ["shapes", "--source", str(tmp_path / "source"), "--output", str(root)]
    result = CliRunner().invoke(
        main, [*command, "--workers", "1", "--points", "1000", "--surface", "1000", "--views", "0"]
    )
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert f"Could not write {root / 'ball' / 'a'}: No space left" in result.output
    assert not [path for path in (root / "ball").iterdir() if path.is_dir()]


def test_points_near_the_surface_are_stored(tmp_path: Path) -> None:
    radius = 0.4
    write_index(
        tmp_path / "source",
        [row("a", "ball", "train"), row("b", "ball", "train")],
        trimesh.creation.icosphere(subdivisions=4, radius=radius),
    )
    entries = list_indexed_shapes(tmp_path / "source")
    root = tmp_path / "data"
    build(entries, root, Amount(points=10_001, surface=20_000, views=0))
    folder = root / "ball" / "a"
    queries = np.load(folder / "points.npz")["points"].astype(np.float64)
    stored = np.unpackbits(np.load(folder / "near.npy"), count=10_001).astype(bool)
    away = np.abs(np.linalg.norm(queries, axis=1) - radius)
    assert stored[away < NEAR_DISTANCE - 0.005].all()
    assert not stored[away > NEAR_DISTANCE + 0.002].any()
    distances = np.load(folder / "distances.npy")
    assert distances.dtype == np.float16
    off = distances.astype(np.float64) - np.minimum(away, FARTHEST)
    # Distances are to 20,000 samples, with gaps of 0.01: next to the surface they are too large.
    assert np.abs(off).max() < 0.025
    assert np.abs(off[away > 0.02]).max() < 0.008
    # The command makes the same of datasets that lack it, and tells of what it can't read.
    files = [folder / "near.npy", folder / "distances.npy"]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    (root / "ball" / "b" / "pointcloud.npz").write_bytes(b"nothing of the kind")
    result = CliRunner().invoke(main, ["near", str(root), "--workers", "1"])
    assert result.exit_code == 2, result.output
    assert [file.read_bytes() for file in files] == before
    assert result.output.count("\n") == 1
    assert str(root / "ball" / "b" / "pointcloud.npz") in result.output
    nothing = CliRunner().invoke(main, ["near", str(tmp_path / "source"), "--workers", "1"])
    assert nothing.exit_code == 2
    assert "no shapes" in nothing.output


def test_damaged_records_are_named(tmp_path: Path) -> None:
    write_index(
        tmp_path / "source",
        [row("a", "ball", "train"), row("b", "ball", "train")],
        trimesh.creation.icosphere(radius=0.5),
    )
    entries = list_indexed_shapes(tmp_path / "source")
    root = tmp_path / "data"
    amount = Amount(points=1000, surface=500, views=0)
    build(entries, root, amount)
    record = root / "ball" / "a" / "shape.json"
    record.write_text('{"category": "ba')
    dropped = build_shape(entries[0], root, amount)
    assert dropped.status == "dropped"
    assert str(record) in dropped.reason
    record.write_text("{}")
    with pytest.raises(InputError, match=r"shape\.json is damaged: remove the folder"):
        layout.write_lists(root, [build_shape(entries[1], root, amount)])
    (root / "metadata.yaml").write_text("[half")
    with pytest.raises(InputError, match=r"metadata\.yaml is damaged"):
        layout.write_metadata(root, {"ball": "ball"})


def test_the_summary_tells_what_was_dropped_and_why(tmp_path: Path) -> None:
    records = [
        layout.Record("chair", "a", "train", method="winding"),
        layout.Record("chair", "b", "test", method="floodfill"),
        layout.Record("chair", "c", "val", "dropped", "c.obj has no faces."),
        layout.Record("car", "d|e", "val", "dropped", "d|e.obj has no faces."),
    ]
    layout.write_report(tmp_path, records[:3])
    path = layout.write_report(tmp_path, records[3:])
    text = path.read_text(encoding="utf-8")
    assert path.name == "report.md"
    assert "2 of 4 shapes were built, 2 were dropped." in text
    assert "| chair | 1 | 0 | 1 | 1 | 1 | 1 |" in text
    assert "| car | 0 | 0 | 0 | 0 | 0 | 1 |" in text
    assert "* 2: … has no faces." in text
    assert "| chair/c | c.obj has no faces. |" in text
    assert "| car/d\\|e | d\\|e.obj has no faces. |" in text


def test_more_views_may_follow(tmp_path: Path) -> None:
    shape = triangles(box(1, 0.5, 0.3))
    few, all_at_once = tmp_path / "few", tmp_path / "all"
    few.mkdir()
    all_at_once.mkdir()
    write_views(few, "shape", shape, 2)
    assert count_views(few) == 2
    first = few / "img_choy2016" / "000.jpg"
    before = first.stat().st_mtime_ns
    # A run that was stopped before it wrote the cameras.
    (few / "img_choy2016" / "002.jpg").write_bytes(b"half")
    write_views(few, "shape", shape, 4)
    assert count_views(few) == 4
    assert first.stat().st_mtime_ns == before
    write_views(all_at_once, "shape", shape, 4)
    for path in (all_at_once / "img_choy2016").glob("*.jpg"):
        assert path.read_bytes() == (few / "img_choy2016" / path.name).read_bytes()
    cameras = [np.load(root / "img_choy2016" / "cameras.npz") for root in (few, all_at_once)]
    assert len(cameras[0].files) == 8
    for name in cameras[1].files:
        np.testing.assert_array_equal(cameras[0][name], cameras[1][name])


def test_training_may_begin_before_the_build_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = trimesh.creation.icosphere(radius=0.5)
    names = [f"s{index}" for index in range(6)]
    write_index(tmp_path / "source", [row(name, "ball", "train") for name in names], mesh)
    entries = list_indexed_shapes(tmp_path / "source")
    listed = []

    def watched(entry: Entry, root: Path, *rest: object) -> layout.Record:
        path = root / "ball" / "train.lst"
        listed.append((entry.name, path.read_text().split() if path.is_file() else []))
        return build_shape(entry, root, Amount(points=1000, surface=500, views=0))

    monkeypatch.setattr(work, "build_shape", watched)
    monkeypatch.setattr(work, "_SECONDS_BETWEEN_LISTS", 0)
    records = build(entries, tmp_path / "data", SMALL)
    assert [record.name for record in records] == names
    order = [name for name, _ in listed]
    assert order != names  # mixed
    assert sorted(order) == names
    for index, (_, seen) in enumerate(listed):
        assert seen == sorted(order[:index])


def test_a_bad_index_is_refused(tmp_path: Path) -> None:
    mesh = trimesh.creation.icosphere()
    for bad in (row("../a", "x", "train"), row("a", "x", "nowhere"), row("a", "x", "val", "luck")):
        good = row("a", "x", "train")
        write_index(tmp_path, [good], mesh)
        with (tmp_path / "index.csv").open("a") as file:
            file.write(",".join(bad.values()) + "\n")
        with pytest.raises(InputError, match=r"index\.csv"):
            list_indexed_shapes(tmp_path)
    with pytest.raises(InputError, match="no category boat"):
        list_indexed_shapes(tmp_path, ["boat"])
    (tmp_path / "index.csv").write_text("id,category\n")
    with pytest.raises(InputError, match="lacks the columns"):
        list_indexed_shapes(tmp_path)
    write_index(tmp_path, [row("a", "x", "train"), row("a", "x", "val")], mesh)
    with pytest.raises(InputError, match="two shapes"):
        build(list_indexed_shapes(tmp_path), tmp_path / "out")
