"""Augmentation must move the input and its labels together, and keep the query points fair."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from training.data.augmentation import (
    AUGMENTATIONS,
    AugmentationError,
    augment,
    check_augmentations,
)
from training.data.augmentation.clouds import mirrored_halves, missing, outliers, vary_count
from training.data.augmentation.maps import Curves, Linear, Waves, fitted, follow
from training.data.augmentation.pictures import background, colour, light, reframe
from training.data.augmentation.shapes import (
    deform,
    fit_cloud,
    mirror,
    quarter_turns,
    stretch,
    tilt,
    turn,
    uneven_stretch,
)
from training.data.augmentation.voxels import voxel_holes, voxel_noise
from training.data.stretching import Stretch
from training.learn.config import ConfigError, load_config

RADII = torch.tensor([0.5, 0.3, 0.2])
MAPS = [stretch, uneven_stretch, turn, tilt, deform, fit_cloud]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lopsided(points: torch.Tensor) -> torch.Tensor:
    """An occupancy without any symmetry: (B, N, 3) -> (B, N) bool."""
    x, y, z = points.unbind(-1)
    return (x > 0.1) & (y > -0.2) & (z < 0.3) | (z > 0.4)


def batch_of(kind: str, count: int = 8) -> dict[str, torch.Tensor]:
    generator = seeded()
    points = torch.rand(count, 500, 3, generator=generator) - 0.5
    if kind == "points":
        inputs = torch.rand(count, 4000, 3, generator=generator) - 0.5
        inputs = torch.stack([cloud[lopsided(cloud)][:600] for cloud in inputs])
    elif kind == "voxels":
        centre = (torch.arange(32) + 0.5) / 32 - 0.5
        grid = torch.stack(torch.meshgrid(centre, centre, centre, indexing="ij"), -1)
        inputs = lopsided(grid[None]).float().expand(count, -1, -1, -1)
    else:
        inputs = torch.rand(count, 3, 20, 20, generator=generator)
    return {"points": points, "occupancies": lopsided(points).float(), "inputs": inputs}


def ellipsoids(count: int = 4, queries: int = 4000, cloud: int = 3000) -> dict[str, torch.Tensor]:
    """Clouds on the surface of an ellipsoid, and query points all over the box of edge 1.1."""
    generator = seeded(1)
    directions = torch.randn(count, cloud, 3, generator=generator)
    points = 1.1 * (torch.rand(count, queries, 3, generator=generator) - 0.5)
    return {
        "inputs": RADII * torch.nn.functional.normalize(directions, dim=-1),
        "points": points,
        "occupancies": ((points / RADII).norm(dim=-1) < 1).float(),
    }


def voxel_at(voxels: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    i, j, k = ((points + 0.5) * 32).long().clamp(0, 31).unbind(-1)
    return torch.stack([v[a, b, c] for v, a, b, c in zip(voxels, i, j, k, strict=True)])


@pytest.mark.parametrize("change", [mirror, quarter_turns])
def test_voxels_agree_with_the_labels_afterwards(change) -> None:
    batch = batch_of("voxels")
    agreement = (voxel_at(batch["inputs"], batch["points"]) == batch["occupancies"]).float().mean()
    seen = set()
    for seed in range(8):
        changed = change(batch, "voxels", seeded(seed))
        again = voxel_at(changed["inputs"], changed["points"]) == changed["occupancies"]
        assert again.float().mean() >= agreement - 0.01
        seen.add(tuple(changed["points"][0, 0].tolist()))
    assert len(seen) > 1


@pytest.mark.parametrize("change", [mirror, quarter_turns, *MAPS])
def test_points_keep_their_place_in_the_shape(change) -> None:
    # A query that coincides with an input point still coincides with it afterwards.
    batch = batch_of("points")
    batch["points"] = batch["inputs"][:, :500].clone()
    batch["occupancies"] = torch.ones(8, 500)
    changed = change(batch, "points", seeded(1))
    assert not torch.allclose(changed["inputs"], batch["inputs"])
    # New points in what the old box did not cover are empty; those that left the box don't count.
    kept = changed["occupancies"] == 1
    if "weights" in changed:
        kept &= changed["weights"] > 0
    assert kept.float().mean() > 0.3
    torch.testing.assert_close(changed["points"][kept], changed["inputs"][:, :500][kept])


@pytest.mark.parametrize("change", [stretch, uneven_stretch, turn, tilt, deform])
def test_the_shape_fills_its_cube_again(change) -> None:
    changed = change(ellipsoids(), "points", seeded(1))["inputs"]
    low, high = changed.amin(1), changed.amax(1)
    torch.testing.assert_close((high - low).amax(1), torch.ones(4), atol=3e-3, rtol=0)
    torch.testing.assert_close((high + low) / 2, torch.zeros(4, 3), atol=3e-3, rtol=0)


def ellipsoid_matrix(cloud: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre (3,) and A (3, 3) with (x - centre)^T A (x - centre) = 1 on a cloud (N, 3)."""
    x, y, z = cloud.double().unbind(-1)
    terms = torch.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z, x, y, z], dim=-1)
    a, b, c, d, e, f, *linear = torch.linalg.lstsq(terms, torch.ones(len(cloud), 1).double())[0][
        :, 0
    ]
    matrix = torch.stack([a, d, e, d, b, f, e, f, c]).reshape(3, 3)
    centre = -torch.linalg.solve(matrix, torch.stack(linear)) / 2
    return centre, matrix / (1 + centre @ matrix @ centre)


