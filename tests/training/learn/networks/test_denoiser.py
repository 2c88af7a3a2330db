"""The denoiser's training: what it learns from is true, and it learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from onet_core.models.scans.load import load_denoiser, load_scan_network
from onet_core.pipeline.dense import WEIGHTS
from training.learn.scans import patches as making
from training.learn.scans.denoiser import learn, loss_of
from training.learn.scans.patches import Patches, load, patches_of, save


class Spheres:
    """Stands for a bank: every shape is a sphere with a radius of 0.4."""

    def sample_surface(
        self, ids: Tensor, n: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        normals = torch.randn(len(ids), n, 3, generator=generator)
        normals = normals / normals.norm(dim=-1, keepdim=True)
        return 0.4 * normals, normals, normals, torch.zeros(len(ids), n, dtype=torch.bool)


@pytest.fixture(scope="module")
def patches() -> Patches:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "_TRUE_POINTS", 30_000)
        patch.setattr(making, "_FEWEST_POINTS", 4_000)
        patch.setattr(making, "_MOST_POINTS", 5_000)
        patch.setattr(making, "_LEAST_NOISE", 0.5)
        patch.setattr(making, "_SOLIDS", 0.0)
        found = patches_of(Spheres(), torch.arange(1), load_scan_network(WEIGHTS), 500, seed=3)
    assert found is not None
    return found


def test_quadrics_are_nearer_to_the_true_surface_than_noisy_points(patches: Patches) -> None:
    assert 300 < len(patches) <= 500
    assert 0.5 < patches.away.abs().mean() < 2.5
    assert patches.fitted.abs().mean() < 0.7 * patches.away.abs().mean()
    assert patches.normals[:, 2].abs().median() > 0.95


def test_files_hold_what_was_saved(patches: Patches, tmp_path: Path) -> None:
    save(patches, tmp_path / "one.npz")
    twice = load([tmp_path / "one.npz"] * 2)
    assert len(twice) == 2 * len(patches)
    torch.testing.assert_close(twice.features[len(patches) :], patches.features)


def test_it_learns_and_its_weights_are_read(patches: Patches, tmp_path: Path) -> None:
    torch.manual_seed(0)
    record = learn(patches, patches, tmp_path, seconds=3, width=16, seed=0)
    network = load_denoiser(tmp_path / "denoiser.safetensors")
    assert network.config.width == 16
    assert record["steps"] > 10
    assert record["log"][-1]["left"] < record["log"][0]["left"]
    parts = loss_of(network, patches, torch.arange(len(patches)))
    assert all(value.isfinite().all() for value in parts.values())
