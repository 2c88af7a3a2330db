"""The denoiser's training: what it learns from is true, and it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from onet_core.models.scans.denoiser import Denoiser, DenoiserConfig
from onet_core.models.scans.load import load_denoiser, load_scan_network
from onet_core.pipeline.dense import WEIGHTS
from onet_core.scans.neighbours import Neighbours
from onet_core.scans.normals import plane_normals
from training.learn.scans import noisy
from training.learn.scans.denoiser import begin_as, learn, loss_of
from training.learn.scans.examples import bent
from training.learn.scans.noisy import NoisyScan
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
def scan() -> NoisyScan:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noisy, "_FEWEST_POINTS", 4_000)
        patch.setattr(noisy, "_MOST_POINTS", 5_000)
        patch.setattr(noisy, "_LEAST_NOISE", 0.5)
        patch.setattr(noisy, "_SOLIDS", 0.0)
        patch.setattr(noisy, "_DETAILED", 0.0)
        patch.setattr(noisy, "_ASKED", 500)
        found = noisy.noisy_scan(Spheres(), torch.arange(1), load_scan_network(WEIGHTS), seed=3)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def patches(scan: NoisyScan) -> Patches:
    return patches_of(scan, DenoiserConfig())


def test_scans_are_read_as_they_were_saved(scan: NoisyScan, tmp_path: Path) -> None:
    noisy.save(scan, tmp_path / "scan.npz")
    again = noisy.load(tmp_path / "scan.npz")
    assert again is not None
    np.testing.assert_array_equal(again.rows, scan.rows)
    np.testing.assert_allclose(again.points, scan.points, atol=1e-6)
    noisy.save(None, tmp_path / "none.npz")
    assert noisy.load(tmp_path / "none.npz") is None


def test_true_normals_are_those_of_bent_surfaces() -> None:
    # Of a sphere bent by waves, the normals are at right angles to what neighbours span.
    generator = torch.Generator().manual_seed(1)
    points, normals, _, _ = Spheres().sample_surface(torch.arange(1), 60_000, generator)
    bent_points, bent_normals = bent(points, normals, generator, (20.0, 40.0))
    surface, true = bent_points[0].double().numpy(), bent_normals[0].double().numpy()
    planes = plane_normals(surface, Neighbours(surface), 8)
    assert np.median(np.abs(np.einsum("ni,ni->n", planes, true))) > 0.99
    assert np.abs(surface - 0.4 * normals[0].numpy()).max() > 0.01


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
    network = Denoiser(DenoiserConfig(width=16))
    record = learn(network, patches, patches, tmp_path, steps=120, highest=2e-3, seed=0)
    network = load_denoiser(tmp_path / "denoiser.safetensors")
    assert network.config.width == 16
    assert network.config.asked == DenoiserConfig().asked
    assert record["steps"] == 120
    assert record["log"][-1]["left"] < record["log"][0]["left"]
    parts = loss_of(network, patches, torch.arange(len(patches)))
    assert all(value.isfinite().all() for value in parts.values())


def test_a_wider_network_begins_with_the_answers_of_another(patches: Patches) -> None:
    generator = torch.Generator().manual_seed(2)
    narrow = Denoiser(DenoiserConfig(width=12))
    with torch.no_grad():
        for value in narrow.parameters():
            value.add_(0.1 * torch.randn(value.shape, generator=generator))
    wide = Denoiser(DenoiserConfig(width=20))
    begin_as(wide, narrow)
    features, heights = patches.features[:50].float(), patches.heights[:50].float()
    for ours, theirs in zip(wide(features, heights), narrow(features, heights), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
