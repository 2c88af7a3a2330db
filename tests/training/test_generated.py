"""Pictures of what generators make, and that the shipped ones are of the shipped weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from onet_core.models.catalogue import list_models
from training import generated

GENERATORS = [
    entry
    for entry in list_models(shipped_only=True)
    if entry.description is not None and entry.description.input_kind == "none"
]


@pytest.mark.parametrize("entry", GENERATORS, ids=lambda entry: entry.name)
def test_the_thumbnail_is_what_the_weights_generate(entry) -> None:
    """If not: `python -m training.generated NAME --thumbnail SEED`."""
    with Image.open(entry.picture) as stored:
        assert stored.mode == "RGBA"
        found, seed = np.asarray(stored).astype(np.int64), int(stored.info[generated.SEED])
    assert (found[..., 3] > 0).mean() > 0.05
    (expected,) = generated.pictures_of(entry.name, [seed], generated.PIXELS_OF_THUMBNAIL)
    assert found.shape == expected.shape
    # Processors differ in the last digit, and with it in pixels at edges.
    assert np.abs(found - expected).mean() < 1


def test_a_sheet_and_a_thumbnail_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated, "COUNT", 3)
    weights, sheet = tmp_path / "mine.safetensors", tmp_path / "sheet.png"
    shutil.copyfile(GENERATORS[0].path, weights)
    result = CliRunner().invoke(
        generated.main, [str(weights), "--sheet", str(sheet), "--thumbnail", "1"]
    )
    assert result.exit_code == 0, result.output
    edge = generated.PIXELS_OF_SHEET
    with Image.open(sheet) as drawn:
        assert drawn.size == (generated.COLUMNS * edge, edge)
        cells = np.asarray(drawn.convert("L"))[:, : 4 * edge].reshape(edge, 4, edge)
    assert [(cell < 255).mean() > 0.03 for cell in cells.transpose(1, 0, 2)] == [True] * 3 + [False]
    with Image.open(tmp_path / "mine.png") as picture:
        assert (picture.size, picture.info["seed"]) == ((128, 128), "1")


def test_a_model_that_is_not_there_is_one_sentence() -> None:
    result = CliRunner().invoke(generated.main, ["nothing", "--thumbnail", "1"])
    assert result.exit_code == 2
    assert "There is no model 'nothing'" in result.output
