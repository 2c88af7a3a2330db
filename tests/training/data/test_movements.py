"""Movements that shapes are put through, for measuring and for learning."""

from __future__ import annotations

import numpy as np
import torch

from training.data.movement.__main__ import followed
from training.data.movement.bends import random_movement, smooth_way
from training.data.movement.bodies import Moving, normalised
from training.learn.movement.__main__ import batch_of, loss_of
from training.learn.movement.network import FlowNetwork


def test_a_way_meets_its_stops() -> None:
    way = smooth_way(np.array([[0.0, 1], [2, 1], [2, 5]]), 5)
    np.testing.assert_allclose(way[[0, 2, 4]], [[0, 1], [2, 1], [2, 5]])
    np.testing.assert_allclose(way[1], [1, 1])


def test_what_lies_together_stays_together() -> None:
    """Movements are smooth in space, and begin where they are asked to."""
    rng = np.random.default_rng(0)
    places = rng.uniform(-0.4, 0.4, (300, 3))
    beside = places + 1e-4 * rng.normal(size=places.shape)
    for seed in range(8):
        moved = random_movement(np.random.default_rng(seed), 5)
        first, other = moved(places), moved(beside)
        assert np.isfinite(first).all()
        stretched = np.linalg.norm(first - other, axis=2) / np.linalg.norm(places - beside, axis=1)
        assert stretched.max() < 25


def test_points_are_followed_on_the_surface() -> None:
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    moving = normalised(np.stack([corners, corners * [2, 1, 1] + [0, 0, 3]]), np.array([[0, 1, 2]]))
    assert isinstance(moving, Moving)
    points = followed(moving, 50, np.random.default_rng(0))
    np.testing.assert_allclose(points[0][:, 2], 0)
    np.testing.assert_allclose(points[1] - points[0], (points[0] + 0.5) * [1, 0, 0] + [0, 0, 3])


def test_the_network_is_asked_and_learns() -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    still = rng.uniform(-0.4, 0.4, (2, 1, 420, 3)).astype(np.float32)
    bank = np.repeat(still, 17, axis=1) + np.linspace(0, 0.3, 17)[None, :, None, None]
    network = FlowNetwork()
    clouds, places, is_first = batch_of(bank.astype(np.float32), rng, 2)
    velocity = places[:, 1] - places[:, 0]
    before, after = network.encode(clouds[0]), network.encode(clouds[1])
    loss = loss_of(network, clouds, places, is_first)
    loss.backward()
    gradients = [one.grad for one in network.moves[0].parameters()]
    assert all(one is not None and one.isfinite().all() for one in gradients)
    assert any(one is not None and one.abs().sum() > 0 for one in gradients)
    found = network(before, after, places[:, 1], velocity, torch.ones(2, 1))
    assert found.shape == velocity.shape
