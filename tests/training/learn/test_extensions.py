"""The examples of docs/training.md: an encoder, a dataset and a loss of one's own."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from onet_core.errors import ModelError
from onet_core.models.catalogue import read_description
from onet_core.models.weights import load_weights
from training.learn.config import ConfigError, load_config
from training.learn.train import train

PAGE = Path(__file__).parents[3] / "docs" / "training.md"
EXAMPLES = re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
LINES = re.findall(
    r"training\.learn\.train pointcloud/onet ([^`\n]*=my_[^`\n]*)`", PAGE.read_text("utf-8")
)
SMALL = (
    "model.network.c_dim=8",
    "model.network.decoder_kwargs={hidden_size: 8}",
    "data.categories=[things]",
    "data.points=64",
    "data.input_points=50",
    "data.workers=0",
    "training.batch_size=2",
    "training.max_steps=2",
    "training.validate_every=2",
    "training.pictures=0",
    "test.points_iou=100",
)


@pytest.fixture(autouse=True)
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of the page, where Python finds them."""
    for name, source in EXAMPLES:
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)


def trained(root: Path, output: Path, line: str) -> Path:
    small = list(SMALL)
    if "encoder" not in line:
        small += [
            "model.network.encoder=pointnet_simple",
            "model.network.encoder_kwargs={hidden_dim: 8}",
        ]
    places = [f"data.root={root}", f"output.directory={output}"]
    return train(load_config("pointcloud/onet", [*line.split(), *small, *places]))


def test_each_example_has_its_line() -> None:
    assert {name for name, _ in EXAMPLES} == {"my_encoder", "my_dataset", "my_loss"}
    assert all(any(f"={name}." in line for line in LINES) for name, _ in EXAMPLES)


@pytest.mark.parametrize("line", LINES)
def test_the_examples_of_the_page_train(root: Path, tmp_path: Path, line: str) -> None:
    weights = trained(root, tmp_path / "run", line)
    _, described = load_weights(weights)
    configured = described.training["configuration"]
    named = [
        described.network["encoder"],
        configured["data"]["dataset"],
        configured["training"]["loss"],
    ]
    assert line.split("=")[1].split()[0] in named


def test_weights_do_not_decide_what_is_imported(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = next(line for line in LINES if "my_encoder" in line)
    weights = trained(root, tmp_path / "run", line)
    assert read_description(weights).network["encoder"] == "my_encoder.Corners"
    monkeypatch.delitem(sys.modules, "my_encoder")
    with pytest.raises(ModelError, match="ONET_EXTENSIONS=my_encoder"):
        load_weights(weights)
    assert "my_encoder" not in sys.modules
    monkeypatch.setenv("ONET_EXTENSIONS", "other, my_encoder")
    assert type(load_weights(weights)[0].encoder).__name__ == "Corners"


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("data.dataset=my_dataset.Missing", "Missing"),
        ("training.loss=nosuch.loss", "nosuch"),
        ("model.network.encoder=my_encoder.Nothing", "Nothing"),
    ],
)
def test_what_is_not_there_is_one_sentence(override: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load_config("pointcloud/onet", [override])
