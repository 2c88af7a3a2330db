"""Building datasets: labels of known shapes, the layout, pictures and cameras, the command line."""

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
from numpy.typing import NDArray
from PIL import Image

from onet_core.errors import InputError
from onet_core.inputs.formats.binvox import read_binvox
from onet_core.inputs.voxelise import solid_voxels
from training.data.build import layout, work
from training.data.build.__main__ import main
from training.data.build.folder import choose_split, list_meshes, read_triangles
from training.data.build.normalise import Triangles, make_triangles, normalise
from training.data.build.occupancy import (
    THICKENINGS,
    THICKNESS,
    FloodFill,
    Solid,
    make_solid,
    turned_outwards,
)
from training.data.build.sampling import SurfaceSamples, sample_box, sample_surface
from training.data.build.shapenet_core import list_shapenet
from training.data.build.shapes import list_indexed_shapes
from training.data.build.source import Entry
from training.data.build.work import Amount, build, build_shape
from training.data.datasets.sampling import FARTHEST, NEAR_DISTANCE
from training.data.datasets.shapenet import ShapeDataset
from training.data.labelled import read_shape
from training.data.render.cameras import SIZE
from training.data.render.render import Renderer, count_views, view_generator, write_views

SMALL = Amount(points=20_000, surface=5_000, views=2)


def triangles(mesh: trimesh.Trimesh) -> Triangles:
    return make_triangles(mesh.vertices, mesh.faces)


def ball(radius: float = 0.5) -> Triangles:
    return triangles(trimesh.creation.icosphere(subdivisions=4, radius=radius))


def box(*edges: float) -> trimesh.Trimesh:
    return trimesh.creation.box(edges)


def plate(width: float, depth: float) -> Triangles:
    """A single horizontal sheet."""
    x, z = width / 2, depth / 2
    corners = [[-x, 0, -z], [-x, 0, z], [x, 0, z], [x, 0, -z]]
    return make_triangles(corners, [[0, 1, 2], [0, 2, 3]])


def points(count: int = 50_000) -> NDArray[np.float64]:
    return sample_box(count, np.random.default_rng(5)).astype(np.float64)


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.mark.parametrize("method", ["auto", "winding", "floodfill"])
def test_a_ball(method: str) -> None:
    solid = make_solid(ball(0.45), method, rng())
    assert solid.method == ("winding" if method == "auto" else method)
    queries = points()
    distance = np.linalg.norm(queries, axis=1) - 0.45
    labels = solid.inside(queries)
    # The polyhedron lies a little inside of the ball, flood-filled solids up to a cell outside.
    slack = (-0.003, 0.0) if method != "floodfill" else (-0.003, np.sqrt(3) / 128)
    assert labels[distance < slack[0]].all()
    assert not labels[distance > slack[1]].any()
    assert solid.thin == 0
    assert solid.buried == 0


def test_a_box_that_lies_in_the_sides_of_the_cube_is_not_fattened() -> None:
    flood = FloodFill(triangles(box(1, 1, 1)))
    assert flood.solid.sum() == 128**3
    assert flood.enclosed == pytest.approx((126 / 128) ** 3)


def test_flipped_and_mixed_faces_are_turned() -> None:
    queries = points()
    inside = (np.abs(queries) < [0.5, 0.3, 0.2]).all(axis=1)
    right = triangles(box(1, 0.6, 0.4).subdivide())
    assert make_solid(right.flipped(), "auto", rng()).orientation == "flipped"
    faces = right.faces.copy()
    faces[::3] = faces[::3, ::-1]
    mixed = Triangles(right.vertices, faces, right.colours)
    for shape, orientation in ((right.flipped(), "flipped"), (mixed, "reoriented")):
        solid = make_solid(shape, "auto", rng())
        assert (solid.method, solid.orientation) == ("winding", orientation)
        np.testing.assert_array_equal(solid.inside(queries), inside)
    turned = turned_outwards(mixed).vector_areas()
    np.testing.assert_allclose(turned, right.vector_areas(), atol=1e-12)


