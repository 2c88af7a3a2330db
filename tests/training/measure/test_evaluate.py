"""The evaluation on tiny datasets of balls, with networks that know the answer."""

from __future__ import annotations

import csv
import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file
from tiny_shapes import Box, Sphere, labelled, write_shape
from torch import Tensor, nn

from onet_core.errors import InputError, ModelError
from onet_core.inputs.observation import Observation
from onet_core.models.build import build_network
from onet_core.models.catalogue import read_description
from onet_core.models.description import ModelDescription
from onet_core.models.encoders import ImageEncoder
from onet_core.models.weights import save_weights
from onet_core.pipeline.morphing import between
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings
from training.data.conditions import Conditions, with_holes
from training.data.labelled import list_shapes, read_shape, thinned
from training.data.observations import observe
from training.measure.baselines.methods import choose_baselines
from training.measure.baselines.pictures import PictureIndex, code_features, pixel_features
from training.measure.evaluate import evaluate_network, main
from training.measure.evaluation import Evaluation
from training.measure.generation import (
    compare_sets,
    halfway_meshes,
    infer_latent,
    mean_of_sets,
    nearest_clouds,
)
from training.measure.protocol import Protocol
from training.measure.provenance import data_version
from training.measure.record import record_metrics
from training.measure.report import Result, category_means, shape_summary, summary

POINTS = ModelDescription(
    "balls", "Balls", "convolutional", "points", inputs={"points": 300, "noise": 0.0}, threshold=0.5
)
VOXELS = ModelDescription("balls", "Balls", "convolutional", "voxels", threshold=0.5)
IMAGE = ModelDescription("balls", "Balls", "image_planes", "image", inputs={"image_size": 64})
QUICK = Protocol(samples=10_000, resolution=64)


class ExactBalls(nn.Module):
    """Reads the radius of a ball off its input, and gives exactly that ball, times `error`."""

    z_dim = 0

    def __init__(self, error: float = 1.0) -> None:
        super().__init__()
        self.error = error

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        if inputs.dim() == 3:
            return inputs.norm(dim=-1).mean(dim=1)
        return (inputs.sum(dim=(1, 2, 3)) / 32**3 / (4 / 3 * torch.pi)) ** (1 / 3)

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        return 100 * (self.error * code[:, None] - points.norm(dim=-1))


