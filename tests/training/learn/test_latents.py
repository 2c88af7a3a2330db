"""Generative training with a posterior per shape, on balls of two sizes."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from onet_core.models.convolutional.network import LatentPlanesNetwork
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights
from training.learn.initial import begin_from
from training.learn.latents import (
    FARTHEST,
    NEIGHBOURS,
    PLACES,
    WIDTH,
    ShapeLatents,
    fit_latent,
    set_prior,
)


def tiny_network() -> LatentPlanesNetwork:
    torch.manual_seed(0)
    return LatentPlanesNetwork(z_dim=4, channels=8, hidden=16, plane_resolution=8, plane_width=32)


def test_divergence_is_that_of_normal_distributions() -> None:
    latents = ShapeLatents(5, 3)
    index = torch.tensor([1, 4])
    _, divergence = latents(index)
    posterior = Normal(latents.means[index], latents.log_deviations[index].exp())
    expected = kl_divergence(posterior, Normal(torch.zeros(2, 3), torch.ones(2, 3))).sum(-1)
    torch.testing.assert_close(divergence, expected)


def test_the_prior_lies_around_the_shapes_latents_and_between_neighbours() -> None:
    network, latents = tiny_network(), ShapeLatents(50, 4)
    with torch.no_grad():
        latents.means += torch.tensor([1.0, -2.0, 0.5, 3.0])
        latents.means[:, 0] += 0.8 * latents.means[:, 1]
        latents.log_deviations.fill_(-9.0)
    layer = copy.deepcopy(network.encoder.fc)
    set_prior(network, latents)
    assert network.centres is not None
    assert network.centres.shape == (50 * PLACES, 4)

    # Every PLACES-th centre gives what the latent gave; the others lie on ways to neighbours.
    own = network.centres[::PLACES]
    torch.testing.assert_close(network.encoder.fc(own), layer(latents.means), rtol=1e-3, atol=1e-3)
    distance = torch.cdist(own, own).fill_diagonal_(math.inf)
    reach = distance.sort(dim=1).values[:, NEIGHBOURS - 1]
    gone = (network.centres.view(50, PLACES, 4) - own[:, None]).norm(dim=-1)
    assert (gone <= FARTHEST * reach[:, None] + 1e-4).all()
    assert (gone[:, 1:] > 0).all()
    # Beside the distances of all of them, the samples' own deviation of 1 is small.
    torch.testing.assert_close(
        own.square().mean().sqrt(), torch.tensor(1 / WIDTH), rtol=0.02, atol=0
    )


def test_one_shape_has_no_neighbours() -> None:
    network, latents = tiny_network(), ShapeLatents(1, 4)
    set_prior(network, latents)
    assert network.centres is not None
    assert torch.equal(network.centres, torch.zeros(PLACES, 4))
    assert network.encoder.fc.weight.isfinite().all()


def test_two_balls_are_told_apart_and_found_again() -> None:
    network, latents = tiny_network(), ShapeLatents(2, 4)
    points = torch.rand(2, 1500, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    balls = points.norm(dim=-1) < torch.tensor([[0.25], [0.42]])
    optimiser = torch.optim.Adam([*network.parameters(), *latents.parameters()], 5e-3)
    for _ in range(150):
        z, divergence = latents(torch.arange(2))
        logits = network.decode(points, z, network.encode_inputs(z))
        entropy = functional.binary_cross_entropy_with_logits(logits, balls.float())
        loss = entropy + divergence.mean() / 1500
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for query, inside in zip(points, balls, strict=True):
        found = fit_latent(network, query.numpy(), inside.numpy(), steps=60)
        z = torch.from_numpy(found)[None]
        with torch.no_grad():
            logits = network.decode(query[None], z, network.encode_inputs(z))[0]
        # The other ball's latent would be wrong for a fifth of the points.
        assert (logits > 0).eq(inside).float().mean() > 0.94
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_symmetric_network_stays_symmetric_while_it_learns() -> None:
    torch.manual_seed(0)
    network = LatentPlanesNetwork(
        z_dim=4, channels=8, hidden=16, plane_resolution=8, plane_width=32, symmetric=True
    )
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    z, points = torch.randn(2, 4), torch.rand(2, 200, 3) - 0.5
    for _ in range(3):
        optimiser.zero_grad()
        logits = network.decode(points, z, network.encode_inputs(z))
        one_sided = (points[..., 0] > 0.1).float()
        functional.binary_cross_entropy_with_logits(logits, one_sided).backward()
        optimiser.step()

    with torch.no_grad():
        code = network.encode_inputs(z)
        logits = network.decode(points, z, code)
        mirrored = network.decode(points * torch.tensor([-1.0, 1.0, 1.0]), z, code)
        other_way = network.decode(points * torch.tensor([1.0, -1.0, 1.0]), z, code)
    torch.testing.assert_close(mirrored, logits, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(other_way, logits, rtol=0.1)


def test_shapes_are_found_wherever_the_prior_puts_them() -> None:
    """The same network in other coordinates finds the same shape."""
    network, latents = tiny_network(), ShapeLatents(50, 4)
    with torch.no_grad():
        latents.log_deviations.fill_(-9.0)
    points = np.random.default_rng(0).random((1500, 3), dtype=np.float32) - 0.5
    inside = np.linalg.norm(points, axis=1) < 0.3
    far = copy.deepcopy(network)
    set_prior(far, latents)
    assert far.centres is not None
    # Only its coordinates: the mean is about zero, and the scale is made that of the other.
    deviation = float((1 + far.centres.square().mean()).sqrt())
    network.encoder.fc.weight.data = far.encoder.fc.weight.data * deviation
    network.encoder.fc.bias.data = far.encoder.fc.bias.data
    near, there = (fit_latent(one, points, inside, steps=40) for one in (network, far))
    np.testing.assert_allclose(there, near * deviation, rtol=1e-2, atol=1e-2)


def test_another_class_begins_with_latents_of_deviation_one(tmp_path: Path) -> None:
    """Its prior is that of other shapes; what it makes of a latent's direction is kept."""
    network, other = tiny_network(), tiny_network()
    with torch.no_grad():
        latents = ShapeLatents(50, 4)
        latents.log_deviations.fill_(-9.0)
    set_prior(network, latents)
    assert network.centres is not None
    shaped = {"z_dim": 4, "channels": 8, "hidden": 16, "plane_resolution": 8, "plane_width": 32}
    shaped["centres"] = len(network.centres)
    described = ModelDescription("a", "A", "latent_planes", "none", shaped)
    save_weights(tmp_path / "a.safetensors", network, described)
    assert "centres" in begin_from(other, tmp_path / "a.safetensors")
    assert other.centres is None
    deviation = float(network.centres.square().mean().sqrt())
    assert deviation > 2
    z = torch.randn(3, 4)
    torch.testing.assert_close(other.encoder.fc(z), network.encoder.fc(deviation * z))


@pytest.mark.parametrize("kind", ["points", "index"])
def test_only_nothing_is_read(kind: str) -> None:
    with pytest.raises(ValueError, match="none"):
        LatentPlanesNetwork(input_kind=kind)


def test_the_same_seed_finds_the_same_latent() -> None:
    network = tiny_network()
    points = np.random.default_rng(0).random((500, 3), dtype=np.float32) - 0.5
    inside = np.linalg.norm(points, axis=1) < 0.3
    first, second = (fit_latent(network, points, inside, steps=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
