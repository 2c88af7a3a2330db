"""New shapes: latents by seed, drawn again where a shape is torn, together or one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from known_fields import Ball, ball_observation, with_network

from onet_core.errors import InputError, ModelError, NoSurfaceError
from onet_core.inputs.frame import Frame
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.parts import count_parts
from onet_core.models.convolutional.network import LatentPlanesNetwork
from onet_core.models.description import ModelDescription
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings


def test_latents_are_samples_of_the_prior_and_make_shapes():
    reconstructor = with_network(Ball(z_dim=8), "none")
    latent = reconstructor.latent(3)
    assert latent.shape == (8,)
    assert latent.dtype == np.float32
    np.testing.assert_array_equal(latent, np.random.default_rng(3).standard_normal(8).astype("f4"))
    by_seed = reconstructor.generate(3, Settings(resolution=32))
    by_latent = reconstructor.generate(latent, Settings(resolution=32))
    np.testing.assert_array_equal(by_seed.mesh.vertices, by_latent.mesh.vertices)
    centre = (by_seed.mesh.vertices.min(0) + by_seed.mesh.vertices.max(0)) / 2
    expected = Frame.unit("z").to_source(0.01 * latent[None, :3])[0]
    np.testing.assert_allclose(centre, expected, atol=2e-3)


def test_samples_made_together_are_those_made_one_by_one():
    reconstructor = with_network(Ball(z_dim=8), "none")
    settings = Settings(resolution=64, faces=1000)
    latents = [3, np.full(8, 0.5), 4]
    reported = []
    together = reconstructor.generate_all(latents, settings, lambda *now: reported.append(now[1]))
    for latent, made in zip(latents, together, strict=True):
        alone = reconstructor.generate(latent, settings)
        np.testing.assert_array_equal(made.mesh.faces, alone.mesh.faces)
        np.testing.assert_allclose(made.mesh.vertices, alone.mesh.vertices, atol=1e-6)
        np.testing.assert_array_equal(made.code, alone.code)
        assert set(made.seconds) == set(alone.seconds)
        assert made.evaluations == pytest.approx(alone.evaluations, rel=0.02)
    assert reported[-1] == 1
    assert reported == sorted(reported)
    assert reconstructor.generate_all([]) == []


def test_a_sample_without_a_surface_does_not_spoil_the_others():
    reconstructor = with_network(Ball(z_dim=8), "none")
    far_away = np.full(8, 200.0)
    empty, made = reconstructor.generate_all([far_away, 3], Settings(resolution=32))
    assert isinstance(empty, NoSurfaceError)
    assert len(made.mesh.faces) > 100
    with pytest.raises(InputError, match="8 finite numbers"):
        reconstructor.generate_all([3, np.zeros(7)])


def test_crumbs_are_counted_by_their_share_of_the_area():
    large, small = trimesh.creation.icosphere(radius=1.0), trimesh.creation.icosphere(radius=0.05)
    small.apply_translation((2, 0, 0))
    both = trimesh.util.concatenate([large, small])
    mesh = Mesh(both.vertices, both.faces)  # the small one has 1/401 of the area
    assert count_parts(mesh) == 1
    assert count_parts(mesh, 1 / 400) == 1
    assert count_parts(mesh, 1 / 402) == 2


class Wilful(Ball):
    """A ball, or two where the latent's first number is positive; none where it is above 2."""

    def decode(self, points, z, code):
        apart = 0.25 * (z[..., None, :1] > 0).float() * points.new_tensor([1.0, 0.0, 0.0])
        ball = torch.minimum((points - apart).norm(dim=-1), (points + apart).norm(dim=-1))
        return self.scale * 80 * (0.2 - ball) - 1e4 * (z[:, :1] > 2).float()


def test_latents_are_drawn_again_until_a_shape_is_whole_where_the_model_asks_for_it():
    settings = Settings(resolution=32, normals=False)
    plain, careful, half = (
        with_network(Wilful(z_dim=8), "none", draws=draws) for draws in (1, 6, 2)
    )
    torn = 0
    for seed in range(40):
        draws = np.random.default_rng(seed).standard_normal((6, 8)).astype("f4")
        np.testing.assert_array_equal(plain.latent(seed), draws[0])
        whole = draws[draws[:, 0] <= 0]
        np.testing.assert_array_equal(careful.latent(seed), whole[0] if len(whole) else draws[0])
        if len(whole):
            assert count_parts(careful.generate(seed, settings).mesh) == 1
        if (draws[:2, 0] > 0).all() and (draws[:2, 0] < 2).all():
            torn += 1
            assert count_parts(half.generate(seed, settings).mesh) == 2
    assert torn > 5


