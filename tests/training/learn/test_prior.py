"""A generator's prior made anew: torn shapes and those named are left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from onet_core.models.build import build_network
from onet_core.models.catalogue import read_description
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights, save_weights
from training.learn import prior
from training.learn.latents import PLACES, draw_near

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = {"z_dim": 4, "channels": 8, "hidden": 16, "plane_resolution": 8, "plane_width": 32}
    described = ModelDescription(
        "balls", "Balls", "latent_planes", "none", network=network, training={"steps": 3}
    )
    built = build_network(described)
    draw_near(built, torch.eye(4))
    described.network["centres"] = len(built.centres)
    path = tmp_path / "balls.safetensors"
    save_weights(path, built.eval(), described, half=False)
    (tmp_path / "train.lst").write_text("\n".join(NAMES), encoding="utf-8")
    return path


def known_places(path: Path) -> torch.Tensor:
    """What the first layer makes of each known latent."""
    network, described = load_weights(path)
    with torch.no_grad():
        return network.encoder.fc(prior.known_latents(network, described))


def test_torn_and_named_shapes_are_left_out(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([False, True, False, False])
    monkeypatch.setattr(prior, "is_torn", lambda mesh: next(turns))
    before = known_places(weights)
    result = CliRunner().invoke(
        prior.main, [str(weights), "--names", str(tmp_path / "train.lst"), "--without", "d"]
    )
    assert result.exit_code == 0, result.output
    assert "2 of 4 shapes; 1 are torn" in result.output

    description = read_description(weights)
    assert description.network["centres"] == 2 * PLACES
    assert description.training == {"steps": 3, "prior": "2 of 4 shapes", "not drawn": ["d"]}
    # The network is the same: the shapes that stay are where they were.
    torch.testing.assert_close(known_places(weights), before[[0, 2]], rtol=1e-2, atol=1e-2)


def test_an_unknown_name_is_an_error(weights: Path, tmp_path: Path) -> None:
    before = weights.read_bytes()
    result = CliRunner().invoke(
        prior.main, [str(weights), "--names", str(tmp_path / "train.lst"), "--without", "z"]
    )
    assert result.exit_code == 2
    assert "There is no shape z in the list." in result.output
    assert weights.read_bytes() == before
