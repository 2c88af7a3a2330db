"""What the points around a point tell, against planes and singular values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from onet_core.models.convolutional.neighbours import REACH, UNIT, distances_to_planes
from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork
from onet_core.models.convolutional.surroundings import ACROSS, NUMBERS, fit_planes

COUNTS = (8, 24, 64)


def inclined_sheet(noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A noisy square of edge 0.5, at some angle, (2000, 3), and its normal (3,)."""
    rng = np.random.default_rng(seed)
    flat = np.column_stack([rng.random((2000, 2)) - 0.5, np.zeros(2000)]) * 0.5
    flat[:, 2] = rng.normal(0, noise, 2000)
    turn = Rotation.from_euler("xyz", [0.3, 0.5, 0.7])
    return turn.apply(flat), turn.apply([0.0, 0.0, 1.0])


def test_a_plane_is_found_as_it_is() -> None:
    cloud, normal = inclined_sheet(0.0)
    told = fit_planes(cloud, COUNTS)[0].reshape(len(cloud), len(COUNTS), NUMBERS)
    rows, columns = np.triu_indices(3)
    expected = (normal[rows] * normal[columns]).astype(np.float32)
    np.testing.assert_allclose(told[..., 6:12], np.broadcast_to(expected, (2000, 3, 6)), atol=1e-5)
    np.testing.assert_allclose(told[..., 3:6], 0, atol=1e-5)
    np.testing.assert_allclose(told[..., [12, 15]], 0, atol=1e-5)


def test_more_points_find_a_noisy_sheet_better() -> None:
    noise = 0.005
    cloud, normal = inclined_sheet(noise)
    inner = np.linalg.norm(cloud, axis=1) < 0.15
    told = fit_planes(cloud, COUNTS)[0].reshape(len(cloud), len(COUNTS), NUMBERS)[inner]
    projected = cloud[inner, None] + told[..., 3:6] * ACROSS
    left = np.sqrt(((projected @ normal) ** 2).mean(axis=0))
    # A mean of n points has 1/sqrt(n) of the noise; the fitted angle adds to that.
    for count, error in zip(COUNTS, left, strict=True):
        assert noise / np.sqrt(count) * 0.8 < error < noise / np.sqrt(count) * 2.5
    assert left[0] > left[1] > left[2]
    scatter = told[:, 2, 15] * ACROSS
    assert np.mean(scatter) == pytest.approx(noise, rel=0.1)


def test_deviations_are_those_of_the_principal_axes() -> None:
    cloud = np.random.default_rng(0).normal(0, 0.02, (300, 3))
    told = fit_planes(cloud, [16])[0]
    index = cKDTree(cloud).query(cloud, k=16)[1]
    for point in range(0, 300, 50):
        near = cloud[index[point]]
        values = np.linalg.svd(near - near.mean(0), compute_uv=False)[::-1] / 4
        np.testing.assert_allclose(told[point, 12:15], values / UNIT, rtol=1e-5)
        np.testing.assert_allclose(told[point, :3], (near.mean(0) - cloud[point]) / UNIT, rtol=1e-5)


def test_queries_see_how_far_they_are_from_the_planes() -> None:
    cloud, normal = inclined_sheet(0.005)
    cloud = cloud[np.linalg.norm(cloud, axis=1) < 0.2]
    planes = torch.from_numpy(fit_planes(cloud, COUNTS)[1])
    rng = np.random.default_rng(1)
    chosen = rng.integers(len(cloud), size=100)
    queries = cloud[chosen] + rng.normal(0, 0.01, (100, 3))
    offsets = torch.from_numpy(queries - cloud[chosen]).float()
    seen = distances_to_planes(offsets, planes[chosen])
    assert seen.shape == (100, 6)
    truth = np.abs(queries @ normal)
    # The widest fit knows the true sheet best; both units tell the same.
    near = truth < 0.02
    error = np.abs(seen[:, 5].numpy() * 0.006 - truth)[near].mean()
    assert error < np.abs(seen[:, 3].numpy() * 0.006 - truth)[near].mean()
    assert error < 0.0012
    np.testing.assert_allclose(seen[near, 2] * 0.03, seen[near, 5] * 0.006, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5, 200])
def test_any_number_of_points_gives_finite_numbers_within_the_limit(count: int) -> None:
    cloud = np.random.default_rng(0).random((count, 3)) - 0.5
    cloud[-1] = cloud[0]  # A point that is there twice is no trouble either.
    told = fit_planes(cloud, COUNTS)[0]
    assert told.shape == (count, NUMBERS * 3)
    assert np.isfinite(told).all()
    assert np.abs(told).max() <= REACH


def network(**options: object) -> ConvolutionalOccupancyNetwork:
    torch.manual_seed(0)
    return ConvolutionalOccupancyNetwork(
        input_kind="points", plane_resolution=16, unet_depth=2, neighbours=8, **options
    )


def test_a_trained_network_takes_them_in_without_a_change_and_learns_from_them() -> None:
    generator = torch.Generator().manual_seed(1)
    cloud = torch.rand(2, 100, 3, generator=generator) - 0.5
    queries = torch.rand(2, 30, 3, generator=generator) - 0.5
    plain, more = network(), network(surroundings=COUNTS)
    more.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(more(queries, cloud), plain(queries, cloud))
    more(queries, cloud).sum().backward()
    added = more.encoder.encoder.surroundings
    assert added.fc_1.weight.grad.abs().max() > 0
    assert more.decoder.neighbours.fc_to_planes.weight.grad.abs().max() > 0


def test_impossible_surroundings_are_refused() -> None:
    with pytest.raises(ValueError, match="3 points"):
        network(surroundings=[2])
    with pytest.raises(ValueError, match="surroundings"):
        ConvolutionalOccupancyNetwork(input_kind="voxels", surroundings=[8])