def test_latents_are_drawn_around_the_centres_of_the_prior():
    network = LatentPlanesNetwork(z_dim=6, centres=3, channels=8, hidden=16, plane_resolution=8)
    centres = 100 * torch.eye(3, 6)
    network.centres = centres
    description = ModelDescription("centred", "Centred", "latent_planes", "none")
    reconstructor = Reconstructor.of_network(network.eval(), description, "cpu")
    latents = torch.from_numpy(np.stack([reconstructor.latent(seed) for seed in range(600)]))
    offsets = latents[:, None] - centres
    around = offsets.norm(dim=-1).argmin(dim=1)
    np.testing.assert_allclose(torch.bincount(around) / 600, 1 / 3, atol=0.06)
    residuals = offsets[torch.arange(600), around].numpy()
    np.testing.assert_allclose(np.cov(residuals.T), np.eye(6), atol=0.2)
    np.testing.assert_allclose(residuals.mean(axis=0), 0, atol=0.15)
    np.testing.assert_array_equal(latents[7], reconstructor.latent(7))


class Loose(Ball):
    """Two balls with a bar between them, which is faint where the latent's first number is above 0.

    Then its probability is 0.15, below every threshold here.
    """

    def decode(self, points, z, code):
        x, y, depth = points.unbind(-1)
        ends = points.new_tensor([0.25, 0.0, 0.0])
        ball = torch.minimum((points - ends).norm(dim=-1), (points + ends).norm(dim=-1))
        sharp = torch.sigmoid(80 * (0.2 - ball)).clamp(1e-4, 1 - 1e-4)
        bar = (x.abs() < 0.2) & (torch.hypot(y, depth) < 0.06)
        value = torch.where(z[:, :1] > 0, 0.15, 0.9).expand_as(sharp)
        return torch.logit(torch.where(bar, torch.maximum(sharp, value), sharp)) * self.scale


def test_generated_shapes_are_joined_where_the_model_asks_for_it():
    """One by one, together, and on the way between two; previews and named thresholds are not."""
    settings = Settings(resolution=64, normals=False)
    plain, joining = (
        with_network(Loose(z_dim=8), "none", threshold=0.4, faint_from=least)
        for least in (0.0, 0.1)
    )
    loose, whole = np.ones(8, np.float32), -np.ones(8, np.float32)
    assert count_parts(plain.generate(loose, settings).mesh) == 2
    joined = joining.generate(loose, settings)
    assert count_parts(joined.mesh) == 1
    together = joining.generate_all([loose, whole], settings)
    np.testing.assert_allclose(together[0].mesh.vertices, joined.mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(together[0].mesh.faces, joined.mesh.faces)
    assert [count_parts(made.mesh) for made in together] == [1, 1]
    assert count_parts(joining.decode(loose, settings, interactive=True).mesh) == 2
    alone = plain.generate(loose, replace(settings, remove_islands=1.0)).mesh
    assert count_parts(alone) == 1
    assert len(alone.faces) == pytest.approx(len(plain.generate(loose, settings).mesh.faces) / 2, 2)
    named = replace(settings, threshold=0.4)
    assert count_parts(joining.generate(loose, named).mesh) == 2
    assert count_parts(joining.generate_all([loose], named)[0].mesh) == 2


def test_seeds_are_judged_without_what_joins_their_parts():
    """Else the first draw would always do, however loosely it hangs together."""
    plain, joining = (
        with_network(Loose(z_dim=8), "none", threshold=0.4, draws=4, faint_from=least)
        for least in (0.0, 0.1)
    )
    for seed in range(12):
        draws = np.random.default_rng(seed).standard_normal((4, 8)).astype("f4")
        whole = draws[draws[:, 0] <= 0]
        expected = whole[0] if len(whole) else draws[0]
        np.testing.assert_array_equal(plain.latent(seed), expected)
        np.testing.assert_array_equal(joining.latent(seed), expected)


def test_two_parts_are_better_than_no_surface():
    seed = next(
        seed
        for seed in range(1000)
        if (draws := np.random.default_rng(seed).standard_normal((2, 8)))[0, 0] > 2
        and 0 < draws[1, 0] < 2
    )
    generator = with_network(Wilful(z_dim=8), "none", draws=2)
    assert count_parts(generator.generate(seed, Settings(resolution=32, normals=False)).mesh) == 2


def test_what_generates_nothing_says_so():
    reconstructor = with_network(Ball(), "points")
    for call in (reconstructor.generate, reconstructor.latent):
        with pytest.raises(ModelError, match="does not generate"):
            call(0)
    generator = with_network(Ball(z_dim=8), "none")
    for latent in (np.zeros(7), np.zeros((1, 8)), np.full(8, np.nan)):
        with pytest.raises(InputError, match="8 finite numbers"):
            generator.generate(latent)
    with pytest.raises(InputError, match="negative"):
        generator.generate(-1)
    with pytest.raises(ModelError, match="reads nothing"):
        generator.reconstruct(ball_observation())
