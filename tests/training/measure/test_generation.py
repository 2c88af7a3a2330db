"""Networks that generate: latents, samples as sets, shapes halfway."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from measured_balls import ExactBalls
from tiny_shapes import Sphere, labelled
from torch import Tensor, nn

from onet_core.errors import ModelError
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.pipeline.morphing import between
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings
from training.measure.evaluate import evaluate_network
from training.measure.generation import (
    compare_sets,
    halfway_meshes,
    infer_latent,
    mean_of_sets,
    nearest_clouds,
)
from training.measure.protocol import Protocol


class Parted(nn.Module):
    """Two balls where the latent's first number is above 0.2, else one."""

    z_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        return inputs.new_zeros(len(inputs), 0)

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        apart = 0.25 * (z[:, None, :1] > 0.2) * points.new_tensor([1.0, 0, 0])
        far = torch.minimum((points - apart).norm(dim=-1), (points + apart).norm(dim=-1))
        return self.scale * 80 * (0.2 - far)


def test_shapes_halfway_between_samples_are_counted_where_they_fall_apart() -> None:
    description = ModelDescription("two", "Two", "latent_planes", "none", threshold=0.5)
    reconstructor = Reconstructor.of_network(Parted().eval(), description, "cpu")
    meshes = halfway_meshes(reconstructor, 12, Settings(resolution=32, normals=False), seed=5)
    latents = [np.random.default_rng(5 + index).standard_normal(2) for index in range(13)]
    halves = [between(*pair, 0.5)[0] for pair in itertools.pairwise(latents)]
    parts = [len(trimesh.Trimesh(mesh.vertices, mesh.faces).split()) for mesh in meshes if mesh]
    assert parts == [2 if half > 0.2 else 1 for half in halves]
    assert 2 < sum(part == 2 for part in parts) < 10


def test_a_generative_network_is_measured_on_latents_and_samples(root: Path) -> None:
    description = ModelDescription(
        "vae", "VAE", "occupancy_network", "none",
        network={"decoder": "simple", "c_dim": 0, "z_dim": 8,
                 "decoder_kwargs": {"hidden_size": 16}}, threshold=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    network = build_network(description).eval()
    evaluation = evaluate_network(
        network, description, root, Protocol(samples=1000, resolution=12), device="cpu"
    )
    assert evaluation.shapes == 4
    assert set(evaluation.sets) == {"samples", "training shapes"}
    assert evaluation.sets["training shapes"].coverage > 0.5
    samples = evaluation.sets["samples"]
    assert (samples.size, samples.sets) == (40, 10)
    assert "Coverage" in evaluation.markdown()
    assert "in several parts" in evaluation.markdown()
    halfway = 100 * evaluation.torn_halfway
    assert f"halfway between two samples, {halfway:.0f} %" in evaluation.markdown()
    assert "generation" in evaluation.metrics()
    assert [len(row.pictures) for row in evaluation.sample_rows] == [2] * (
        min(24, samples.size - samples.empty)
    )


def test_the_nearest_cloud_is_found() -> None:
    clouds = [labelled(Sphere(radius), 1, count=500).surface_points for radius in (0.2, 0.3, 0.4)]
    (found,) = nearest_clouds([labelled(Sphere(0.31), 2, count=500).surface_points], clouds)
    assert found[0] == 1
    assert found[1] == pytest.approx(0.025, abs=0.015)


def test_a_latent_without_an_encoder_is_fitted() -> None:
    description = ModelDescription(
        "planes", "Planes", "latent_planes", "none",
        network={"z_dim": 4, "channels": 8, "hidden": 8, "plane_resolution": 8, "plane_width": 16},
        threshold=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    latent = infer_latent(build_network(description).eval(), labelled(Sphere(0.3), count=1000))
    assert latent.shape == (4,)
    assert np.isfinite(latent).all()
    assert np.abs(latent).max() > 0
    with pytest.raises(ModelError, match="latent space"):
        infer_latent(ExactBalls(), labelled(Sphere(0.3)))


def test_sets_of_shapes() -> None:
    clouds = [labelled(Sphere(radius), 1, count=500).surface_points for radius in (0.2, 0.3, 0.4)]
    same = compare_sets(clouds, clouds)
    assert (same.coverage, same.mmd, same.size) == (1.0, 0.0, 3)
    one = compare_sets(clouds[:1], clouds, empty=2)
    assert one.coverage == pytest.approx(1 / 3)
    assert one.mmd == pytest.approx((0.0 + 0.1 + 0.2) / 3, abs=0.01)
    assert (one.size, one.empty) == (3, 2)
    mean = mean_of_sets([same, one, one])
    assert mean.coverage == pytest.approx(5 / 9)
    assert mean.deviation == pytest.approx(np.sqrt(2) * 2 / 9)  # of 1, 1/3, 1/3
    assert mean.mmd == pytest.approx(2 * one.mmd / 3)
    assert (mean.size, mean.empty, mean.sets) == (9, 4, 3)
