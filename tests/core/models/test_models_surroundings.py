"""What is fitted around a point, against sheets, balls, rods and singular values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from torch.nn import functional

from onet_core.models.convolutional.neighbours import (
    REACH,
    UNIT,
    distances_to_forms,
    sides_of,
)
from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork
from onet_core.models.convolutional.surroundings import (
    ACROSS,
    HALF_TURN,
    NUMBERS,
    Fitted,
    Surroundings,
    fit_surroundings,
    half_turned,
)

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
    numbers = fit_surroundings(cloud, COUNTS).described.reshape(len(cloud), len(COUNTS), NUMBERS)
    rows, columns = np.triu_indices(3)
    expected = (normal[rows] * normal[columns]).astype(np.float32)
    np.testing.assert_allclose(
        numbers[..., 6:12], np.broadcast_to(expected, (2000, 3, 6)), atol=1e-5
    )
    np.testing.assert_allclose(numbers[..., 3:6], 0, atol=1e-5)
    np.testing.assert_allclose(numbers[..., [12, 15, 16]], 0, atol=1e-5)


def test_a_cloud_that_is_turned_by_half_is_fitted_once() -> None:
    cloud, _ = inclined_sheet(0.002)
    cloud = cloud.astype(np.float32)
    turned = half_turned(fit_surroundings(cloud, COUNTS))
    again = fit_surroundings(cloud * HALF_TURN, COUNTS)
    signs = np.sign((turned.normals * again.normals).sum(-1))
    np.testing.assert_allclose(turned.described, again.described, atol=1e-4)
    np.testing.assert_allclose(turned.normals, again.normals * signs[..., None], atol=1e-5)
    # Heights over planes and sheets have the normals' signs, squared distances from lines none.
    both = np.concatenate([signs, signs, np.ones_like(signs)], axis=1)
    np.testing.assert_allclose(turned.forms, again.forms * both[..., None], rtol=1e-4, atol=1e-4)

    module = Surroundings(COUNTS, channels=4).eval()
    one, other = torch.from_numpy(cloud)[None], torch.from_numpy(cloud * HALF_TURN)[None]
    module(one)
    assert module(other)[1].equal(torch.from_numpy(turned.forms)[None])
    # Another cloud in between is another cloud.
    module(one * 0.5)
    assert not module(other)[1].equal(torch.from_numpy(turned.forms)[None])


def test_more_points_find_a_noisy_sheet_better() -> None:
    noise = 0.005
    cloud, normal = inclined_sheet(noise)
    inner = np.linalg.norm(cloud, axis=1) < 0.15
    numbers = fit_surroundings(cloud, COUNTS).described.reshape(len(cloud), len(COUNTS), NUMBERS)[
        inner
    ]
    projected = cloud[inner, None] + numbers[..., 3:6] * ACROSS
    left = np.sqrt(((projected @ normal) ** 2).mean(axis=0))
    # A mean of n points has 1/sqrt(n) of the noise; the fitted angle adds to that.
    for count, error in zip(COUNTS, left, strict=True):
        assert noise / np.sqrt(count) * 0.8 < error < noise / np.sqrt(count) * 2.5
    assert left[0] > left[1] > left[2]
    for scatter in (numbers[:, 2, 15], numbers[:, 2, 16]):
        assert np.mean(scatter) * ACROSS == pytest.approx(noise, rel=0.1)


def test_deviations_are_those_of_the_principal_axes() -> None:
    cloud = np.random.default_rng(0).normal(0, 0.02, (300, 3))
    numbers = fit_surroundings(cloud, [16]).described
    index = cKDTree(cloud).query(cloud, k=16)[1]
    for point in range(0, 300, 50):
        near = cloud[index[point]]
        values = np.linalg.svd(near - near.mean(0), compute_uv=False)[::-1] / 4
        np.testing.assert_allclose(numbers[point, 12:15], values / UNIT, rtol=1e-5)
        np.testing.assert_allclose(
            numbers[point, :3], (near.mean(0) - cloud[point]) / UNIT, rtol=1e-5
        )


def directions(rng: np.random.Generator) -> np.ndarray:
    """Points of a ball's surface of radius 1, (1500, 3)."""
    unit = rng.normal(size=(1500, 3))
    return unit / np.linalg.norm(unit, axis=1, keepdims=True)


def seen_by_queries(
    cloud: np.ndarray, fitted: Fitted, queries: np.ndarray, sides: torch.Tensor | None = None
) -> np.ndarray:
    """What queries (T, 3) see of their nearest point: kinds of distance (T, 5, sizes)."""
    chosen = cKDTree(cloud).query(queries)[1]
    offsets = torch.from_numpy(queries - cloud[chosen]).float()
    known = torch.ones(len(queries), len(COUNTS)) if sides is None else sides[chosen]
    seen = distances_to_forms(offsets, torch.from_numpy(fitted.forms)[chosen], known)
    both = seen.numpy().reshape(len(queries), 2, 5, len(COUNTS)) * [[[[0.03]], [[0.006]]]]
    within = np.abs(both[:, 0]) < 0.029
    np.testing.assert_allclose(both[:, 0][within], both[:, 1][within], atol=1e-6)
    return both[:, 0]