def test_a_torn_box_is_flooded() -> None:
    """Two missing faces leave a hole smaller than a cell, and half of the rest look inwards."""
    mesh = box(1, 0.8, 0.6)
    for _ in range(8):
        top = (mesh.triangles_center[:, 1] > 0.39) & (mesh.face_normals[:, 1] > 0.9)
        middle = np.linalg.norm(mesh.triangles_center[:, [0, 2]], axis=1)
        nearest = np.argsort(np.where(top, middle, np.inf))[:2]
        mesh = mesh.subdivide(nearest)
    missing = np.argsort(np.linalg.norm(mesh.triangles_center - [0, 0.4, 0], axis=1))[:2]
    assert mesh.area_faces[missing].sum() < (1 / 128) ** 2
    faces = np.delete(mesh.faces, missing, axis=0)
    inwards = np.random.default_rng(0).random(len(faces)) < 0.5
    faces = np.where(inwards[:, None], faces[:, ::-1], faces)
    # Every face with corners of its own: nothing tells which ones belong together.
    soup = make_triangles(mesh.vertices[faces], np.arange(3 * len(faces)))
    solid = make_solid(soup, "floodfill", rng())
    queries = points()
    depth = (np.array([0.5, 0.4, 0.3]) - np.abs(queries)).min(axis=1)
    labels = solid.inside(queries)
    assert labels[depth > 0].all()
    assert not labels[depth < -1.5 / 128].any()


def test_loose_walls_around_two_rooms_are_flooded() -> None:
    """No part of it is closed and which side of a wall is outside can't be told from the wall."""
    room = box(0.3, 0.3, 0.3)
    middle = room.triangles.mean(axis=1, keepdims=True)
    apart = middle + 0.99 * (room.triangles - middle)  # gaps are narrower than a cell
    aside = np.array([0.35, 0, 0])
    corners = np.concatenate([apart - aside, apart + aside])
    flip = np.random.default_rng(0).random(len(corners)) < 0.5
    corners[flip] = corners[flip, ::-1]
    solid = make_solid(make_triangles(corners, np.arange(3 * len(corners))), "auto", rng())
    assert solid.method == "floodfill"
    queries = points()
    beside = np.abs(np.abs(queries[:, 0]) - 0.35)
    depth = 0.15 - np.maximum(beside, np.abs(queries[:, 1:]).max(axis=1))
    labels = solid.inside(queries)
    assert labels[depth > 0].all()
    assert not labels[depth < -1.5 / 128].any()


def test_a_box_without_its_lid() -> None:
    mesh = box(1, 0.8, 0.6)
    lid = mesh.face_normals[:, 1] > 0.9
    tray = make_triangles(mesh.vertices, mesh.faces[~lid])
    with pytest.raises(InputError, match="Neither"):
        make_solid(tray, "auto", rng())
    # By winding numbers the deep part of the tray is still inside, as a lid would be guessed.
    solid = make_solid(tray, "winding", rng())
    queries = points()
    labels = solid.inside(queries)
    inner = (np.abs(queries) < [0.45, 0.35, 0.25]).all(axis=1)
    assert labels[inner & (queries[:, 1] < -0.2)].all()
    assert not labels[queries[:, 1] > 0.4 + THICKNESS].any()


@pytest.mark.parametrize("method", ["winding", "floodfill"])
def test_a_sheet_gets_thickness(method: str) -> None:
    solid = make_solid(plate(1.0, 0.8), method, rng())
    near = np.array([0.45, 0.03, 0.35])
    queries = np.random.default_rng(2).uniform(-near, near, (40_000, 3))
    labels = solid.inside(queries)
    if method == "winding":
        assert solid.thin > 0.99
        # No holes between the samples, and exactly as thick as the original's.
        np.testing.assert_array_equal(labels, np.abs(queries[:, 1]) < THICKNESS)
    else:
        assert labels[np.abs(queries[:, 1]) < THICKNESS].all()
        assert not labels[np.abs(queries[:, 1]) > 2 / 128].any()


