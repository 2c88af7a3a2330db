"""A weights file that nobody trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """An untrained network with a surface, saved as a weights file."""
    torch.manual_seed(0)
    description = ModelDescription(
        "tiny",
        "Tiny",
        "occupancy_network",
        "points",
        network={"encoder": "pointnet_simple", "decoder": "cbatchnorm", "c_dim": 32},
        threshold=0.5,
        inputs={"points": 300},
    )
    network = build_network(description).eval()
    with torch.no_grad():
        points = torch.rand(1, 2000, 3) - 0.5
        logits = network(points, torch.rand(1, 300, 3) - 0.5)
        network.decoder.fc_out.bias -= logits.median()
    save_weights(tmp_path / "tiny.safetensors", network, description)
    return tmp_path / "tiny.safetensors"
