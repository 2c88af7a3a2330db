"""The pipeline with networks whose surface is known, and with small untrained ones."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional

from onet_core.devices import choose_device, memory_errors
from onet_core.errors import Cancelled, DeviceError, InputError, ModelError, NoSurfaceError
from onet_core.inputs.frame import UP_AXES, Frame
from onet_core.inputs.observation import Observation
from onet_core.inputs.pictures import prepare_picture
from onet_core.inputs.point_clouds import prepare_points
from onet_core.inputs.voxels import VoxelGrid, prepare_voxels
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import sample_surface
from onet_core.mesh.parts import count_parts
from onet_core.models.build import build_network
from onet_core.models.convolutional.network import LatentPlanesNetwork
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps
from onet_core.models.weights import save_weights
from onet_core.pipeline.loaded import forget_models
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

SKIN = 0.05


class Skin(nn.Module):
    """A field that is positive within SKIN of the observed points."""

    z_dim = 0

    def encode_inputs(self, inputs):
        self.seen = inputs
        return inputs

    def decode(self, points, z, code):
        return 50 * (SKIN - torch.cdist(points, code).amin(-1))


class Blocks(nn.Module):
    """A field that interpolates the observed voxels, half way at their faces."""

    z_dim = 0

    def encode_inputs(self, inputs):
        return inputs

    def decode(self, points, z, code):
        grid = points.flip(-1)[:, None, None] * 2
        value = functional.grid_sample(code[:, None], grid, align_corners=False)
        return 10 * (value[:, 0, 0, 0] - 0.5)


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


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_the_mesh_lies_over_the_cloud_wherever_that_is(up_axis):
    points = lopsided_cloud() * 7.3 + np.array([1000, -200, 35])
    seen = prepare_points(points, up_axis, "cloud")
    settings = Settings(resolution=40, symmetry=False)
    result = with_network(Skin(), "points").reconstruct(seen, settings)
    edge = np.ptp(points, axis=0).max()
    away, _ = cKDTree(points).query(result.mesh.vertices)
    error = np.abs(away / edge - SKIN)
    # The field has creases where two points are equally near; the grid blunts those.
    assert np.quantile(error, 0.99) < 0.005
    assert error.max() < 0.0125
    missed, _ = cKDTree(result.mesh.vertices).query(points)
    assert missed.max() < 1.5 * SKIN * edge
    mesh = trimesh.Trimesh(result.mesh.vertices, result.mesh.faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume > 0
    outwards = (result.mesh.normals * mesh.vertex_normals).sum(1)
    assert np.median(outwards) > 0.9
    np.testing.assert_allclose(np.linalg.norm(result.mesh.normals, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(result.frame.matrix, seen.frame.matrix)


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_the_mesh_lies_over_the_voxels(up_axis):
    cells = np.zeros((16, 9, 12), bool)
    cells[:, :4, :5] = cells[:6, :, :5] = cells[2:5, 2:4] = True
    grid = VoxelGrid(cells, np.array([4.0, -5, 6]), 0.25)
    seen = prepare_voxels(grid, up_axis)
    result = with_network(Blocks(), "voxels").reconstruct(seen, Settings(resolution=64))
    low, high = result.mesh.vertices.min(0), result.mesh.vertices.max(0)
    np.testing.assert_allclose(low, grid.origin, atol=0.03)
    np.testing.assert_allclose(high, grid.origin + np.array(cells.shape) * 0.25, atol=0.03)
    mesh = trimesh.Trimesh(result.mesh.vertices, result.mesh.faces, process=False)
    assert mesh.volume == pytest.approx(cells.sum() * 0.25**3, rel=0.05)
    # Every vertex lies where an occupied and a free cell meet.
    occupied = np.argwhere(cells) * 0.25 + 0.125 + grid.origin
    free = np.argwhere(~np.pad(cells, 1)) * 0.25 - 0.125 + grid.origin
    for centres in (occupied, free):
        away = np.abs(mesh.vertices[:, None] - centres[None]).max(-1).min(1)
        assert away.max() < 0.125 + 0.04


def test_pictures_end_in_the_unit_cube_with_z_up():
    picture = np.full((50, 50, 3), 255, np.uint8)
    picture[10:40, 20:30] = 60
    reconstructor = with_network(Ball(), "image", inputs={"image_size": 64})
    result = reconstructor.reconstruct(prepare_picture(picture, size=224))
    assert tuple(reconstructor._network.seen.shape) == (1, 3, 64, 64)
    radii = np.linalg.norm(result.mesh.vertices, axis=1)
    np.testing.assert_allclose(radii, 0.4, atol=1e-3)
    assert result.frame.up_axis == "z"
    assert result.model == "test"


def ball_observation(kind="points", count=500, **more) -> Observation:
    points = np.random.default_rng(0).normal(size=(count, 3))
    return prepare_points(points, "y", **more)


def test_stages_are_timed_counted_and_reported():
    reports: list[tuple[str, float]] = []
    result = with_network(Ball(), "points").reconstruct(
        ball_observation(),
        Settings(resolution=64, faces=2000, refinement_steps=3),
        lambda stage, fraction: reports.append((stage, fraction)),
    )
    assert set(result.seconds) == {
        *("encode", "network", "mise", "marching cubes", "simplify", "refine", "normals"),
    }
    assert all(seconds >= 0 for seconds in result.seconds.values())
    fractions = [fraction for _, fraction in reports]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert next(stage for stage, _ in reports) == "encode"
    assert {"network", "refine", "normals"} <= {stage for stage, _ in reports}
    faces, vertices = len(result.mesh.faces), len(result.mesh.vertices)
    assert faces == pytest.approx(2000, rel=0.02)
    # What of the coarse grid is always seen, one point a face and step, one a vertex.
    assert result.evaluations > 17**3 + 16**3 + 3 * faces + vertices
    plain = with_network(Ball(), "points").reconstruct(
        ball_observation(), Settings(resolution=30, normals=False)
    )
    assert plain.mesh.normals is None
    assert plain.evaluations == 31**3  # Below 32 the grid is evaluated completely.


@pytest.mark.parametrize("at", ["encode", "network", "refine", "normals"])
def test_progress_can_cancel_any_stage(at):
    def cancel(stage, fraction):
        if stage == at:
            raise Cancelled

    with pytest.raises(Cancelled):
        with_network(Ball(), "points").reconstruct(
            ball_observation(), Settings(resolution=32, faces=500, refinement_steps=2), cancel
        )


def test_large_clouds_are_thinned_by_the_seed_and_small_ones_are_not():
    skin = Skin()
    description = ModelDescription(
        "test", "Test", "occupancy_network", "points", threshold=0.5, inputs={"points": 300}
    )
    reconstructor = Reconstructor.of_network(skin, description, "cpu")
    cloud = prepare_points(lopsided_cloud(), "z")
    seen = []
    for seed in (0, 0, 1):
        reconstructor.reconstruct(cloud, Settings(resolution=24, random_seed=seed, symmetry=False))
        seen.append(skin.seen[0].numpy())
    assert seen[0].shape == (300, 3)
    assert len(np.unique(seen[0], axis=0)) == 300
    assert {tuple(p) for p in seen[0]} <= {tuple(p) for p in cloud.data}
    np.testing.assert_array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])
    few = prepare_points(lopsided_cloud(100), "z")
    reconstructor.reconstruct(few, Settings(resolution=24, symmetry=False))
    np.testing.assert_array_equal(skin.seen[0].numpy(), few.data)


def test_local_networks_take_many_points():
    skin = Skin()
    reconstructor = with_network(skin, "points", inputs={"points": 100}, local_points=400)
    reconstructor.reconstruct(ball_observation(count=350), Settings(resolution=24))
    assert skin.seen.shape == (1, 350, 3)
    reconstructor.reconstruct(ball_observation(count=700), Settings(resolution=24))
    assert skin.seen.shape == (1, 400, 3)


def test_other_kinds_and_empty_fields_are_refused():
    reconstructor = with_network(Ball(), "points")
    grid = prepare_voxels(VoxelGrid.of_array(np.ones((4, 4, 4))), name="grid.npy")
    with pytest.raises(ModelError, match=r"'test' reads a point cloud, but grid\.npy is voxels"):
        reconstructor.reconstruct(grid)
    with pytest.raises(NoSurfaceError, match="threshold"):
        reconstructor.reconstruct(ball_observation(), Settings(resolution=32, threshold=0.999999))
    for settings in (
        {"threshold": 0.0},
        {"threshold": 1.5},
        {"refinement_steps": -1},
        {"resolution": 1},
        {"faces": 2},
    ):
        with pytest.raises(InputError):
            Settings(**settings)


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
    settings = Settings(resolution=64, faces=1000, root_steps=1)
    latents = [3, np.full(8, 0.5), 4]
    told = []
    together = reconstructor.generate_all(latents, settings, lambda *now: told.append(now[1]))
    for latent, made in zip(latents, together, strict=True):
        alone = reconstructor.generate(latent, settings)
        np.testing.assert_array_equal(made.mesh.faces, alone.mesh.faces)
        np.testing.assert_allclose(made.mesh.vertices, alone.mesh.vertices, atol=1e-6)
        np.testing.assert_array_equal(made.code, alone.code)
        assert set(made.seconds) == set(alone.seconds)
        assert made.evaluations == pytest.approx(alone.evaluations, rel=0.02)
    assert told[-1] == 1
    assert told == sorted(told)
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
    for change in ({"smoothing": 0}, {"root_steps": 1}):
        asked = replace(settings, **change)
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
        with pytest.raises(InputError, match="Smoothing"):
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
    for change in ({"snap": False}, {"threshold": 0.5}, {"root_steps": 1}):
        made = model.reconstruct(cloud, replace(settings, **change))
        assert radius(made) == pytest.approx(0.4, abs=0.001), change
        assert "snap" not in made.seconds
    asked = replace(settings, faces=3000, refinement_steps=20)
    refined = model.reconstruct(cloud, asked)
    assert radius(refined) == pytest.approx(0.41, abs=0.001)
    assert radius(model.reconstruct(cloud, replace(asked, snap=False))) < 0.402
    plain = with_network(Ball(), "points").reconstruct(cloud, settings)
    assert radius(plain) == pytest.approx(0.4, abs=0.001)


class BallAndCloud(Ball):
    """A ball whatever is observed, that remembers all that it was shown."""

    def encode_inputs(self, inputs):
        self.shown = [*getattr(self, "shown", []), inputs[0].numpy()]
        return super().encode_inputs(inputs)


def noisy_ball(count, noise=0.02):
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(count, 3))
    points = 0.4 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    points += noise * rng.normal(size=points.shape)
    return Observation("points", points.astype(np.float32), Frame.unit("y"))


def errors_of(points):
    return np.abs(np.linalg.norm(points, axis=1) - 0.4).mean()


def test_a_dense_noisy_cloud_is_read_again_without_its_noise():
    network, settings = BallAndCloud(), Settings(resolution=24, normals=False)
    model = with_network(network, "points", half_turn=True, denoise=True, local_points=2000)
    model.reconstruct(noisy_ball(20_000), settings)
    raw, others, clean, clean_others = network.shown
    assert raw.shape == others.shape == clean.shape == clean_others.shape == (2000, 3)
    turned = others * np.float32([-1, 1, -1])
    assert not {tuple(point) for point in raw} & {tuple(point) for point in turned}
    for before, after in ((raw, clean), (others, clean_others)):
        # Its field is exact; a network's finds more noise, so that more is averaged away.
        assert errors_of(after) < 0.75 * errors_of(before)
        assert np.linalg.norm(after - before, axis=1).max() < 0.08


@pytest.mark.parametrize(
    ("count", "noise", "wanted", "settings"),
    [
        (20_000, 0.02, {}, {}),  # a model that does not ask for it
        (20_000, 0.02, {"denoise": True}, {"denoise": False}),
        (900, 0.02, {"denoise": True}, {}),  # too thin to average anything
        (20_000, 0.0, {"denoise": True}, {}),
    ],
)
def test_what_is_read_once(count, noise, wanted, settings):
    network = BallAndCloud()
    model = with_network(network, "points", **wanted)
    chosen = Settings(resolution=24, normals=False, symmetry=False, **settings)
    model.reconstruct(noisy_ball(count, noise), chosen)
    assert len(network.shown) == 1


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


@pytest.fixture
def weights(tmp_path):
    """An untrained network with a surface, saved as a weights file."""
    torch.manual_seed(0)
    description = ModelDescription(
        "tiny",
        "Tiny",
        "occupancy_network",
        "points",
        network={"encoder": "pointnet_simple", "decoder": "cbatchnorm", "c_dim": 32},
        threshold=0.5,
        inputs={"points": 300},
    )
    network = build_network(description).eval()
    with torch.no_grad():
        points = torch.rand(1, 2000, 3) - 0.5
        logits = network(points, torch.rand(1, 300, 3) - 0.5)
        network.decoder.fc_out.bias -= logits.median()
    save_weights(tmp_path / "tiny.safetensors", network, description)
    return tmp_path / "tiny.safetensors"


def test_weights_are_loaded_once_until_the_file_changes(weights):
    forget_models()
    settings = Settings(resolution=32, faces=400, refinement_steps=2)
    first, second = Reconstructor(weights, "cpu"), Reconstructor(str(weights), "cpu")
    assert first._network is second._network
    one = first.reconstruct(ball_observation(), settings)
    two = second.reconstruct(ball_observation(), settings)
    np.testing.assert_array_equal(one.mesh.vertices, two.mesh.vertices)
    assert all(p.grad is None and not p.requires_grad for p in first._network.parameters())
    os.utime(weights, (1, 1))
    assert Reconstructor(weights, "cpu")._network is not first._network
    forget_models()
    assert Reconstructor(weights, "cpu")._network is not first._network


def test_copies_of_points_tell_the_global_encoder_nothing(weights):
    network = Reconstructor(weights, "cpu")._network
    points = torch.rand(1, 40, 3)
    with torch.no_grad():
        repeated = network.encode_inputs(torch.cat([points, points, points], dim=1))
        torch.testing.assert_close(repeated, network.encode_inputs(points))


def test_models_are_found_by_name_in_folders(weights):
    assert Reconstructor("tiny", "cpu", [weights.parent]).description.title == "Tiny"
    with pytest.raises(ModelError, match="no model 'nothing'"):
        Reconstructor("nothing", "cpu", [weights.parent])
    with pytest.raises(ModelError):
        Reconstructor(weights.with_name("missing.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError):
        Reconstructor(weights)


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device(torch.device("cpu")).type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("gpu", "cuda:99", "", "xpu"):
        with pytest.raises(DeviceError):
            choose_device(name)
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="no GPU"):
            choose_device("cuda")
    if not torch.backends.mps.is_available():
        with pytest.raises(DeviceError, match="Apple"):
            choose_device("mps")


def test_full_memory_is_an_ordinary_error():
    with (
        pytest.raises(DeviceError, match="memory of cpu is full"),
        memory_errors(torch.device("cpu")),
    ):
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(DeviceError, match="'cpu'"), memory_errors(torch.device("cuda")):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="other"), memory_errors(torch.device("cpu")):
        raise RuntimeError("other")


class Unsure(Ball):
    """A ball whose probability is 0.3 in its middle and falls by the distance, to 0 at 0.4."""

    def decode(self, points, z, code):
        probability = (0.3 * (1 - points.norm(dim=-1) / 0.4)).clamp(1e-6, 1 - 1e-6)
        return torch.logit(self.scale * probability)


def test_what_a_network_is_unsure_of_is_drawn_where_it_is_least_unsure():
    settings = Settings(resolution=64, normals=False)
    with pytest.raises(NoSurfaceError, match="whole box for outside"):
        with_network(Unsure(), "points").reconstruct(ball_observation(), settings)
    unsure = with_network(Unsure(), "points", share_of_highest=0.6)
    made = unsure.reconstruct(ball_observation(), settings)
    # At 0.6 of the highest, which is 0.4 of the way out.
    radius = np.abs(made.frame.to_network(made.mesh.vertices)).max()
    assert radius == pytest.approx(0.16, abs=0.01)
    # Who names a threshold gets that one; where the network is sure nothing changes.
    with pytest.raises(NoSurfaceError):
        unsure.reconstruct(ball_observation(), replace(settings, threshold=0.5))
    plain, shared = (
        with_network(Ball(), "points", share_of_highest=share).reconstruct(
            ball_observation(), settings
        )
        for share in (0.0, 0.6)
    )
    np.testing.assert_array_equal(plain.mesh.vertices, shared.mesh.vertices)


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
        sharp = torch.sigmoid(80 * (0.2 - ball)).clamp(1e-4, 1 - 1e-4)
        return torch.logit(torch.where(bar, sharp.clamp_min(self.bar), sharp)) * self.scale


def test_a_surface_is_lowered_where_that_joins_its_parts():
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
    assert joined.evaluations > 2 * torn.evaluations
    for one in (torn, joined, too_high):
        assert sum(one.seconds.values()) > 0
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


@pytest.mark.parametrize("interactive", [False, True])
def test_root_steps_bring_the_mesh_to_the_surface(interactive: bool) -> None:
    made = {}
    for steps in (0, 1):
        settings = Settings(resolution=64, normals=False, threshold=0.5, root_steps=steps)
        ball = with_network(Ball(z_dim=3), "none")
        made[steps] = ball.decode(np.zeros(3), settings, interactive=interactive)
    plain, rooted = made[0], made[1]
    assert rooted.evaluations >= len(rooted.mesh.vertices)
    assert rooted.mesh.vertices.shape == plain.mesh.vertices.shape
    surfaces = [sample_surface(m.mesh, 20_000)[0] for m in made.values()]
    off = [np.abs(np.linalg.norm(points, axis=1) - 0.4).mean() for points in surfaces]
    assert off[1] < 0.4 * off[0]
    with pytest.raises(InputError, match="Exact Surface Steps"):
        Settings(root_steps=-1)


def mirrored_cloud(half: int = 150) -> np.ndarray:
    """The skin of half a lump and its mirror image, at x = 0."""
    points = np.random.default_rng(5).normal(size=(half, 3))
    points *= 0.3 / np.linalg.norm(points, axis=1, keepdims=True)
    points[:, 2] += 0.5 * points[:, 1] ** 2 + np.abs(points[:, 0])
    return np.concatenate([points, points * [-1, 1, 1]])


def test_a_symmetric_cloud_is_completed_by_its_mirror_image_unless_that_is_not_wanted():
    skin = Skin()
    reconstructor = with_network(skin, "points", inputs={"points": 100})
    cloud = prepare_points(mirrored_cloud(), "y")
    made = reconstructor.reconstruct(cloud, Settings(resolution=24))
    seen = skin.seen[0].numpy()
    assert made.is_mirrored
    assert seen.shape == (600, 3)
    np.testing.assert_array_equal(seen[:300], cloud.data)
    np.testing.assert_allclose(seen[300:], cloud.data * [-1, 1, 1], atol=1e-6)
    made = reconstructor.reconstruct(cloud, Settings(resolution=24, symmetry=False))
    assert not made.is_mirrored
    np.testing.assert_array_equal(skin.seen[0].numpy(), cloud.data)


def test_a_dense_or_lopsided_cloud_is_taken_as_it_is():
    skin = Skin()
    reconstructor = with_network(skin, "points")
    lopsided = prepare_points(lopsided_cloud(300), "y")
    assert not reconstructor.reconstruct(lopsided, Settings(resolution=24)).is_mirrored
    np.testing.assert_array_equal(skin.seen[0].numpy(), lopsided.data)
    dense, reader = (
        prepare_points(mirrored_cloud(), "y"),
        with_network(Skin(), "points", local_points=500),
    )
    assert not reader.reconstruct(dense, Settings(resolution=24)).is_mirrored


class LeftAndRight(nn.Module):
    """Reads a picture's left and right brightness; knows the ball's place, but only half trusts it.

    The ball lies on the brighter side; a bias to the right (x > 0) is the network's own error.
    """

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        left, right = inputs[..., :32].mean(), inputs[..., 32:].mean()
        return (0.4 * (right - left) + 0.1).reshape(1, 1)

    def decode(self, points: Tensor, latent: Tensor, code: Tensor) -> Tensor:
        place = torch.stack([code[0, 0], code.new_zeros(()), code.new_zeros(())])
        return 40 * (0.2 - (points - place).norm(dim=-1))


@pytest.mark.parametrize(("mirror", "bias"), [(False, 0.1), (True, 0.0)])
def test_a_picture_and_its_mirror_image_are_asked_where_training_mirrored_pictures(mirror, bias):
    picture = np.zeros((3, 64, 64), np.float32)
    picture[..., 32:] = 0.25
    seen = Observation("image", picture, Frame.unit("y"))
    reconstructor = with_network(LeftAndRight(), "image", inputs={"image_size": 64}, mirror=mirror)
    made = reconstructor.reconstruct(seen, Settings(resolution=64, normals=False))
    middle = (made.mesh.vertices.max(0) + made.mesh.vertices.min(0)) / 2
    np.testing.assert_allclose(middle, [0.1 + bias, 0, 0], atol=0.02)


class Drifting(nn.Module):
    """Finds a cloud's middle, but always 0.1 too far to the right and 0.05 too far back and up."""

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        return inputs.mean(1) + inputs.new_tensor([0.1, 0.05, 0.05])

    def decode(self, points: Tensor, latent: Tensor, code: Tensor) -> Tensor:
        return 40 * (0.2 - (points - code[:, None]).norm(dim=-1))


@pytest.mark.parametrize(("half_turn", "away"), [(False, [0.1, 0.05, 0.05]), (True, [0, 0.05, 0])])
def test_a_cloud_and_the_turned_one_are_asked_where_training_turned_clouds(half_turn, away):
    directions = np.random.default_rng(0).normal(size=(2000, 3))
    ball = directions / np.linalg.norm(directions, axis=1, keepdims=True) * [0.5, 0.3, 0.2]
    seen = Observation("points", ball.astype(np.float32), Frame.unit("y"))
    reconstructor = with_network(Drifting(), "points", inputs={"points": 2000}, half_turn=half_turn)
    made = reconstructor.reconstruct(seen, Settings(resolution=64, normals=False))
    middle = (made.mesh.vertices.max(0) + made.mesh.vertices.min(0)) / 2
    np.testing.assert_allclose(middle, away, atol=0.02)


def test_a_cloud_of_more_than_a_thousand_points_is_not_mirrored():
    skin = Skin()
    cloud = prepare_points(mirrored_cloud(600), "y")
    made = with_network(skin, "points").reconstruct(cloud, Settings(resolution=24))
    assert not made.is_mirrored
    np.testing.assert_array_equal(skin.seen[0].numpy(), cloud.data)
