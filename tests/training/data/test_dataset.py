"""Training items: what is drawn from which file, how often, and what is repeatable."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial import cKDTree
from tiny_shapes import Box, Sphere, voxels, write_shape
from torch.utils.data import DataLoader

from onet_core.errors import InputError
from training.data.build.near import near_files
from training.data.datasets.files import all_finite
from training.data.datasets.sampling import NEAR_DISTANCE
from training.data.datasets.shapenet import INPUT_KINDS, Item, ShapeDataset
from training.data.observations import read_view

BALL, PLATE = Sphere(0.4), Box((1.0, 0.5, 0.2))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What is drawn while training follows torch's generator."""
    torch.manual_seed(0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_shape(tmp_path, "ball", "a", BALL, split="train", half=True, count=30_003)
    write_shape(tmp_path, "plate", "b", PLATE, split="train", half=True, count=30_000)
    write_shape(tmp_path, "plate", "v", PLATE, split="val", half=False, count=5_000)
    return tmp_path


def inside(shape: Sphere | Box, points: np.ndarray) -> np.ndarray:
    return shape.inside(points.astype(np.float64)).astype(np.float32)


def agree(shape: Sphere | Box, item: Item, suffix: str = "") -> float:
    """Share of the labels that are right; the jitter may move a few points across the surface."""
    found = item["occupancies" + suffix] == inside(shape, item["points" + suffix])
    return float(found.mean())


@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_items(root: Path, kind: str) -> None:
    dataset = ShapeDataset(root, "train", kind, points=512, points_iou=1000, image_size=64)
    assert dataset.shapes == [("ball", "a"), ("plate", "b")]
    shapes = {
        "points": (300, 3),
        "voxels": (32, 32, 32),
        "image": (3, 64, 64),
        "none": (0,),
        "index": (),
    }
    for item, shape in zip((dataset[0], dataset[1]), (BALL, PLATE), strict=True):
        assert item["inputs"].shape == shapes[kind]
        for name, size in {
            "points": (512, 3),
            "occupancies": (512,),
            "points_iou": (1000, 3),
            "occupancies_iou": (1000,),
        }.items():
            assert item[name].shape == size
            assert item[name].dtype == np.float32
        assert item["inputs"].dtype == (np.int64 if kind == "index" else np.float32)
        assert agree(shape, item) > 0.995
        assert agree(shape, item, "_iou") > 0.995
        assert np.abs(item["points"]).max() < 0.552
    if kind == "index":
        assert int(dataset[1]["inputs"]) == 1
    if kind == "voxels":
        np.testing.assert_array_equal(dataset[1]["inputs"] > 0, voxels(PLATE))
    if kind == "points":
        distance = np.linalg.norm(dataset[0]["inputs"], axis=1) - 0.4
        assert 0.004 < distance.std() < 0.006
        assert abs(distance.mean()) < 0.001


def test_noise_may_differ_from_item_to_item_while_training(root: Path) -> None:
    for train in (True, False):
        dataset = ShapeDataset(
            root, "train", "points", input_points=500, input_noise_range=[0.0, 0.015], train=train
        )
        clouds = [dataset[0]["inputs"] for _ in range(40)]
        deviations = np.array([(np.linalg.norm(cloud, axis=1) - 0.4).std() for cloud in clouds])
        if train:
            assert deviations.min() < 0.002
            assert 0.013 < deviations.max() < 0.017
        else:
            np.testing.assert_allclose(deviations, 0.005, rtol=0.1)


def test_training_draws_are_new_and_follow_torchs_seed(root: Path) -> None:
    dataset = ShapeDataset(root, "train", "points", points=64)
    torch.manual_seed(3)
    first, second = dataset[0], dataset[0]
    torch.manual_seed(3)
    again = dataset[0]
    for name in ("points", "inputs"):
        assert not np.array_equal(first[name], second[name])
        np.testing.assert_array_equal(first[name], again[name])


def test_validation_is_repeatable(root: Path) -> None:
    made = [
        ShapeDataset(root, "val", "points", points=64, train=False, points_iou=20_000)[0]
        for _ in range(2)
    ]
    for name in made[0]:
        np.testing.assert_array_equal(made[0][name], made[1][name])
    # More than the file holds are drawn repeatedly; 32-bit points are left as they are.
    assert len(made[0]["points_iou"]) == 20_000
    stored = np.load(root / "plate" / "v" / "points.npz")["points"]
    known = {row.tobytes() for row in stored}
    assert all(row.tobytes() in known for row in made[0]["points_iou"][:500])


def test_half_precision_points_are_jittered(root: Path) -> None:
    dataset = ShapeDataset(root, "train", "none", points=20_000)
    item = dataset[0]
    stored = np.load(root / "ball" / "a" / "points.npz")["points"].astype(np.float32)
    torch.manual_seed(0)
    item = dataset[0]
    torch.manual_seed(0)
    rng = np.random.default_rng(int(torch.randint(2**62, ())))
    moved = item["points"] - stored[rng.integers(len(stored), size=20_000)]
    assert abs(moved.std() / 1e-4 - 1) < 0.02


def test_points_are_drawn_with_replacement_and_balanced(root: Path) -> None:
    plain = ShapeDataset(root, "train", "none", points=30_000)[1]
    assert abs(plain["occupancies"].mean() - 0.1 / 1.1**3) < 0.01
    stored = len(np.unique(plain["points"].round(3), axis=0))
    assert stored < 0.75 * 30_000  # all 30,000 would be there without replacement
    balanced = ShapeDataset(root, "train", "none", points=1000, sampling="equal")[1]
    assert balanced["occupancies"].sum() == 500
    assert agree(PLATE, balanced) > 0.98
    with pytest.raises(InputError, match="odd"):
        ShapeDataset(root, "train", "none", points=3, sampling="equal")


def test_balancing_a_shape_without_inside(root: Path) -> None:
    path = root / "ball" / "a" / "points.npz"
    points = np.load(path)["points"]
    np.savez(path, points=points, occupancies=np.zeros(len(points), bool))
    item = ShapeDataset(root, "train", "none", points=10, sampling="equal")[0]
    assert item["occupancies"].sum() == 0


def near(shape: Sphere, points: np.ndarray) -> np.ndarray:
    return np.abs(np.linalg.norm(points, axis=1) - shape.radius) < NEAR_DISTANCE


def test_few_points_are_64(root: Path) -> None:
    item = ShapeDataset(root, "train", "none", points=2048, sampling="uniform64")[0]
    assert item["points"].shape == (64, 3)
    assert "weights" not in item


def test_half_of_the_points_near_the_surface(root: Path) -> None:
    for sampling in ("surface", "near", "tempered"):
        item = ShapeDataset(root, "train", "none", points=4000, sampling=sampling)[0]
        assert near(BALL, item["points"]).mean() == pytest.approx(0.5, abs=0.01)
        assert agree(BALL, item) > 0.98
        assert ("weights" in item) == (sampling != "surface")


def test_weights_keep_the_loss_of_an_even_draw(root: Path) -> None:
    """Means over the box of functions whose integrals are known, from points half near."""
    dataset = ShapeDataset(root, "train", "none", points=2000, sampling="near")
    items = [dataset[0] for _ in range(60)]
    points, weights = (
        np.concatenate([item[name] for item in items]) for name in ("points", "weights")
    )
    stored = np.load(root / "ball" / "a" / "points.npz")["points"].astype(np.float32)
    functions = {
        "one": lambda p: np.ones(len(p)),
        "inside": lambda p: inside(BALL, p),
        "shell": lambda p: near(BALL, p).astype(float),
        "x squared": lambda p: p[:, 0] ** 2,
    }
    for name, function in functions.items():
        even = function(stored).mean()
        assert (weights * function(points)).mean() == pytest.approx(even, rel=0.02), name
    # The shell is hit so often that its share has a far smaller spread than an even draw's.
    shares = [(item["weights"] * near(BALL, item["points"])).mean() for item in items]
    even = near(BALL, stored).mean()
    assert np.std(shares) < 0.3 * np.sqrt(even * (1 - even) / 2000)


def test_tempered_weights_are_half_way_to_none(root: Path) -> None:
    full, half = (
        ShapeDataset(root, "train", "none", points=400, sampling=sampling)[0]["weights"]
        for sampling in ("near", "tempered")
    )
    # Half of the points are of either kind, and each kind has one weight.
    assert half[-1] / half[0] == pytest.approx(np.sqrt(full[-1] / full[0]), rel=1e-5)
    assert half.mean() == pytest.approx(1)


@pytest.mark.parametrize("softness", [0.01, 0.03])
def test_soft_occupancies_are_a_function_of_the_distance(root: Path, softness: float) -> None:
    item = ShapeDataset(root, "train", "none", points=3000, softness=softness)[0]
    depth = BALL.radius - np.linalg.norm(item["points"].astype(np.float64), axis=1)
    expected = 1 / (1 + np.exp(-depth / softness))
    # Distances are to samples, which leave gaps; the slope is at most 1 / (4 softness).
    samples = np.load(root / "ball" / "a" / "pointcloud.npz")["points"].astype(np.float64)
    rays = np.random.default_rng(0).normal(size=(5000, 3))
    on_ball = BALL.radius * rays / np.linalg.norm(rays, axis=1, keepdims=True)
    gap = cKDTree(samples).query(on_ball)[0].max()
    off = np.abs(item["occupancies"] - expected)
    assert off.max() < gap / (4 * softness) + 0.01
    assert off.mean() < 0.01
    assert ((item["occupancies"] > 0.5) == (depth > 0)).mean() > 0.99
    with pytest.raises(InputError, match="softness of -1"):
        ShapeDataset(root, "train", "none", softness=-1)


def test_what_is_near_is_read_where_it_is_stored(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Bits that no search would give are obeyed: the first 5,000 points only."""
    points = np.load(root / "ball" / "a" / "points.npz")["points"].astype(np.float32)
    path = root / "ball" / "a" / "near.npy"
    np.save(path, np.packbits(np.arange(len(points)) < 5000))
    item = ShapeDataset(root, "train", "none", points=200, sampling="surface")[0]
    tree = cKDTree(points)
    distance, row = tree.query(item["points"])
    assert distance.max() < 1e-3
    assert (row[100:] < 5000).mean() > 0.98  # ties of 16-bit points aside
    assert (row[:100] >= 5000).mean() > 0.98
    for wrong in (np.zeros(7, np.uint8), np.zeros(len(points), bool)):
        np.save(path, wrong)
        caplog.clear()
        ShapeDataset(root, "train", "none", points=200, sampling="near")[0]
        assert "near.npy has not one bit" in caplog.text
    path.write_bytes(b"nothing of the kind")
    caplog.clear()
    ShapeDataset(root, "train", "none", points=200, sampling="near")[0]
    assert "near.npy is damaged" in caplog.text


def test_distances_are_read_where_they_are_stored(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same labels as without the file, and what it says is obeyed."""

    def item(softness: float = 0.015) -> Item:
        torch.manual_seed(0)
        return ShapeDataset(root, "train", "none", points=2000, softness=softness)[0]

    path, points = root / "ball" / "a" / "distances.npy", root / "ball" / "a" / "points.npz"
    cloud = np.load(root / "ball" / "a" / "pointcloud.npz")["points"]
    found, wide = item(), item(0.03)
    np.save(path, near_files(np.load(points)["points"], cloud)["distances.npy"])
    np.testing.assert_array_equal(item()["occupancies"], found["occupancies"])
    np.save(path, np.zeros(len(np.load(points)["points"]), np.float16))
    assert (item()["occupancies"] == 0.5).all()
    # Wider than what is stored: sought anew.
    np.testing.assert_array_equal(item(0.03)["occupancies"], wide["occupancies"])
    for wrong in (np.zeros(7, np.float16), np.zeros(len(np.load(points)["points"]))):
        np.save(path, wrong)
        caplog.clear()
        item()
        assert "distances.npy has not one distance" in caplog.text
    path.unlink()


@pytest.mark.parametrize("number", [np.float16, np.float32])
def test_what_is_not_finite_is_found(number: type) -> None:
    values = np.array([[0, -1.5, np.finfo(number).max], [np.finfo(number).tiny, 1, 2]], number)
    assert all_finite(values)
    for wrong in (np.nan, np.inf, -np.inf):
        values[1, 1] = wrong
        assert not all_finite(values)


def test_unknown_samplings_are_refused(root: Path) -> None:
    with pytest.raises(InputError, match="uniform64"):
        ShapeDataset(root, "train", "none", sampling="lucky")
    with pytest.raises(InputError, match="halved"):
        ShapeDataset(root, "train", "none", points=5, sampling="near")


def test_unpacked_labels_and_lists_without_their_shapes(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = root / "ball" / "a" / "points.npz"
    before = ShapeDataset(root, "val", "none", points=500, train=False)
    points = np.load(path)["points"]
    np.savez(path, points=points, occupancies=BALL.inside(points.astype(np.float64)))
    (root / "ball" / "train.lst").write_text("a\ngone\n\n")
    with caplog.at_level(logging.WARNING):
        dataset = ShapeDataset(root, "train", "none", categories=["ball"], points=500)
    assert dataset.shapes == [("ball", "a")]
    assert "1 of 2 shapes" in caplog.text
    assert "ball/gone" in caplog.text
    assert agree(BALL, dataset[0]) > 0.99
    assert len(before) == 1


def picture(colours: list[tuple[int, int, int]], width: int, height: int) -> bytes:
    """Vertical stripes."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for stripe, colour in zip(np.array_split(np.arange(width), len(colours)), colours, strict=True):
        pixels[:, stripe] = colour
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_views(root: Path) -> None:
    views = root / "ball" / "a" / "img_choy2016"
    (views / "000.jpg").unlink()
    red, green, blue = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    (views / "000.png").write_bytes(picture([red], 40, 40))
    (views / "001.png").write_bytes(picture([green], 40, 40))
    (views / "notes.txt").write_text("not a view")
    training = ShapeDataset(root, "train", "image", points=4, image_size=32)
    seen = {tuple(training[0]["inputs"][:, 16, 16]) for _ in range(30)}
    assert seen == {(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)}
    fixed = ShapeDataset(root, "train", "image", points=4, image_size=32, train=False)
    assert {tuple(fixed[0]["inputs"][:, 16, 16]) for _ in range(10)} == {(1.0, 0.0, 0.0)}
    # The shorter side becomes the size: of three stripes in 60 x 20 only the middle one is left.
    (views / "000.png").write_bytes(picture([red, blue, red], 60, 20))
    fixed = ShapeDataset(root, "train", "image", points=4, image_size=32, train=False)
    assert (fixed[0]["inputs"][2, :, 1:-1] == 1).all()


def test_crops_cover_three_quarters_to_all_of_the_area(root: Path) -> None:
    views = root / "ball" / "a" / "img_choy2016"
    (views / "000.jpg").unlink()
    ramp = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (200, 200, 3))
    Image.fromarray(np.ascontiguousarray(ramp)).save(views / "000.png")
    dataset = ShapeDataset(root, "train", "image", points=4, image_size=100, image_augment=True)
    spans = []
    for _ in range(200):
        row = dataset[0]["inputs"][0, 50] * 255
        spans.append((row[-5] - row[4]) / (90 / 100 * 200))  # a crop's share of the edge
    areas = np.array(spans) ** 2
    assert 0.72 < areas.min() < 0.78
    assert 0.97 < areas.max() < 1.04
    assert abs(np.mean(areas) - 0.875) < 0.02


def test_damaged_files_are_named_and_their_shapes_left_out(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = root / "ball" / "a"
    for name, kind in {
        "pointcloud.npz": "points",
        "model.binvox": "voxels",
        "img_choy2016/000.jpg": "image",
        "points.npz": "none",
    }.items():
        dataset = ShapeDataset(root, "train", kind, points=4)
        place = dataset.shapes.index(("ball", "a"))
        other = (place + 1) % len(dataset)
        (folder / name).write_bytes(b"nothing of the kind")
        caplog.clear()
        for _ in range(3):
            item = dataset[place]
        assert item["inputs"].shape == dataset[other]["inputs"].shape
        assert dataset.damaged == {place}
        (warning,) = caplog.messages  # once, in one line
        assert warning.startswith("ball/a is left out, 1 of ")
        assert str(folder) in warning or Path(name).name in warning
        assert "\n" not in warning
    with pytest.raises(InputError, match="sound"):
        ShapeDataset(root, "train", "sound")
    (folder / "points.npz").unlink()
    with pytest.raises(InputError, match=r"points\.npz"):
        ShapeDataset(root, "train", "none", categories=["ball"])


def test_a_picture_that_is_far_too_large_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    views = root / "ball" / "a" / "img_choy2016"
    (views / "000.jpg").unlink()
    (views / "huge.png").write_bytes(picture([(0, 0, 0)], 400, 400))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000)
    dataset = ShapeDataset(root, "train", "image", points=4, image_size=32)
    dataset[dataset.shapes.index(("ball", "a"))]
    assert "huge.png is not a readable picture" in caplog.text
    with pytest.raises(InputError, match=r"huge\.png"):
        read_view(views.parent, 32)


def test_validation_takes_the_same_shape_in_the_place_of_a_damaged_one(root: Path) -> None:
    fixed = [ShapeDataset(root, "train", "none", points=4, train=False) for _ in range(2)]
    (root / "ball" / "a" / "points.npz").write_bytes(b"nothing of the kind")
    place = fixed[0].shapes.index(("ball", "a"))
    items = [dataset[place]["points"] for dataset in fixed]
    np.testing.assert_array_equal(items[0], items[1])


def test_too_many_damaged_shapes_end_a_training(root: Path) -> None:
    dataset = ShapeDataset(root, "train", "points", points=4)
    for folder in dataset.files.folders[:2]:
        (folder / "pointcloud.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"2 of \d+ shapes can't be read.*pointcloud\.npz"):
        dataset[0]


@pytest.mark.parametrize("name", ["points.npz", "pointcloud.npz"])
def test_coordinates_that_are_no_numbers_are_refused(
    root: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = root / "ball" / "a" / name
    with np.load(path) as content:
        arrays = dict(content)
    arrays["points"][7, 1] = np.nan
    np.savez(path, **arrays)
    dataset = ShapeDataset(root, "train", "points")
    dataset[dataset.shapes.index(("ball", "a"))]
    assert f"a/{name} " in caplog.text
    assert "not finite" in caplog.text


def test_workers_give_batches(root: Path) -> None:
    dataset = ShapeDataset(root, "train", "points", points=16)
    batch = next(iter(DataLoader(dataset, batch_size=2, num_workers=1)))
    assert batch["points"].shape == (2, 16, 3)
    assert batch["inputs"].dtype == torch.float32


def test_the_cache_is_compact_and_bounded(root: Path) -> None:
    dataset = ShapeDataset(root, "train", "points")
    frugal = ShapeDataset(root, "train", "points", cache_bytes=1000)
    first = dataset[0]
    stored = 30_003 * (6 + 6) + 3751
    assert dataset.files.cached_bytes <= stored + 8
    assert frugal[0]["points"].shape == (2048, 3)
    assert frugal.files.cached_bytes == 0
    # What is kept is not read again; what is not kept has to be.
    (root / "ball" / "a" / "points.npz").write_bytes(b"nothing of the kind")
    assert dataset[0]["points"].shape == first["points"].shape
    assert not dataset.damaged
    frugal[0]
    assert frugal.damaged == {0}
