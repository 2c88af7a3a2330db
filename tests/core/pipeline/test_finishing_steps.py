"""What finishing steps do to a mesh, where the model or the user asks for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from known_fields import Ball, ball_observation, with_network

from onet_core.errors import InputError
from onet_core.inputs.point_clouds import prepare_points
from onet_core.settings import Settings


class Bumpy(Ball):
    """A ball whose surface goes up and down from cell to cell."""

    def decode(self, points, z, code):
        bumps = 0.008 * torch.sin(200 * points).prod(-1)
        return self.scale * 20 * (0.4 - points.norm(dim=-1) + bumps)


def test_meshes_are_smoothed_as_the_model_or_the_user_says():
    settings = Settings(resolution=64)
    plain = with_network(Bumpy(), "points").reconstruct(ball_observation(), settings)
    model = with_network(Bumpy(), "points", smoothing=6)

    def roughness(made):
        return np.linalg.norm(made.frame.to_network(made.mesh.vertices), axis=1).std()

    smoothed = model.reconstruct(ball_observation(), settings)
    assert roughness(smoothed) < 0.8 * roughness(plain)
    assert "smooth" in smoothed.seconds
    assert "smooth" not in plain.seconds
    vertices = smoothed.frame.to_network(smoothed.mesh.vertices)
    outwards = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)

    def crookedness(made):
        turned = made.mesh.normals @ made.frame.matrix[:3, :3]
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        return 1 - np.einsum("ij,ij->i", outwards, turned).mean()

    assert crookedness(smoothed) < 0.5 * crookedness(plain)
    asked = replace(settings, smoothing=0)
    as_it_is = model.reconstruct(ball_observation(), asked)
    other = with_network(Bumpy(), "points").reconstruct(ball_observation(), asked)
    np.testing.assert_array_equal(as_it_is.mesh.vertices, other.mesh.vertices)
    more = model.reconstruct(ball_observation(), replace(settings, smoothing=12))
    assert roughness(more) < roughness(smoothed)
    for change in ({}, {"faces": 3000}):
        asked = replace(settings, refinement_steps=20, **change)
        refined = model.reconstruct(ball_observation(), asked)
        other = with_network(Bumpy(), "points").reconstruct(ball_observation(), asked)
        assert roughness(refined) < 0.8 * roughness(other)
    for steps in (-1, 31):
        with pytest.raises(InputError, match="Smooth can"):
            Settings(smoothing=steps)


def points_around_the_ball() -> np.ndarray:
    """20,000 of them, a tenth of the ball's radius outside of it in the network's frame."""
    directions = np.random.default_rng(0).normal(size=(20_000, 3))
    points = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    # Two strays make the box 1.0 large, so that the points' radius is 0.41.
    return np.concatenate([0.41 * points, [[0.5, 0.5, 0.5], [-0.5, -0.5, -0.5]]])


def test_the_surface_follows_the_points_where_the_model_asks_for_it():
    cloud = prepare_points(points_around_the_ball(), "y")
    network = Ball()
    model = with_network(network, "points", snap_within=0.02)
    settings = Settings(resolution=48)

    def radius(made):
        return np.linalg.norm(made.frame.to_network(made.mesh.vertices), axis=1).mean()

    snapped = model.reconstruct(cloud, settings)
    assert radius(snapped) == pytest.approx(0.41, abs=0.001)
    assert "snap" in snapped.seconds
    assert len(network.seen[0]) < 20_000  # all points draw, more than the network reads
    normals = snapped.mesh.normals
    outwards = trimesh.Trimesh(snapped.mesh.vertices, snapped.mesh.faces, process=False)
    assert (np.einsum("ij,ij->i", normals, outwards.vertex_normals) > 0.99).all()
    for change in ({"snap": False}, {"threshold": 0.5}):
        made = model.reconstruct(cloud, replace(settings, **change))
        assert radius(made) == pytest.approx(0.4, abs=0.001), change
        assert "snap" not in made.seconds
    asked = replace(settings, faces=3000, refinement_steps=20)
    refined = model.reconstruct(cloud, asked)
    assert radius(refined) == pytest.approx(0.41, abs=0.001)
    assert radius(model.reconstruct(cloud, replace(asked, snap=False))) < 0.402
    plain = with_network(Ball(), "points").reconstruct(cloud, settings)
    assert radius(plain) == pytest.approx(0.4, abs=0.001)