@pytest.mark.parametrize("change", [stretch, turn, tilt, fit_cloud])
@pytest.mark.parametrize("seed", [0, 1])
def test_labels_are_those_of_the_ellipsoid_that_the_cloud_lies_on(change, seed: int) -> None:
    changed = change(ellipsoids(), "points", seeded(seed))
    for row in range(4):
        centre, matrix = ellipsoid_matrix(changed["inputs"][row])
        away = changed["points"][row].double() - centre
        level = torch.einsum("ni,ij,nj->n", away, matrix, away)
        counted = (changed["weights"][row] > 0) & ((level - 1).abs() > 1e-3)
        assert counted.float().mean() > 0.25
        assert torch.equal(level[counted] < 1, changed["occupancies"][row][counted] == 1)
        # The weighted share of points inside is the volume of the ellipsoid, by formula.
        volume = 4 / 3 * math.pi / float(torch.linalg.det(matrix)) ** 0.5 / 1.1**3
        shares = changed["weights"][row] * changed["occupancies"][row]
        error = 4 * float(shares.std()) / math.sqrt(len(shares))
        assert float(shares.mean()) == pytest.approx(volume, abs=error)


@pytest.mark.parametrize("change", MAPS)
def test_weighted_query_points_are_even_over_the_new_box(change) -> None:
    """Of a linear function, a square and a corner, the weighted means are those of the box."""
    count = 64
    batch = ellipsoids(count, queries=3000, cloud=400)
    changed = change(batch, "points", seeded(2))
    points, weights = changed["points"], changed["weights"]
    assert points.abs().max() <= 0.55
    corner = (points.sum(-1) > 0.9).float()
    fresh = 1.1 * (torch.rand(200_000, 3, generator=seeded(5)) - 0.5)
    for value, expected in (
        (torch.ones_like(weights), 1.0),
        (points[..., 0], 0.0),
        (points[..., 1] ** 2, 1.1**2 / 12),
        (corner, float((fresh.sum(-1) > 0.9).float().mean())),
    ):
        means = (weights * value).mean(1)
        error = 4 * float(means.std()) / math.sqrt(count) + 1e-4
        assert float(means.mean()) == pytest.approx(expected, abs=error)


def test_earlier_weights_stay() -> None:
    batch = ellipsoids()
    batch["weights"] = torch.full((4, 4000), 0.5)
    identity = Linear(torch.eye(3).expand(4, 3, 3))
    changed = follow(batch, fitted(identity, batch["inputs"]), seeded())
    torch.testing.assert_close(changed["weights"], batch["weights"], atol=1e-4, rtol=0)