def test_queries_see_how_far_they_are_from_a_wall() -> None:
    cloud, normal = inclined_sheet(0.005)
    rng = np.random.default_rng(1)
    queries = cloud[np.linalg.norm(cloud, axis=1) < 0.15][:200] + rng.normal(0, 0.005, (200, 3))
    truth = np.abs(queries @ normal)
    errors = np.abs(seen_by_queries(cloud, fit_surroundings(cloud, COUNTS), queries).T - truth)
    small, wide = errors.mean(axis=-1)[[0, 2], 0]
    # The widest plane knows the true sheet best.
    assert wide < 0.0012 < small


def test_queries_see_how_far_they_are_from_a_ball() -> None:
    rng = np.random.default_rng(0)
    unit = directions(rng)
    cloud = 0.25 * unit + rng.normal(0, 0.002, (1500, 3))
    queries = 0.25 * unit[:300] + rng.normal(0, 0.005, (300, 3))
    truth = np.abs(np.linalg.norm(queries, axis=1) - 0.25)
    errors = np.abs(seen_by_queries(cloud, fit_surroundings(cloud, COUNTS), queries).T - truth)
    of_plane, of_curved = errors.mean(axis=-1)[2, :2]
    assert of_curved < 0.0007
    assert of_plane > 4 * of_curved


def test_queries_see_how_far_they_are_from_the_middle_of_a_rod() -> None:
    rng = np.random.default_rng(0)
    angle, along = rng.uniform(0, 2 * np.pi, 1000), rng.uniform(-0.4, 0.4, 1000)
    rod = np.column_stack([0.01 * np.cos(angle), 0.01 * np.sin(angle), along])
    turn = Rotation.from_euler("xyz", [0.3, 0.5, 0.7])
    queries = rod[np.abs(along) < 0.3][:200] * [2.0, 2.0, 1.0]
    seen = seen_by_queries(
        turn.apply(rod), fit_surroundings(turn.apply(rod), COUNTS), turn.apply(queries)
    )
    assert np.abs(seen[:, 2, 2] - 0.02).mean() < 0.0015


def test_sides_tell_inside_from_outside_whatever_the_normals_sign() -> None:
    rng = np.random.default_rng(0)
    unit = directions(rng)
    cloud = 0.25 * unit
    fitted = fit_surroundings(cloud, COUNTS)
    queries = np.concatenate([0.24 * unit[:100], 0.26 * unit[:100]])
    sides = torch.from_numpy((fitted.normals * unit[:, None]).sum(-1))
    sided = seen_by_queries(cloud, fitted, queries, sides)[:, 3:]
    truth = np.repeat([-0.01, 0.01], 100)
    assert np.abs(sided[:, 1, 2] - truth).max() < 0.002
    assert np.abs(sided[:, 1, 2] - truth).mean() < 0.0005
    signs = rng.choice(np.float32([-1, 1]), fitted.normals.shape[:2])
    both = np.concatenate([signs, signs, np.ones_like(signs)], axis=1)
    turned = fitted._replace(forms=fitted.forms * both[..., None])
    again = seen_by_queries(cloud, turned, queries, sides * torch.from_numpy(signs))[:, 3:]
    np.testing.assert_array_equal(again, sided)


def test_distances_are_exact_under_autocast_too() -> None:
    cloud, _ = inclined_sheet(0.005)
    forms = torch.from_numpy(fit_surroundings(cloud, COUNTS).forms)
    offsets = 0.01 * torch.randn(len(cloud), 3, generator=torch.Generator().manual_seed(0))
    sides = torch.ones(len(cloud), len(COUNTS))
    expected = distances_to_forms(offsets, forms, sides)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(distances_to_forms(offsets, forms, sides), expected)


@pytest.mark.parametrize("count", [1, 2, 5, 200])
def test_any_number_of_points_gives_finite_numbers_within_the_limit(count: int) -> None:
    cloud = np.random.default_rng(0).random((count, 3)) - 0.5
    cloud[-1] = cloud[0]  # A point that is there twice is no trouble either.
    numbers = fit_surroundings(cloud, COUNTS).described
    assert numbers.shape == (count, NUMBERS * 3)
    assert np.isfinite(numbers).all()
    assert np.abs(numbers).max() <= REACH


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
    assert more.decoder.neighbours.fc_to_forms.weight.grad.abs().max() > 0


def test_sides_are_learned_from_labels_alone() -> None:
    """A network that learns one ball finds out where outwards is."""
    torch.manual_seed(0)
    learner = network(surroundings=[16])
    optimiser = torch.optim.Adam(learner.parameters(), 3e-3)
    for _ in range(60):
        cloud = 0.3 * functional.normalize(torch.randn(4, 200, 3), dim=-1)
        queries = cloud[:, :100] * (1 + 0.1 * torch.randn(4, 100, 1))
        outside = (queries.norm(dim=-1) > 0.3).float()
        loss = functional.binary_cross_entropy_with_logits(learner(queries, cloud), 1 - outside)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    code = learner.eval().encode_inputs(cloud)
    agree = (code["cloud_normals"] * functional.normalize(cloud, dim=-1).unsqueeze(2)).sum(-1)
    sides = sides_of(learner.decoder.neighbours.fc_outwards, code) * agree.sign()
    assert sides.mean().abs() > 0.5


def test_impossible_surroundings_are_refused() -> None:
    with pytest.raises(ValueError, match="3 points"):
        network(surroundings=[2])
    with pytest.raises(ValueError, match="surroundings"):
        ConvolutionalOccupancyNetwork(input_kind="voxels", surroundings=[8])
