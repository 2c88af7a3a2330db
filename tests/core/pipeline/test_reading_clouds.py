"""How clouds and pictures are read: thinned, without noise, mirrored, turned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from known_fields import Ball, Skin, ball_observation, lopsided_cloud, with_network
from scipy.spatial import cKDTree
from torch import Tensor, nn

from onet_core.inputs.frame import Frame
from onet_core.inputs.observation import Observation
from onet_core.inputs.point_clouds import prepare_points
from onet_core.models.description import ModelDescription
from onet_core.pipeline.reconstructor import COMPLETED, Reconstructor
from onet_core.settings import Settings


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


def test_copies_of_points_tell_the_global_encoder_nothing(weights):
    network = Reconstructor(weights, "cpu")._network
    points = torch.rand(1, 40, 3)
    with torch.no_grad():
        repeated = network.encode_inputs(torch.cat([points, points, points], dim=1))
        torch.testing.assert_close(repeated, network.encode_inputs(points))


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


class BothWays(Drifting):
    """Says that it turns clouds itself, and keeps what it was shown."""

    reads_both_ways = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def encode_inputs(self, inputs: Tensor) -> Tensor:
        self.seen.append(inputs[0])
        return super().encode_inputs(inputs)


@pytest.mark.parametrize(("most", "readings"), [(2000, 1), (1500, 2)])
def test_a_network_that_turns_clouds_itself_is_asked_about_other_points_only(most, readings):
    directions = np.random.default_rng(0).normal(size=(2000, 3))
    ball = directions / np.linalg.norm(directions, axis=1, keepdims=True) * [0.5, 0.3, 0.2]
    seen = Observation("points", ball.astype(np.float32), Frame.unit("y"))
    network = BothWays()
    reconstructor = with_network(network, "points", local_points=most)
    made = reconstructor.reconstruct(seen, Settings(resolution=64, normals=False))
    middle = (made.mesh.vertices.max(0) + made.mesh.vertices.min(0)) / 2
    np.testing.assert_allclose(middle, [0.1, 0.05, 0.05], atol=0.02)
    assert [len(points) for points in network.seen] == [most] * readings
    for points in network.seen:
        # As they are: each of them is one of the cloud's.
        assert cKDTree(ball).query(points.numpy())[0].max() < 1e-6


def test_a_cloud_of_more_than_a_thousand_points_is_not_mirrored():
    skin = Skin()
    cloud = prepare_points(mirrored_cloud(600), "y")
    made = with_network(skin, "points").reconstruct(cloud, Settings(resolution=24))
    assert not made.is_mirrored
    np.testing.assert_array_equal(skin.seen[0].numpy(), cloud.data)


def lump_with_a_hole(count: int) -> np.ndarray:
    """The skin of a lump that is symmetric to x = 0 alone, without a round piece at its -x."""
    points = mirrored_cloud(count)
    return points[np.linalg.norm(points - points[points[:, 0].argmin()], axis=1) > 0.15]


@pytest.mark.parametrize("count", [2_000, 20_000])
def test_a_hole_is_filled_from_the_other_side_and_told_unless_that_is_not_wanted(count):
    skin = Skin()
    reconstructor = with_network(skin, "points", mirrored_points=0)
    cloud = prepare_points(lump_with_a_hole(count), "y")
    made = reconstructor.reconstruct(cloud, Settings(resolution=24))
    assert COMPLETED in made.notes
    seen = made.frame.to_source(skin.seen[0].numpy())
    whole = mirrored_cloud(count)
    # The piece is there again: nothing of the whole is far from what the network sees.
    assert cKDTree(cloud.frame.to_source(cloud.data)).query(whole)[0].max() > 0.1
    assert cKDTree(seen).query(whole)[0].max() < 0.06
    for chosen in ({"symmetry": False}, {"open_gaps": 4.0}):
        made = reconstructor.reconstruct(cloud, Settings(resolution=24, **chosen))
        assert COMPLETED not in made.notes
        np.testing.assert_array_equal(made.frame.matrix, cloud.frame.matrix)


def test_points_given_many_times_are_read_once():
    """Copies take the places of others and spoil means: a crust instead of a ball."""
    skin = Skin()
    description = ModelDescription(
        "test", "Test", "occupancy_network", "points", threshold=0.5, inputs={"points": 300}
    )
    reconstructor = Reconstructor.of_network(skin, description, "cpu")
    settings = Settings(resolution=24, symmetry=False)
    seen = []
    for copies in (1, 50):
        cloud = prepare_points(np.repeat(lopsided_cloud(200), copies, axis=0), "z")
        reconstructor.reconstruct(cloud, settings)
        seen.append(skin.seen[0].numpy())
    np.testing.assert_array_equal(seen[0], seen[1])