def test_deformations_can_be_undone_and_know_their_volume() -> None:
    generator = seeded(4)
    amplitudes = torch.randn(2, 3, 3, generator=generator) * 0.01
    waves = Waves(amplitudes, torch.randn(2, 3, 3, generator=generator), torch.rand(2, 3))
    points = torch.rand(2, 200, 3, generator=generator) - 0.5
    torch.testing.assert_close(waves.inverse(waves.forward(points)), points, atol=1e-5, rtol=0)
    corners = points[:, :, None] + 1e-3 * torch.cat([torch.zeros(1, 3), torch.eye(3)])
    there = waves.forward(corners.double().reshape(2, -1, 3).float()).reshape(2, 200, 4, 3)
    volume = torch.linalg.det((there[:, :, 1:] - there[:, :, :1]) / 1e-3).abs()
    torch.testing.assert_close(volume, waves.volume(points), atol=5e-3, rtol=0)


def test_uneven_stretching_can_be_undone_and_knows_its_volume() -> None:
    rng = np.random.default_rng(0)
    mapped = torch.from_numpy(np.stack([Stretch.drawn(rng).mapped for _ in range(2)]))
    curves = Curves(mapped)
    # Beyond the unit cube too, where the box of the queries ends.
    points = 1.1 * (torch.rand(2, 300, 3, generator=seeded(), dtype=torch.float64) - 0.5)
    there = curves.forward(points)
    for row in range(2):
        for axis in range(3):
            x, y = points[row, :, axis], there[row, :, axis]
            inner = x.abs() <= 0.5
            places = np.linspace(-0.5, 0.5, mapped.shape[2])
            expected = np.interp(x[inner], places, mapped[row, axis])
            np.testing.assert_allclose(y[inner], expected, atol=1e-12)
            assert (torch.diff(y[x.argsort()]) > 0).all()
    torch.testing.assert_close(curves.inverse(there), points, atol=1e-9, rtol=0)
    step = 1e-7
    lengths = (curves.forward(points + step) - curves.forward(points - step)) / (2 * step)
    volume = curves.volume(points)
    crossing = (volume / lengths.prod(-1) - 1).abs() > 1e-6  # from one straight piece to the next
    assert crossing.float().mean() < 0.01


def test_unevenly_stretched_labels_are_carried_and_left_and_right_stay_alike() -> None:
    batch = ellipsoids(8)
    batch["inputs"] = torch.cat([batch["inputs"], batch["points"][:, :1000]], dim=1)
    changed = uneven_stretch(batch, "points", seeded(6), share=1.0)
    moved = changed["inputs"][:, 3000:]
    kept = (changed["weights"][:, :1000] > 0) & (changed["points"][:, :1000] == moved).all(-1)
    assert kept.float().mean() > 0.4
    before, after = batch["occupancies"][:, :1000], changed["occupancies"][:, :1000]
    assert torch.equal(before[kept], after[kept])
    flipped = batch["inputs"] * torch.tensor([-1.0, 1.0, 1.0])
    both = {**batch, "inputs": torch.cat([batch["inputs"], flipped], dim=1)}
    left, right = uneven_stretch(both, "points", seeded(6), share=1.0)["inputs"].chunk(2, 1)
    torch.testing.assert_close(left * torch.tensor([-1.0, 1.0, 1.0]), right, atol=1e-5, rtol=0)
    some = uneven_stretch(batch, "points", seeded(3), share=0.5)["inputs"]
    same = (some - batch["inputs"]).abs().flatten(1).amax(1) < 1e-5
    assert 0 < same.sum() < 8


def test_symmetric_clouds_are_mirrored_halves_and_others_as_they_were() -> None:
    batch = ellipsoids(6, cloud=600)
    lopsided_cloud = batch_of("points", 2)["inputs"][0]
    batch["inputs"][0] = lopsided_cloud
    changed = mirrored_halves(batch, "points", seeded(), share=1.0)["inputs"]
    assert torch.equal(changed[0], lopsided_cloud)
    assert torch.equal(changed[:, :300], batch["inputs"][:, :300])
    for row in range(1, 6):
        here, there = changed[row, :300].double(), changed[row, 300:].double()
        # All pairs are the same way apart, and have their middles in one plane.
        ways = torch.nn.functional.normalize(there - here, dim=-1)
        normal = ways[(there - here).norm(dim=-1).argmax()]
        assert (ways @ normal).abs().min() > 0.99
        assert float(((here + there) / 2 @ normal).std()) < 1e-6
    assert torch.equal(
        mirrored_halves(batch, "points", seeded(), share=0.0)["inputs"], batch["inputs"]
    )