@pytest.mark.parametrize("method", ["winding", "floodfill"])
def test_thickness_rules(method: str) -> None:
    """A ball with a sheet beside it: fusion thickens both, thin the sheet only, none neither."""
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=0.2)
    sheet = plate(0.3, 0.3)
    aside = np.array([0.3, 0, 0])
    vertices = np.concatenate([sphere.vertices + aside, sheet.vertices - aside])
    shape = make_triangles(vertices, np.concatenate([sphere.faces, sheet.faces + 2562]))
    queries = np.random.default_rng(3).uniform(-0.55, 0.55, (200_000, 3))
    base = make_solid(shape, method, rng(), "none").inside(queries)
    distance = np.linalg.norm(queries - aside, axis=1) - 0.2
    around_ball = (distance > 0.002) & (distance < THICKNESS - 0.002)
    away = np.abs(queries + aside) - [0.15, 0, 0.15]
    around_sheet = (away[:, [0, 2]] < 0).all(axis=1) & (away[:, 1] < THICKNESS)
    labels = {rule: make_solid(shape, method, rng(), rule).inside(queries) for rule in THICKENINGS}
    assert labels["fusion"][around_ball].all()
    np.testing.assert_array_equal(labels["thin"][distance < 0.05], base[distance < 0.05])
    assert labels["thin"][around_sheet].all()
    assert labels["fusion"][around_sheet].all()
    np.testing.assert_array_equal(labels["none"], base)
    # Nothing is added further away than the thickness.
    added = labels["fusion"] & ~base
    assert not added[(distance > THICKNESS) & (queries[:, 0] > 0)].any()
    with pytest.raises(InputError, match="fusion"):
        make_solid(shape, method, rng(), "fat")


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
    assert result.exit_code == 0, result.output
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


def test_thick_parts_stay_as_they_are_beside_sheets() -> None:
    block = box(0.4, 0.4, 0.4)
    sheet = plate(1.0, 0.3)
    aside = np.array([0.3, 0, 0])
    vertices = np.concatenate([block.vertices + aside, sheet.vertices - aside])
    faces = np.concatenate([block.faces, sheet.faces + len(block.vertices)])
    both = make_triangles(vertices, faces)
    solid = make_solid(both, "winding", rng())
    # Not rounded: no point lies exactly on a side of the block.
    queries = np.random.default_rng(5).uniform(-0.55, 0.55, (100_000, 3))
    labels = solid.inside(queries)
    in_block = (np.abs(queries - aside) < 0.2).all(axis=1)
    away = queries[:, 0] > 0.3  # right of the sheet's end
    np.testing.assert_array_equal(labels[away], in_block[away])
    assert labels[in_block].all()
    # The end of the sheet inside the block is buried: it is no part of the visible surface.
    assert solid.buried == pytest.approx(0.1 * 0.3 / (6 * 0.16 + 1.0 * 0.3), rel=0.1)
    surface = solid.surface(20_000, rng())
    assert len(surface) == 20_000
    assert not (np.abs(surface.points - aside) < 0.199).all(axis=1).any()
    # Both sides of the sheet count, and those of the block where the sheet does not end.
    on_block = (np.abs(surface.points - aside) < 0.2 + 1e-9).all(axis=1)
    assert on_block.mean() == pytest.approx(6 * 0.16 / (6 * 0.16 + 2 * 0.9 * 0.3), rel=0.05)


def is_on_surface(solid: Solid, samples: SurfaceSamples, step: float) -> np.ndarray:
    """Where a step outwards is outside and a step inwards inside, by the labels alone."""
    outside = ~solid.inside(samples.points + step * samples.normals)
    return outside & solid.inside(samples.points - step * samples.normals)


