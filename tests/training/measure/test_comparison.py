"""Runs side by side: means and deviations over seeds, and what may not be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from onet_core.errors import InputError
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights
from training.measure.comparison import main, read_runs, runs_table

SMALL = {"channels": 4, "hidden": 8, "plane_resolution": 8, "unet_depth": 2, "unet_width": 4}
MEASURED = {
    "data": "mine", "split": "test", "shapes": 3, "resolution": 64, "samples": 1000,
    "chamfer_l1": 0.01, "normal_consistency": 0.9, "f_score_0.01": 0.8,
}  # fmt: skip


def weights(folder: Path, name: str, title: str, seed: int, **metrics: Any) -> Path:
    about = ModelDescription(
        name, title, "convolutional", "points", SMALL, training={"seed": seed}, metrics=metrics
    )
    path = folder / f"{name}.safetensors"
    save_weights(path, build_network(about), about)
    return path


def test_seeds_of_a_run_share_a_row(tmp_path: Path) -> None:
    ious = (0.5, 0.56, 0.53)
    files = [
        weights(tmp_path, f"full{seed}", "Full", seed, iou=iou, **MEASURED)
        for seed, iou in enumerate(ious)
    ]
    files.insert(1, weights(tmp_path, "plain", "Without", 7, iou=0.4, **MEASURED))
    text = runs_table(*read_runs(files))
    assert f"| Full | 0, 1, 2 | {np.mean(ious):.4f} ± {np.std(ious, ddof=1):.4f} | " in text
    assert "| Without | 7 | 0.4000 | 0.0100 | 0.9000 | 0.8000 |" in text
    assert "data mine, split test, shapes 3" in text
    shown = CliRunner().invoke(main, [str(file) for file in files])
    assert (shown.exit_code, shown.stdout) == (0, text)


def test_what_can_not_be_compared_is_named(tmp_path: Path) -> None:
    one = weights(tmp_path, "one", "One", 0, iou=0.5, **MEASURED)
    bare = weights(tmp_path, "bare", "Bare", 0)
    other = weights(tmp_path, "other", "Other", 0, iou=0.5, **{**MEASURED, "split": "val"})
    with pytest.raises(InputError, match=r"bare\.safetensors was not measured"):
        read_runs([one, bare])
    with pytest.raises(InputError, match=r"other\.safetensors was measured with another split"):
        read_runs([one, other])
    for given in ([], [str(one), str(bare)], [str(tmp_path / "none.safetensors")]):
        failed = CliRunner().invoke(main, given)
        assert failed.exit_code == 2
        assert failed.stderr.startswith("Error: ")
        assert failed.stdout == ""