def test_deformed_labels_are_those_of_the_undone_points() -> None:
    batch = ellipsoids()
    # A lattice of input points with known labels takes the place of a second, analytic shape.
    batch["inputs"] = torch.cat([batch["inputs"], batch["points"][:, :1000]], dim=1)
    changed = deform(batch, "points", seeded(6), strength=0.4)
    assert not torch.allclose(changed["inputs"], batch["inputs"], atol=0.01)
    moved = changed["inputs"][:, 3000:]
    kept = (changed["weights"][:, :1000] > 0) & (changed["points"][:, :1000] == moved).all(-1)
    assert kept.float().mean() > 0.4
    before, after = batch["occupancies"][:, :1000], changed["occupancies"][:, :1000]
    assert torch.equal(before[kept], after[kept])


def test_mirrored_pictures_are_flipped_and_their_labels_mirrored() -> None:
    batch = batch_of("image", count=16)
    changed = mirror(batch, "image", seeded())
    flipped = changed["points"][:, 0, 0] != batch["points"][:, 0, 0]
    assert 0 < flipped.sum() < 16
    torch.testing.assert_close(changed["inputs"][flipped], batch["inputs"][flipped].flip(-1))
    torch.testing.assert_close(changed["inputs"][~flipped], batch["inputs"][~flipped])


def test_count_varies_within_its_bounds() -> None:
    batch = batch_of("points")
    for fewest in (100, 300):
        counts = {
            vary_count(batch, "points", seeded(seed), fewest=fewest)["inputs"].shape[1]
            for seed in range(30)
        }
        assert len(counts) > 10
        assert fewest <= min(counts) < 1.3 * fewest
        assert max(counts) <= 600


def test_missing_parts() -> None:
    batch = ellipsoids(count=60, queries=10, cloud=800)
    counts, backs = [], 0
    for seed in range(6):
        changed = missing(batch, "points", seeded(seed), most=0.4)["inputs"]
        counts.append(changed.shape[1])
        for cloud, before in zip(changed, batch["inputs"], strict=True):
            # All kept points are of the cloud, in their old order.
            place = (cloud[:, None] - before).norm(dim=-1).min(1)
            assert float(place.values.max()) == 0
            assert (place.indices.diff() > 0).all()
        if counts[-1] < 640:
            lost = 800 - counts[-1]
            # What is lost is in one piece: the missing points' mean lies far from the middle.
            middles = (batch["inputs"].sum(1) - changed.sum(1)) / lost / RADII
            backs += int((middles.norm(dim=-1) > 0.3).sum())
            assert (middles.norm(dim=-1) > 0.3).float().mean() > 0.9
    assert min(counts) >= 480
    assert len(set(counts)) > 3
    assert backs


def test_outliers_replace_a_share_of_the_points() -> None:
    batch = ellipsoids(count=50, cloud=1000)
    changed = outliers(batch, "points", seeded(), most=0.03)["inputs"]
    shares = (changed != batch["inputs"]).any(-1).float().mean(1)
    assert float(shares.mean()) == pytest.approx(0.015, abs=0.004)
    assert float(shares.max()) < 0.045
    moved = changed[(changed != batch["inputs"]).any(-1)]
    assert 0.5 < float(moved.abs().max()) <= 0.55


def test_voxels_get_holes_and_noise_at_their_surface() -> None:
    batch = batch_of("voxels")
    before = batch["inputs"].clone()
    holes = voxel_holes(batch, "voxels", seeded(1))["inputs"]
    assert (holes <= before).all()
    assert 0 < (before - holes).sum((1, 2, 3)).max() < 2 * 4 / 3 * math.pi * 4**3
    noisy = voxel_noise(batch, "voxels", seeded(1), most=0.2)["inputs"]
    flipped = noisy != before
    assert set(np.unique(noisy)) == {0, 1}
    x, y, z = torch.meshgrid(*(3 * [torch.arange(32)]), indexing="ij")
    deep = (x > 20) & (x < 30) & (y > 13) & (y < 30) & (z > 2) & (z < 22)
    assert not flipped[:, deep].any()
    share = flipped.float().mean()
    assert 0.002 < float(share) < 0.05
    torch.testing.assert_close(batch["inputs"], before)


