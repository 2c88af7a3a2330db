"""Measures against shapes whose scores follow from formulas."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from measured_balls import IMAGE, POINTS, VOXELS, ExactBalls
from PIL import Image
from tiny_shapes import Sphere, labelled, write_shape
from torch import Tensor

from onet_core.errors import InputError, ModelError
from onet_core.models.encoders import ImageEncoder
from training.data.labelled import list_shapes, read_shape, thinned
from training.measure.baselines.methods import choose_baselines
from training.measure.baselines.pictures import PictureIndex, code_features, pixel_features
from training.measure.evaluate import evaluate_network
from training.measure.evaluation import Evaluation
from training.measure.protocol import Protocol
from training.measure.provenance import data_version
from training.measure.report import Result, category_means, shape_summary, summary

QUICK = Protocol(samples=10_000, resolution=64)


class Nothing(ExactBalls):
    """Sees emptiness everywhere."""

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        return points.norm(dim=-1) * 0 - 10


@pytest.fixture(scope="module")
def exact(root: Path) -> Evaluation:
    return evaluate_network(
        ExactBalls(), POINTS, root, QUICK, baselines=["mean", "nearest", "oracle"], device="cpu"
    )


def test_an_exact_network_scores_one(exact: Evaluation) -> None:
    scores = summary(exact.results, "network")
    assert scores["iou"] > 0.985
    # Two sets of 10,000 random points on one surface are not closer than this.
    assert scores["chamfer_l1"] < 0.012
    assert scores["normal_consistency"] > 0.99
    assert scores["f_score_0.01"] > 0.8
    assert exact.shapes == 4
    assert not exact.skipped


def test_a_wrong_network_scores_the_ratio_of_volumes(root: Path) -> None:
    evaluation = evaluate_network(ExactBalls(0.8), POINTS, root, QUICK, device="cpu")
    scores = summary(evaluation.results, "network")
    assert scores["iou"] == pytest.approx(0.8**3, abs=0.02)
    mean_radius = np.mean([0.42, 0.25])
    assert scores["chamfer_l1"] == pytest.approx(0.2 * mean_radius, rel=0.06)


def test_voxels_are_read_and_found(root: Path) -> None:
    evaluation = evaluate_network(
        ExactBalls(), VOXELS, root, QUICK, baselines=["nearest"], device="cpu"
    )
    assert summary(evaluation.results, "network")["iou"] > 0.95
    nearest = {(r.category, r.shape): r.note for r in evaluation.results if r.method == "nearest"}
    assert nearest["large", "test1"] == "large/train1"
    assert nearest["small", "test0"].startswith("small/")


def test_baselines_are_measured_alike(exact: Evaluation) -> None:
    # The only test shape that has no equal among the training shapes is the ball of 0.44.
    for method in ("nearest", "oracle"):
        ious = {(r.category, r.shape): r.scores["iou"] for r in exact.results if r.method == method}
        notes = {(r.category, r.shape): r.note for r in exact.results if r.method == method}
        assert notes["large", "test0"] == "large/train0"
        assert notes["large", "test1"] == "large/train1"
        assert ious["large", "test0"] > 0.95
        assert ious["large", "test2"] == pytest.approx((0.42 / 0.44) ** 3, abs=0.03)
    means = category_means(exact.results, "mean", "iou")
    assert means["small"] > 0.85
    assert 0.8 < means["large"] < 0.97


def test_categories_count_once_and_shapes_count_once(exact: Evaluation) -> None:
    made = [
        Result("a", str(index), "network", {"iou": value}, {})
        for index, value in enumerate((0.2, 0.4, 0.6))
    ] + [Result("b", "0", "network", {"iou": 1.0}, {})]
    assert summary(made, "network")["iou"] == pytest.approx((0.4 + 1.0) / 2)
    assert shape_summary(made, "network")["iou"] == pytest.approx(2.2 / 4)
    assert "**mean of categories**" in exact.markdown()


def test_shapes_without_an_iou_do_not_spoil_the_mean() -> None:
    """Where neither truth nor mesh holds a point; as in the original, whose means skip them."""
    scores = (("a", 0.4), ("a", math.nan), ("b", math.nan))
    made = [
        Result(category, str(number), "network", {"iou": iou}, {})
        for number, (category, iou) in enumerate(scores)
    ]
    assert summary(made, "network") == {"iou": 0.4}
    assert shape_summary(made, "network") == {"iou": 0.4}


def test_a_quick_look_says_so(exact: Evaluation, root: Path) -> None:
    assert "quick look" in exact.markdown()
    full = Evaluation(POINTS, "balls", Protocol(), results=exact.results)
    assert "quick look" not in full.markdown()
    assert Protocol().is_complete
    assert not Protocol(limit=3).is_complete


def test_report_files(exact: Evaluation, tmp_path: Path) -> None:
    table, report, sheet = exact.write(tmp_path / "report")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 4
    assert {row["method"] for row in rows} == {"network", "mean", "nearest", "oracle"}
    assert all(0 <= float(row["iou"]) <= 1 for row in rows)
    assert "| large | 3 |" in report.read_text(encoding="utf-8")
    assert str(tmp_path) not in report.read_text(encoding="utf-8")
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_no_surface_scores_as_in_the_original(root: Path) -> None:
    evaluation = evaluate_network(Nothing(), POINTS, root, QUICK, device="cpu")
    scores = summary(evaluation.results, "network")
    assert scores["iou"] == 0
    assert scores["chamfer_l1"] == pytest.approx(np.sqrt(3))
    assert "No surface: small/test0" in evaluation.markdown()


def test_all_stands_for_what_can_be_had(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONET_BPY_PYTHON", raising=False)
    chosen, notes = choose_baselines(["all", "mean"], "points")
    assert chosen[:3] == ["mean", "nearest", "oracle"]
    assert "alpha" in chosen
    assert "blender" not in chosen
    assert any("ONET_BPY_PYTHON" in note for note in notes)
    with pytest.raises(InputError, match="ONET_BPY_PYTHON"):
        choose_baselines(["blender"], "points")
    monkeypatch.setenv("ONET_BPY_PYTHON", "/nowhere/python")
    with pytest.raises(InputError, match="no such program"):
        choose_baselines(["blender"], "points")
    with pytest.raises(InputError, match="marching_cubes"):
        choose_baselines(["poisson"], "voxels")


def test_marching_cubes_of_the_input_are_closed(root: Path) -> None:
    # The level for these voxels, whose centres are inside; a dataset's are all that shapes touch.
    method = "marching_cubes_halfway"
    evaluation = evaluate_network(
        ExactBalls(), VOXELS, root, QUICK, baselines=[method], device="cpu"
    )
    assert 0.9 < summary(evaluation.results, method)["iou"] < 0.99
    assert f"{method} 4 of 4" in evaluation.markdown()
    assert "blur 0.0, level 0.5 (has no choice)" in evaluation.markdown()


def test_shapes_are_read_back(root: Path) -> None:
    assert list_shapes(root, "test") == [
        ("large", "test0"), ("large", "test1"), ("large", "test2"), ("small", "test0"),
    ]  # fmt: skip
    assert list_shapes(root, "test:1") == [("large", "test0"), ("small", "test0")]
    assert list_shapes(root, "test:9") == list_shapes(root, "test")
    with pytest.raises(InputError, match="whole number, not 'few'"):
        list_shapes(root, "test:few")
    shape = read_shape(root, "small", "test0")  # 16-bit coordinates, moved by the jitter
    truth = labelled(Sphere(0.25), 10)
    assert 1e-5 < np.abs(shape.points - truth.points).mean() < 5e-4
    assert (shape.occupancies == truth.occupancies).mean() > 0.998
    few = thinned(shape, labels=500, surface=500)
    assert few.points.shape == few.surface_points.shape == (500, 3)
    assert thinned(shape, labels=10**6).points.shape == shape.points.shape


def test_damaged_shapes_are_skipped_and_named(tmp_path: Path) -> None:
    write_shape(tmp_path, "c", "good", Sphere(0.4), count=2000)
    cut = write_shape(tmp_path, "c", "cut", Sphere(0.4), count=2000)
    (cut / "points.npz").write_bytes((cut / "points.npz").read_bytes()[:1000])
    lost = write_shape(tmp_path, "c", "lost", Sphere(0.4), count=2000)
    (lost / "pointcloud.npz").unlink()
    np.savez(
        write_shape(tmp_path, "c", "nan", Sphere(0.4), count=2000) / "points.npz",
        points=np.full((16, 3), np.nan, dtype=np.float32),
        occupancies=np.zeros(2, dtype=np.uint8),
    )
    evaluation = evaluate_network(ExactBalls(), POINTS, tmp_path, QUICK, device="cpu")
    assert evaluation.shapes == 1
    assert len(evaluation.skipped) == 3
    for name in ("cut", "lost", "nan"):
        assert sum(f"c/{name}/" in sentence for sentence in evaluation.skipped) == 1


@pytest.mark.parametrize(
    ("protocol", "baselines", "named"),
    [
        (Protocol(split="nowhere"), [], "nowhere"),
        (Protocol(categories=("boat",)), [], "boat"),
        (Protocol(limit=0), [], "limit"),
        (Protocol(samples=0), [], "sample"),
        (Protocol(), ["median"], "median"),
        (Protocol(train_split="other"), ["mean"], "other"),
    ],
)
def test_impossible_wishes_are_input_errors(
    root: Path, protocol: Protocol, baselines: list[str], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        evaluate_network(ExactBalls(), POINTS, root, protocol, baselines=baselines, device="cpu")


def test_pictures_have_their_own_nearest_baselines(root: Path) -> None:
    with pytest.raises(InputError, match="nearest_pixels"):
        evaluate_network(ExactBalls(), IMAGE, root, baselines=["nearest"], device="cpu")
    with pytest.raises(ModelError, match="no code of a picture"):
        evaluate_network(ExactBalls(), IMAGE, root, baselines=["nearest_code"], device="cpu")


def test_the_training_shape_that_looks_alike_is_found(tmp_path: Path) -> None:
    colours = {"red": (200, 10, 10), "green": (10, 200, 10), "blue": (10, 10, 200)}
    for name, colour in colours.items():
        folder = write_shape(tmp_path, "c", name, Sphere(0.3), split="train", count=200)
        Image.new("RGB", (137, 137), colour).save(folder / "img_choy2016" / "001.jpg")
    torch.manual_seed(0)
    encoder = ImageEncoder(16).eval()
    for features in (pixel_features, code_features(encoder)):
        index = PictureIndex(features, 64)
        for name in colours:
            index.add("c", name, tmp_path / "c" / name)
        for name, colour in colours.items():
            seen = np.array(colour, dtype=np.float32)[:, None, None] / 255 + 0.01
            found = index.nearest(np.broadcast_to(seen, (3, 64, 64)).copy())
            assert found == ("c", name)


def test_the_version_of_the_data_follows_its_content(tmp_path: Path) -> None:
    write_shape(tmp_path, "c", "one", Sphere(0.4), count=200)
    write_shape(tmp_path, "c", "two", Sphere(0.4), count=200)
    shapes = list_shapes(tmp_path, "test")
    first = data_version(tmp_path, shapes)
    assert data_version(tmp_path, shapes) == first
    assert data_version(tmp_path, shapes[:1]) != first
    shutil.rmtree(tmp_path / "c" / "two")
    assert data_version(tmp_path, shapes) != first
    write_shape(tmp_path, "c", "two", Sphere(0.4), count=200, seed=1)
    assert data_version(tmp_path, shapes) != first
