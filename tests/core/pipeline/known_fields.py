"""Networks whose surface is known: a ball, blocks, the skin of what is observed."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import torch
import trimesh
from torch import nn

from onet_core.inputs.observation import Observation
from onet_core.inputs.point_clouds import prepare_points
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps
from onet_core.pipeline.reconstructor import Reconstructor

SKIN = 0.05


class Skin(nn.Module):
    """A field that is positive within SKIN of the observed points."""

    z_dim = 0

    def encode_inputs(self, inputs):
        self.seen = inputs
        return inputs

    def decode(self, points, z, code):
        return 50 * (SKIN - torch.cdist(points, code).amin(-1))


class Ball(nn.Module):
    """A ball of radius 0.4 whatever is observed; z_dim numbers move it."""

    def __init__(self, z_dim=0):
        super().__init__()
        self.z_dim = z_dim
        self.scale = nn.Parameter(torch.ones(1))

    def encode_inputs(self, inputs):
        self.seen = inputs
        return inputs.new_zeros(len(inputs), 0)

    def decode(self, points, z, code):
        centre = 0.01 * z[:, None, :3] if self.z_dim else 0.0
        return self.scale * 20 * (0.4 - (points - centre).norm(dim=-1))


STEPS = {item.name for item in fields(Steps)}


def described(kind, threshold=0.5, **more) -> ModelDescription:
    """A description; fields of its steps may be given like its own."""
    steps = Steps(**{name: more.pop(name) for name in STEPS & set(more)})
    return ModelDescription(
        "test", "Test", "convolutional", kind, threshold=threshold, steps=steps, **more
    )


def with_network(network, kind, **more) -> Reconstructor:
    return Reconstructor.of_network(network.eval(), described(kind, **more), "cpu")


def lopsided_cloud(count=1500) -> np.ndarray:
    """A torus with a ball beside it: no turn of it is the same, one upright mirror image is."""
    torus = trimesh.creation.torus(1.0, 0.3)
    ball = trimesh.creation.icosphere(radius=0.4)
    ball.apply_translation((1.2, 0.5, 0.7))
    both = trimesh.util.concatenate([torus, ball])
    return np.asarray(trimesh.sample.sample_surface(both, count, seed=0)[0])


def ball_observation(kind="points", count=500, **more) -> Observation:
    points = np.random.default_rng(0).normal(size=(count, 3))
    return prepare_points(points, "y", **more)
