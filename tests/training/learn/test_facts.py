"""What weights, logs and several processes have of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from small_trainings import small
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from onet_core.models.card import model_card
from onet_core.models.weights import load_weights
from training.learn.export import hours_of
from training.learn.train import make_module, make_trainer, train
from training.measure.provenance import commit_text, data_version


def test_weights_say_how_they_were_made(root: Path, tmp_path: Path) -> None:
    """Commit, data, hours over all parts of a run, and every setting but places of the machine."""
    config = small(root, tmp_path / "run")
    _, first = load_weights(train(config))
    config.training.max_steps = 4
    weights = train(config)
    _, described = load_weights(weights)
    training = described.training
    assert training["commit"] == commit_text()
    shapes = [("things", name) for name in "ab"]
    assert training["data_version"] == data_version(root, shapes)
    assert 0 < hours_of(tmp_path / "run" / "last.ckpt") < 1
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert state["callbacks"]["Timer"]["time_elapsed"]["train"] > 3600 * first.training["hours"]
    assert training["configuration"]["training"]["max_steps"] == 4
    assert training["configuration"]["data"]["root"] == root.name
    assert str(tmp_path) not in described.to_json()
    assert "## Configuration" in model_card(described)
    log = EventAccumulator(str(tmp_path / "run" / "logs"), size_guidance={"scalars": 0})
    log.Reload()
    assert "_hparams_/session_start_info" in log.summary_metadata
    assert log.Scalars("best/iou")[-1].value == pytest.approx(state_best(tmp_path / "run"))


def state_best(run: Path) -> float:
    """The best validation's figure as Lightning's checkpoint has it."""
    state = torch.load(run / "last.ckpt", weights_only=True)
    found = [one for name, one in state["callbacks"].items() if name.startswith("ModelCheckpoint")]
    return max(float(one["best_model_score"]) for one in found if one["best_model_score"])


def test_batch_norm_is_of_the_whole_batch_on_gpus(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(root, tmp_path)
    asked: list[bool] = []

    class Noted(lightning.Trainer):
        def __init__(self, **settings: Any) -> None:
            asked.append(settings["sync_batchnorm"])
            super().__init__(**{**settings, "sync_batchnorm": False}, accelerator="cpu")

    monkeypatch.setattr("training.learn.train.lightning.Trainer", Noted)
    for is_there in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=is_there: found)
        make_trainer(config)
    assert asked == [False, True]
    module = make_module(config)
    names = set(module.state_dict())
    shared = torch.nn.SyncBatchNorm.convert_sync_batchnorm(module)
    kinds = [type(part) for part in shared.modules()]
    assert torch.nn.SyncBatchNorm in kinds
    assert torch.nn.BatchNorm1d not in kinds
    assert set(shared.state_dict()) == names
