"""The command that measures weights, and the figures that it records in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from tiny_shapes import Box, Sphere, write_shape

from onet_core.errors import ModelError
from onet_core.models.build import build_network
from onet_core.models.catalogue import read_description
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps
from onet_core.models.weights import save_weights
from training.measure.evaluate import evaluate, main
from training.measure.protocol import Protocol
from training.measure.record import record_metrics, record_reasons


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


def test_reasons_are_recorded_where_they_are_those_of_the_weights(weights: Path) -> None:
    before, described = load_file(weights), read_description(weights)
    reasons = {"smoothing": "formula, 100 shapes, +0.1"}
    wanted = replace(described, steps=replace(described.steps, chosen_by=reasons))
    assert record_reasons(weights, wanted)
    assert read_description(weights) == wanted
    assert not record_reasons(weights, wanted)
    after = load_file(weights)
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    for other in (replace(wanted, threshold=0.7), replace(wanted, steps=Steps(smoothing=9))):
        with pytest.raises(ModelError, match="not those of the weights"):
            record_reasons(weights, other)


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


def test_processes_share_the_shapes(weights: Path, tmp_path: Path) -> None:
    """The same results, in the same order, and the same sheet."""
    root = tmp_path / "data"
    for number in range(3):
        write_shape(root, "balls", f"b{number}", Sphere(0.3 + 0.05 * number), count=1000)
    (root / "balls" / "b1" / "points.npz").write_bytes(b"damaged")
    protocol = Protocol(samples=500, resolution=16)
    one, two = (evaluate(weights, root, protocol, workers=number) for number in (1, 2))
    assert [(r.shape, r.scores) for r in one.results] == [(r.shape, r.scores) for r in two.results]
    assert [r.shape for r in two.results] == ["b0", "b2"]
    assert [row.captions for row in one.rows] == [row.captions for row in two.rows]
    assert one.skipped == two.skipped
    assert one.metrics() == two.metrics()