class Nothing(ExactBalls):
    """Sees emptiness everywhere."""

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        return points.norm(dim=-1) * 0 - 10


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Category "large": three balls to test; "small": one. Two of each to train."""
    folder = tmp_path_factory.mktemp("data") / "balls"
    for index, radius in enumerate((0.4, 0.42, 0.44)):
        write_shape(folder, "large", f"test{index}", Sphere(radius), seed=index)
    write_shape(folder, "small", "test0", Sphere(0.25), seed=10, half=True)
    for index, radius in enumerate((0.40, 0.42)):
        write_shape(
            folder, "large", f"train{index}", Sphere(radius), split="train", seed=20 + index
        )
        write_shape(folder, "small", f"train{index}", Sphere(0.25), split="train", seed=30 + index)
    return folder


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


def test_inputs_do_not_depend_on_the_limit(root: Path) -> None:
    shape = read_shape(root, "large", "test1")
    one, again = observe(shape, POINTS, 0), observe(shape, POINTS, 0)
    other = observe(shape, POINTS, 1)
    assert one is not None
    assert again is not None
    assert other is not None
    np.testing.assert_array_equal(one.data, again.data)
    assert (one.data != other.data).any()
    assert one.data.shape == (300, 3)
    limited = evaluate_network(
        ExactBalls(), POINTS, root, Protocol(samples=1000, resolution=32, limit=2), device="cpu"
    )
    assert [r.shape for r in limited.results] == ["test0", "test0"]


def test_the_size_of_the_input_can_be_chosen() -> None:
    chosen = Conditions(50, 0.1).inputs_of(POINTS)
    assert chosen.inputs == {"points": 50, "noise": 0.1}
    assert Conditions().inputs_of(VOXELS) == VOXELS
    for conditions in (Conditions(50), Conditions(missing=0.1), Conditions(turn="any")):
        with pytest.raises(InputError, match="no point clouds"):
            conditions.inputs_of(VOXELS)


def observed(root: Path, name: str = "test1", **conditions: Any) -> Observation:
    made = observe(read_shape(root, "large", name), POINTS, 0, Conditions(**conditions))
    assert made is not None
    return made


def test_outliers_take_the_place_of_points(root: Path) -> None:
    plain, spoiled = observed(root), observed(root, outliers=0.1)
    differs = (plain.data != spoiled.data).any(axis=1)
    assert differs.sum() == 30
    assert np.abs(spoiled.data).max() <= 0.55
    # On a ball of radius 0.42 the others stay; those in the box lie about it.
    assert np.abs(np.linalg.norm(spoiled.data[~differs], axis=1) - 0.42).max() < 1e-5
    assert np.abs(np.linalg.norm(spoiled.data[differs], axis=1) - 0.42).mean() > 0.05


def test_holes_take_their_share_of_the_surface(root: Path) -> None:
    surface = read_shape(root, "large", "test1").surface_points
    for share in (0.1, 0.25, 0.3):
        left = with_holes(surface, share, np.random.default_rng(0))
        assert len(left) == pytest.approx((1 - share) * len(surface), abs=3)
    # One hole of a tenth of a ball's area is a cap: its height is a tenth of the diameter.
    left = with_holes(surface, 0.1, np.random.default_rng(1))
    kept = {tuple(point) for point in left}
    lost = np.array([point for point in surface if tuple(point) not in kept])
    axis = lost.mean(axis=0) / np.linalg.norm(lost.mean(axis=0))
    assert (lost @ axis).min() == pytest.approx(0.42 * 0.8, abs=0.02)
    assert (left @ axis).max() == pytest.approx(0.42 * 0.8, abs=0.02)


def test_turned_clouds_come_back(tmp_path: Path) -> None:
    write_shape(tmp_path, "large", "plank", Box((1.0, 0.2, 0.4)))
    shape = read_shape(tmp_path, "large", "plank")
    turned = observed(tmp_path, "plank", turn="any")
    assert turned.frame.up_axis == "y"
    extent = turned.data.max(axis=0) - turned.data.min(axis=0)
    assert extent.max() == pytest.approx(1, abs=0.05)
    back = turned.frame.to_source(turned.data)
    np.testing.assert_allclose(back, observed(tmp_path, "plank").data, atol=1e-5)
    other = observe(shape, POINTS, 1, Conditions(turn="any"))
    assert other is not None
    assert np.abs(other.frame.matrix - turned.frame.matrix).max() > 0.01


def test_a_turned_shape_is_measured_where_it_came_from(root: Path) -> None:
    protocol = Protocol(samples=5000, resolution=32, limit=2, conditions=Conditions(turn="any"))
    evaluation = evaluate_network(
        ExactBalls(), POINTS, root, protocol, baselines=["nearest"], device="cpu"
    )
    scores = summary(evaluation.results, "network")
    assert scores["iou"] > 0.95
    assert "turned about the vertical" in evaluation.markdown()
    notes = [r.note for r in evaluation.results if r.method == "nearest"]
    assert notes[0] == "large/train0"
    # Copies are told how the shape stands.
    assert summary(evaluation.results, "nearest")["iou"] > 0.9


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


def test_pictures_are_read_as_in_training(root: Path) -> None:
    picture = observe(read_shape(root, "large", "test0"), IMAGE)
    assert picture is not None
    assert picture.data.shape == (3, 64, 64)
    np.testing.assert_allclose(picture.data.mean(axis=(1, 2)), [1, 0, 0], atol=0.02)


def test_shapes_are_read_back(root: Path) -> None:
    assert list_shapes(root, "test") == [
        ("large", "test0"), ("large", "test1"), ("large", "test2"), ("small", "test0"),
    ]  # fmt: skip
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


@pytest.mark.parametrize(
    ("conditions", "named"),
    [
        ({"count": 0}, "input point"),
        ({"noise": -1.0}, "noise"),
        ({"missing": 1.0}, "missing"),
        ({"outliers": -0.1}, "outliers"),
        ({"turn": "some"}, "some"),
    ],
)
def test_impossible_conditions_are_input_errors(conditions: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Conditions(**conditions)


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


class Parted(nn.Module):
    """Two balls where the latent's first number is above 0.2, else one."""

    z_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        return inputs.new_zeros(len(inputs), 0)

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        apart = 0.25 * (z[:, None, :1] > 0.2) * points.new_tensor([1.0, 0, 0])
        far = torch.minimum((points - apart).norm(dim=-1), (points + apart).norm(dim=-1))
        return self.scale * 80 * (0.2 - far)