@pytest.mark.parametrize("rule", ["thin", "fusion"])
def test_the_surface_is_that_of_the_labels(rule: str) -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.4)
    shape = triangles(ball)
    solid = make_solid(shape, "winding", rng(), rule)
    surface = solid.surface(20_000, rng())
    radius = np.linalg.norm(surface.points, axis=1)
    expected = 0.4 + (THICKNESS if rule == "fusion" else 0)
    np.testing.assert_allclose(radius, expected, atol=0.002)  # an icosphere's faces lie within
    assert is_on_surface(solid, surface, 4e-4).mean() > 0.99
    outwards = (surface.points * surface.normals).sum(1) / radius
    assert outwards.min() > 0.98


def test_a_sheet_has_two_sides_its_thickness_apart() -> None:
    solid = make_solid(plate(1.0, 0.8), "winding", rng())
    surface = solid.surface(20_000, rng())
    height, up = surface.points[:, 1], surface.normals[:, 1]
    np.testing.assert_allclose(height, np.sign(up) * THICKNESS, atol=2e-4)
    assert (height > 0).mean() == pytest.approx(0.5, abs=0.02)
    # More than the first samples of the faces give, and as evenly spread.
    more = solid.surface(300_000, rng())
    assert len(more) == 300_000
    assert np.abs(more.points[:, 0]).mean() == pytest.approx(0.25, rel=0.02)


def test_a_flood_s_surface_is_that_of_its_cells() -> None:
    """A hollow box with thin walls: filled, up to a cell fat, and nothing of it is within."""
    walls = trimesh.util.concatenate([box(0.8, 0.6, 0.4), box(0.76, 0.56, 0.36)])
    solid = make_solid(triangles(walls), "floodfill", rng())
    surface = solid.surface(20_000, rng())
    assert is_on_surface(solid, surface, 4e-4).mean() > 0.95
    beyond = (np.abs(surface.points) - [0.4, 0.3, 0.2]).max(axis=1)
    assert beyond.min() > -1e-9
    assert beyond.max() < 1 / 128


def test_surface_samples_are_even() -> None:
    shape = triangles(box(1, 0.5, 0.25))
    samples = sample_surface(shape, 40_000, rng())
    on = np.isclose(np.abs(samples.points), [0.5, 0.25, 0.125], atol=1e-12)
    assert on.any(axis=1).all()
    outward = (samples.points * samples.normals).sum(axis=1)
    assert (outward > 0.12).all()
    share = (np.abs(samples.normals[:, 1]) > 0.5).mean()
    areas = np.array([0.5 * 0.25, 1 * 0.25, 1 * 0.5])
    assert share == pytest.approx(areas[1] / areas.sum(), abs=0.01)
    np.testing.assert_allclose(samples.points.mean(axis=0), 0, atol=0.01)


@pytest.mark.parametrize("up_axis", ["y", "z"])
def test_normalise(up_axis: str) -> None:
    mesh = box(2, 5, 3)
    mesh.apply_translation([10, -20, 30])
    vertices = np.concatenate([mesh.vertices, [[900, 900, 900]]])  # no face uses the last one
    shape, loc, scale = normalise(make_triangles(vertices, mesh.faces), up_axis)
    size = np.ptp(shape.corners.reshape(-1, 3), axis=0)
    assert scale == pytest.approx(5)
    if up_axis == "y":
        np.testing.assert_allclose(size, [0.4, 1, 0.6])
        np.testing.assert_allclose(loc + scale * shape.vertices, vertices)
    else:
        np.testing.assert_allclose(size, [0.4, 0.6, 1])
        np.testing.assert_allclose(loc, [-10, 30, -20])
    assert (shape.vector_areas() * shape.corners.mean(axis=1)).sum(axis=1).min() > 0


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        ([[0, 0, 0]], [], "no faces"),
        ([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], "area"),
        ([[0, 0, 0], [1, 0, 0], [0, np.nan, 0]], [[0, 1, 2]], "finite"),
        ([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 3]], "vertices"),
    ],
)
def test_unusable_meshes(vertices: list, faces: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_triangles(vertices, faces)


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
    result = CliRunner().invoke(main, [*command, "--workers", "1", "--points", "1000"])
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
    assert result.exit_code == 0, result.output
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
    assert result.exit_code == 0, result.output
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
    assert again.exit_code == 0, again.output
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
