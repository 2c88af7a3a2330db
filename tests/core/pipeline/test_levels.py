"""At which probability the surface is drawn: unsure networks, faint parts, torn ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
import trimesh
from known_fields import Ball, ball_observation, with_network
from scipy.spatial import cKDTree

from onet_core.mesh.mesh import Mesh
from onet_core.mesh.parts import count_parts
from onet_core.settings import Settings


class Faint(Ball):
    """A ball that is sure, and away from it a ball whose probability is nowhere above 0.25.

    Both fall by the distance from their middles, to half of that at a radius of 0.1.
    """

    def decode(self, points, z, code):
        sure, faint = points.new_tensor([[-0.2, 0.0, 0.0], [0.25, 0.0, 0.0]])
        slope = 0.5 / 0.1
        first = 0.99 * (1 - slope * (points - sure).norm(dim=-1))
        second = 0.25 * (1 - slope * (points - faint).norm(dim=-1))
        probability = torch.maximum(first, second).clamp(1e-4, 1 - 1e-4)
        return torch.logit(probability) * self.scale


def test_faint_parts_are_drawn_at_their_share_of_what_is_highest_around_them():
    settings = Settings(resolution=64)
    plain, faint, too_faint = (
        with_network(Faint(), "points", threshold=0.36, faint_from=least).reconstruct(
            ball_observation(), settings
        )
        for least in (0.0, 0.1, 0.3)
    )
    assert count_parts(plain.mesh) == count_parts(too_faint.mesh) == 1
    assert count_parts(faint.mesh) == 2
    assert faint.evaluations > plain.evaluations
    vertices = faint.frame.to_network(faint.mesh.vertices)
    is_new = vertices[:, 0] > 0.05
    # At 0.7 of the highest, 0.3 of the way out to a radius of 0.2; the grid may miss the tip.
    radius = np.linalg.norm(vertices[is_new] - [0.25, 0, 0], axis=1)
    assert radius.min() > 0.055
    assert radius.max() < 0.085
    # The sure ball is where it was, and so are the normals: outwards.
    before = plain.frame.to_network(plain.mesh.vertices)
    np.testing.assert_allclose(
        np.sort(vertices[~is_new], axis=0), np.sort(before, axis=0), atol=2e-3
    )
    outwards = vertices[is_new] - [0.25, 0, 0]
    turned = faint.mesh.normals[is_new] @ faint.frame.matrix[:3, :3]
    assert (np.einsum("ij,ij->i", outwards, turned) > 0).mean() > 0.99
    # Invented, it would be left out: there is nothing between the two.
    invented = with_network(Faint(z_dim=8), "none", threshold=0.36, faint_from=0.1)
    assert count_parts(invented.generate(0, settings).mesh) == 1
    # Who names a threshold gets that one.
    network = with_network(Faint(), "points", threshold=0.36, faint_from=0.1)
    named = network.reconstruct(ball_observation(), replace(settings, threshold=0.36))
    np.testing.assert_array_equal(named.mesh.vertices, plain.mesh.vertices)


class Torn(Ball):
    """Two balls, and between them a bar whose probability is 0.15; elsewhere it is nearly 0."""

    bar = 0.15

    def decode(self, points, z, code):
        x, y, _ = points.unbind(-1)
        ends = points.new_tensor([0.25, 0.0, 0.0])
        ball = torch.minimum((points - ends).norm(dim=-1), (points + ends).norm(dim=-1))
        bar = (x.abs() < 0.2) & (torch.hypot(y, points[..., 2]) < 0.06)
        sharp = torch.sigmoid(40 * (0.2 - ball)).clamp(1e-4, 1 - 1e-4)
        return torch.logit(torch.where(bar, sharp.clamp_min(self.bar), sharp)) * self.scale


def test_a_surface_is_lower_between_parts_where_that_joins_them():
    settings = Settings(resolution=64, normals=False)
    reports: list[float] = []
    torn, joined, too_high = (
        with_network(Torn(), "points", threshold=0.4, joined_from=least).reconstruct(
            ball_observation(), settings, lambda stage, fraction: reports.append(fraction)
        )
        for least in (0.0, 0.1, 0.2)
    )
    assert count_parts(torn.mesh) == count_parts(too_high.mesh) == 2
    assert count_parts(joined.mesh) == 1
    # It was looked for once more, but nowhere was the network asked again.
    assert torn.evaluations < joined.evaluations < 2 * torn.evaluations
    for one in (torn, joined, too_high):
        assert sum(one.seconds.values()) > 0
    # All but the bar, which a lower threshold would leave too, and its roots stay as they are.
    before, after = (one.frame.to_network(one.mesh.vertices) for one in (torn, joined))
    ends = np.abs(after[:, 0]) > 0.3
    moved, _ = cKDTree(before).query(after[ends])
    assert ends.sum() > 1000
    assert moved.max() < 1e-6
    # Three runs, each of which only goes forward.
    assert sum(after < before for before, after in pairwise(reports)) == 2
    # Who names a threshold gets that one, and what is whole stays as it is.
    network = with_network(Torn(), "points", threshold=0.4, joined_from=0.1)
    named = network.reconstruct(ball_observation(), replace(settings, threshold=0.4))
    np.testing.assert_array_equal(named.mesh.vertices, torn.mesh.vertices)
    plain, free = (
        with_network(Ball(), "points", threshold=0.4, joined_from=least).reconstruct(
            ball_observation(), settings
        )
        for least in (0.0, 0.1)
    )
    np.testing.assert_array_equal(plain.mesh.vertices, free.mesh.vertices)
    assert free.evaluations == plain.evaluations


def test_parts_are_counted_without_crumbs():
    balls = [
        trimesh.creation.icosphere(radius=radius).apply_translation((place, 0, 0))
        for radius, place in ((0.3, 0.0), (0.2, 1.0), (0.01, 2.0))
    ]
    together = trimesh.util.concatenate(balls)
    assert count_parts(Mesh(together.vertices, together.faces.astype(np.int32))) == 2
    assert count_parts(Mesh(balls[0].vertices, balls[0].faces.astype(np.int32))) == 1
    assert count_parts(Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32))) == 0