def test_shapes_halfway_between_samples_are_counted_where_they_fall_apart() -> None:
    description = ModelDescription("two", "Two", "latent_planes", "none", threshold=0.5)
    reconstructor = Reconstructor.of_network(Parted().eval(), description, "cpu")
    meshes = halfway_meshes(reconstructor, 12, Settings(resolution=32, normals=False), seed=5)
    latents = [np.random.default_rng(5 + index).standard_normal(2) for index in range(13)]
    halves = [between(*pair, 0.5)[0] for pair in itertools.pairwise(latents)]
    parts = [len(trimesh.Trimesh(mesh.vertices, mesh.faces).split()) for mesh in meshes if mesh]
    assert parts == [2 if half > 0.2 else 1 for half in halves]
    assert 2 < sum(part == 2 for part in parts) < 10


def test_a_generative_network_is_measured_on_latents_and_samples(root: Path) -> None:
    description = ModelDescription(
        "vae", "VAE", "occupancy_network", "none",
        network={"decoder": "simple", "c_dim": 0, "z_dim": 8}, threshold=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    network = build_network(description).eval()
    evaluation = evaluate_network(
        network, description, root, Protocol(samples=1000, resolution=16), device="cpu"
    )
    assert evaluation.shapes == 4
    assert set(evaluation.sets) == {"samples", "training shapes"}
    assert evaluation.sets["training shapes"].coverage > 0.5
    samples = evaluation.sets["samples"]
    assert (samples.size, samples.sets) == (40, 10)
    assert "Coverage" in evaluation.markdown()
    assert "in several parts" in evaluation.markdown()
    halfway = 100 * evaluation.torn_halfway
    assert f"halfway between two samples, {halfway:.0f} %" in evaluation.markdown()
    assert "generation" in evaluation.metrics()
    assert [len(row.pictures) for row in evaluation.sample_rows] == [2] * (
        min(24, samples.size - samples.empty)
    )


def test_the_nearest_cloud_is_found() -> None:
    clouds = [labelled(Sphere(radius), 1, count=500).surface_points for radius in (0.2, 0.3, 0.4)]
    (found,) = nearest_clouds([labelled(Sphere(0.31), 2, count=500).surface_points], clouds)
    assert found[0] == 1
    assert found[1] == pytest.approx(0.025, abs=0.015)


def test_a_latent_without_an_encoder_is_fitted() -> None:
    description = ModelDescription(
        "planes", "Planes", "latent_planes", "none",
        network={"z_dim": 4, "channels": 8, "hidden": 8, "plane_resolution": 8, "plane_width": 16},
        threshold=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    latent = infer_latent(build_network(description).eval(), labelled(Sphere(0.3)))
    assert latent.shape == (4,)
    assert np.isfinite(latent).all()
    assert np.abs(latent).max() > 0
    with pytest.raises(ModelError, match="latent space"):
        infer_latent(ExactBalls(), labelled(Sphere(0.3)))


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


def test_sets_of_shapes() -> None:
    clouds = [labelled(Sphere(radius), 1, count=500).surface_points for radius in (0.2, 0.3, 0.4)]
    same = compare_sets(clouds, clouds)
    assert (same.coverage, same.mmd, same.size) == (1.0, 0.0, 3)
    one = compare_sets(clouds[:1], clouds, empty=2)
    assert one.coverage == pytest.approx(1 / 3)
    assert one.mmd == pytest.approx((0.0 + 0.1 + 0.2) / 3, abs=0.01)
    assert (one.size, one.empty) == (3, 2)
    mean = mean_of_sets([same, one, one])
    assert mean.coverage == pytest.approx(5 / 9)
    assert mean.deviation == pytest.approx(np.sqrt(2) * 2 / 9)  # of 1, 1/3, 1/3
    assert mean.mmd == pytest.approx(2 * one.mmd / 3)
    assert (mean.size, mean.empty, mean.sets) == (9, 4, 3)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    description = ModelDescription(
        "tiny", "Tiny", "convolutional", "points",
network=dict.fromkeys(("channels", "hidden", "unet_width", "plane_resolution"), 8)
        | {"unet_depth": 2},
        inputs={"points": 300, "noise": 0.005}, threshold=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    save_weights(tmp_path / "tiny.safetensors", build_network(description), description, half=True)
    return tmp_path / "tiny.safetensors"


def test_metrics_are_recorded_without_touching_tensors(weights: Path) -> None:
    before = load_file(weights)
    record_metrics(weights, {"iou": 0.5})
    after = load_file(weights)
    assert read_description(weights).metrics == {"iou": 0.5}
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert tensor.dtype == after[name].dtype
        assert torch.equal(tensor, after[name])
    assert sorted(path.name for path in weights.parent.iterdir()) == ["tiny.safetensors"]
    checkpoint = weights.with_suffix(".pt")
    checkpoint.write_bytes(b"")
    with pytest.raises(ModelError, match="safetensors"):
        record_metrics(checkpoint, {})


def test_a_configuration_stands_for_its_weights(tmp_path: Path, weights: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(
        f"output: {{directory: {tmp_path / 'run'}}}\ndata: {{root: {tmp_path / 'nowhere'}}}\n"
    )
    arguments = [str(config)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "train it first" in result.output
    (tmp_path / "run").mkdir()
    weights.rename(tmp_path / "run" / "weights.safetensors")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "no dataset folder" in result.output
    result = CliRunner().invoke(main, [str(weights.with_name("some.safetensors"))])
    assert result.exit_code == 2
    assert "--data" in result.output


def test_command_line(weights: Path, tmp_path: Path) -> None:
    data = tmp_path / "balls"
    write_shape(data, "ball", "test", Sphere(0.4), count=60_000)
    write_shape(data, "ball", "train", Box((0.7,) * 3), split="train", seed=1, count=10_000)
    run = CliRunner()
    arguments = [str(weights), "--data", str(data), "--resolution", "32", "--device", "cpu"]
    result = run.invoke(
        main,
        [*arguments, "--output", str(tmp_path / "out"), "--baselines", "mean, oracle", "--record"],
    )
    assert result.exit_code == 0, result.output
    assert "mean of categories" in result.output
    written = (tmp_path / "out" / "results.md").read_text(encoding="utf-8")
    assert (
        "`python -m training.measure.evaluate tiny.safetensors --data balls --output out "
        "--baselines 'mean, oracle' --resolution 32 --device cpu --record`"
    ) in written
    assert "- Commit: " in written
    assert "- Data: balls, version " in written
    # What there is, not what was asked for.
    assert "60000 labelled points and 60000 surface samples each" in written
    metrics = read_description(weights).metrics
    assert metrics["shapes"] == 1
    assert metrics["data"] == "balls"
    assert set(metrics["baselines"]) == {"mean", "oracle"}
    assert 0.5 < metrics["baselines"]["oracle"]["iou"] < 0.9
    assert set(metrics["categories"]) == {"ball"}

    for extra, named in (
        (["--limit", "1", "--record"], "full protocol"),
        (["--split", "val"], "val"),
        (["--baselines", "median"], "median"),
    ):
        result = run.invoke(main, [*arguments, *extra])
        assert result.exit_code == 2
        assert named in result.output
        assert result.output.count("\n") == 1