def picture_batch() -> dict[str, torch.Tensor]:
    """A coloured square, with a white spot in it, before white."""
    pictures = torch.ones(6, 3, 40, 40)
    pictures[:, :, 10:30, 10:30] = torch.tensor([0.7, 0.4, 0.2])[:, None, None]
    pictures[:, :, 18:22, 18:22] = 1
    return {"inputs": pictures, "points": torch.zeros(6, 1, 3), "occupancies": torch.zeros(6, 1)}


def test_light_and_colour_change_the_object_only() -> None:
    batch = picture_batch()
    for change in (light, colour):
        pictures = change(batch, "image", seeded())["inputs"]
        assert (pictures[:, :, :10] == 1).all()
        assert (pictures[:, :, 11, 11] != batch["inputs"][:, :, 11, 11]).any(1).all()
        assert pictures.min() >= 0
        assert pictures.max() <= 1


def test_backgrounds_go_behind_the_object() -> None:
    batch = picture_batch()
    pictures = background(batch, "image", seeded(), share=1)["inputs"]
    torch.testing.assert_close(pictures[:, :, 10:30, 10:30], batch["inputs"][:, :, 10:30, 10:30])
    assert (pictures[:, :, 0, 0] != 1).any()
    torch.testing.assert_close(pictures[:, :, 0, 0], pictures[:, :, 35, 20])
    same = background(batch, "image", seeded(), share=0)["inputs"]
    torch.testing.assert_close(same, batch["inputs"])


def test_reframed_pictures() -> None:
    batch = picture_batch()
    smaller = reframe(batch, "image", seeded(), least=0.5, most=0.5, shift=0)["inputs"]
    solid = (smaller < 0.99).any(1).float().sum((1, 2))
    assert float(solid.mean()) == pytest.approx((20**2 - 4**2) / 4, rel=0.25)
    torch.testing.assert_close(smaller[:, :, 0, 0], torch.ones(6, 3))
    moved = reframe(batch, "image", seeded(1), least=1, most=1, shift=0.1)["inputs"]
    dark = (moved.mean(1) < 0.9).float()
    place = torch.arange(40.0)
    middles = (dark.sum(1) * place).sum(1) / dark.sum((1, 2)) - 19.5
    assert 0.5 < float(middles.abs().max()) < 4.6


def test_what_does_not_fit_is_refused_in_a_sentence() -> None:
    with pytest.raises(AugmentationError, match="image"):
        augment(batch_of("image"), "image", ["quarter_turns"])
    for bad, message in (
        ("no such thing", "no augmentation"),
        ({"missing": {"least": 1}}, "has no setting 'least'"),
        ({"missing": {"most": "all"}}, "must be a number"),
        ({"missing": {}, "turn": {}}, "neither a name"),
        (3, "neither a name"),
    ):
        with pytest.raises(AugmentationError, match=message):
            check_augmentations([bad], "points")
    with pytest.raises(ConfigError, match="stretch"):
        load_config("free/voxels", ["data.augmentations=[stretch]"])
    with pytest.raises(ConfigError, match="input_noise_range"):
        load_config("free/points", ["data.input_noise_range=[0.1, 0]"])
    chosen = "data.augmentations=[turn, {missing: {most: 0.3}}, {vary_count: {fewest: 100}}]"
    config = load_config("free/points", [chosen])
    check_augmentations(config.data.augmentations, "points")
    changed = augment(ellipsoids(), "points", config.data.augmentations)
    assert changed["inputs"].shape[1] < 3000


def test_every_entry_says_what_it_does() -> None:
    for augmentation in AUGMENTATIONS.values():
        assert augmentation.function.__doc__
        assert augmentation.kinds
