"""What is loaded before it is asked for."""

from __future__ import annotations

import pytest
import torch

from onet_core.engine.ahead import RESOLUTION, make_ready
from onet_core.engine.methods import hello
from onet_core.errors import Cancelled
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network that reads points, half of whose box is inside."""
    network = {"encoder": "pointnet_simple", "c_dim": 4}
    description = ModelDescription(
        "cloud", "Cloud", "occupancy_network", "points", network, threshold=0.5
    )
    torch.manual_seed(0)
    made = build_network(description).eval()
    with torch.no_grad():
        points = torch.rand(1, 2000, 3) - 0.5
        logits = made.decode(points, torch.zeros(1, 0), torch.zeros(1, 4))
        made.decoder.fc_out.bias -= logits.median()
    path = tmp_path_factory.mktemp("models") / "cloud.safetensors"
    save_weights(path, made, description)
    return str(path)


def test_a_tiny_shape_is_made_of_the_kind_that_is_named(model: str) -> None:
    stages: list[str] = []
    asked = {"model": model, "device": "cpu"}

    def report(stage: str, fraction: float) -> None:
        stages.append(stage)

    assert make_ready("points", asked, report)
    assert {"load", "network"} <= set(stages)
    assert RESOLUTION <= 64
    # What can't be made is said when it is asked for, not now.
    assert not make_ready("voxels", asked, report)
    assert not make_ready("none", asked, report)
    assert not make_ready("points", {**asked, "model": model + "?"}, report)


def test_hello_makes_ready_only_where_that_is_wanted(model: str) -> None:
    asked = {"model": model, "device": "cpu"}
    assert "is_ready" not in hello(asked, {}, lambda *_: None)[0]
    assert hello({**asked, "ahead": "points"}, {}, lambda *_: None)[0]["is_ready"] is True


def test_it_can_be_cancelled(model: str) -> None:
    def report(stage: str, fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        make_ready("points", {"model": model, "device": "cpu"}, report)
