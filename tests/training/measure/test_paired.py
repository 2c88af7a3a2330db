"""Weights beside each other: balls of the right size beside some that are too large."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny_shapes import Sphere, write_shape
from torch import Tensor, nn

from onet_core.models.description import ModelDescription
from training.measure import paired

BALLS = ModelDescription("balls", "Balls", "convolutional", "points", threshold=0.5)


class Balls(nn.Module):
    """Balls of the cloud's mean radius times `factor`."""

    z_dim = 0

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        return inputs.norm(dim=-1).mean(dim=1)

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        return 100 * (self.factor * code[:, None] - points.norm(dim=-1))


def test_worse_weights_lose_on_each_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    for number, radius in enumerate((0.5, 0.45, 0.4)):
        write_shape(tmp_path, "balls", f"ball{number}", Sphere(radius), split="val")
    monkeypatch.setattr(paired, "find_model", lambda name: SimpleNamespace(path=name))
    monkeypatch.setattr(paired, "load_weights", lambda path: (Balls(float(path)).eval(), BALLS))
    scores = tmp_path / "scores.json"
    options = ["--points", "500", "--noise", "0", "--resolution", "32", "--samples", "4000"]
    options += ["--scores", str(scores), "--device", "cpu"]
    assert paired.main([str(tmp_path), "1", "0.9", *options]) == 0
    record = json.loads(scores.read_text(encoding="utf-8"))
    assert len(record["shapes"]) == 3
    measure = record["measures"].index("iou")
    for right, small in record["scores"]:
        assert right[measure] > 0.97
        # The ratio of the volumes.
        assert small[measure] == pytest.approx(0.9**3, abs=0.05)
    shown = capsys.readouterr().out
    assert "3 shapes" in shown
    assert "(-0.2" in shown


def test_what_can_not_be_used_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert paired.main([str(tmp_path), "no_such_model"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
