"""The table of what a scan's flaws cost, with a network that fits a ball to its points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from tiny_shapes import Sphere, write_shape
from torch import Tensor, nn

from onet_core.errors import ModelError
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights
from training.measure.protocol import Protocol
from training.measure.robustness import SCANS, main, measure_scans, scans_table

POINTS = ModelDescription("balls", "Balls", "convolutional", "points", threshold=0.5)
QUICK = Protocol(samples=5000, resolution=32, limit=1)


class FittedBall(nn.Module):
    """The ball whose radius is the points' mean distance: noise makes it too large."""

    z_dim = 0

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        return inputs.norm(dim=-1).mean(dim=1)

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        return 100 * (code[:, None] - points.norm(dim=-1))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "balls"
    write_shape(folder, "ball", "test0", Sphere(0.4), seed=0)
    return folder


def test_each_kind_of_scan_has_a_row(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A mean radius is as exact with fewer points, and dense clouds are followed for minutes.
    few = {name: replace(scan, count=min(5000, scan.count or 0)) for name, scan in SCANS.items()}
    monkeypatch.setattr("training.measure.robustness.SCANS", few)
    found = measure_scans(FittedBall(), POINTS, root, QUICK, "cpu")
    assert list(found) == list(SCANS)
    ious = {
        name: sum(result.scores["iou"] for result in evaluation.results)
        for name, evaluation in found.items()
    }
    assert ious["no noise"] > 0.97
    # Strays all over the box pull the mean away, holes in a ball do not.
    assert ious["2 % strays"] < ious["30 % missing"] - 0.001
    text = scans_table(found, "the command")
    assert "the command" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row[0].removeprefix("| ") for row in rows] == list(SCANS)
    assert [float(row[1]) for row in rows] == [round(value, 4) for value in ious.values()]


def test_only_models_of_points_have_scans(root: Path, tmp_path: Path) -> None:
    about = ModelDescription("blocks", "Blocks", "convolutional", "voxels", threshold=0.5)
    with pytest.raises(ModelError, match="reads no point clouds"):
        measure_scans(FittedBall(), about, root, QUICK, "cpu")


def test_the_command_writes_the_table_or_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onet_core.models.build import build_network

    torch.manual_seed(0)
    small = {"channels": 4, "hidden": 8, "plane_resolution": 8, "unet_depth": 2, "unet_width": 4}
    about = ModelDescription("tiny", "Tiny", "convolutional", "points", small, threshold=0.5)
    save_weights(tmp_path / "tiny.safetensors", build_network(about), about)
    one = {"3,000 points, aligned, noise 0.005": SCANS["3,000 points, aligned, noise 0.005"]}
    monkeypatch.setattr("training.measure.robustness.SCANS", one)
    given = [str(tmp_path / "tiny.safetensors"), "--samples", "2000", "--resolution", "16"]
    table = tmp_path / "out" / "table.md"
    done = CliRunner().invoke(main, [*given, "--data", str(root), "--output", str(table)])
    assert done.exit_code == 0, done.output
    assert table.read_text(encoding="utf-8") == done.stdout.removesuffix("\n")
    missing = tmp_path / "none.md"
    failed = CliRunner().invoke(main, [*given, "--data", "nowhere", "--output", str(missing)])
    assert failed.exit_code == 2
    assert "nowhere" in failed.stderr
    assert not missing.exists()
