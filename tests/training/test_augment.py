"""Augmentation must move the input and its labels together."""

from __future__ import annotations

import pytest
import torch

from training.augment import augment, mirror, quarter_turns, stretch, vary_count


def lopsided(points: torch.Tensor) -> torch.Tensor:
    """An occupancy without any symmetry: (B, N, 3) -> (B, N) bool."""
    x, y, z = points.unbind(-1)
    return (x > 0.1) & (y > -0.2) & (z < 0.3) | (z > 0.4)


def batch_of(kind: str, count: int = 8) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
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


def voxel_at(voxels: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    i, j, k = ((points + 0.5) * 32).long().clamp(0, 31).unbind(-1)
    return torch.stack([v[a, b, c] for v, a, b, c in zip(voxels, i, j, k, strict=True)])


@pytest.mark.parametrize("change", [mirror, quarter_turns])
def test_voxels_agree_with_the_labels_afterwards(change) -> None:
    batch = batch_of("voxels")
    agreement = (voxel_at(batch["inputs"], batch["points"]) == batch["occupancies"]).float().mean()
    seen = set()
    for seed in range(8):
        changed = change(batch, "voxels", torch.Generator().manual_seed(seed))
        again = voxel_at(changed["inputs"], changed["points"]) == changed["occupancies"]
        assert again.float().mean() >= agreement - 0.01
        seen.add(tuple(changed["points"][0, 0].tolist()))
    assert len(seen) > 1


@pytest.mark.parametrize("change", [mirror, quarter_turns, stretch])
def test_points_keep_their_place_in_the_shape(change) -> None:
    # A query that coincides with an input point still coincides with it afterwards.
    batch = batch_of("points")
    batch["points"] = batch["inputs"][:, :500].clone()
    changed = change(batch, "points", torch.Generator().manual_seed(3))
    torch.testing.assert_close(changed["points"], changed["inputs"][:, :500])
    assert not torch.allclose(changed["points"], batch["points"])


def test_stretching_keeps_the_longest_edge() -> None:
    batch = batch_of("points")
    changed = stretch(batch, "points", torch.Generator().manual_seed(0))

    def longest(cloud: torch.Tensor) -> torch.Tensor:
        return (cloud.amax(1) - cloud.amin(1)).amax(1)

    torch.testing.assert_close(longest(changed["inputs"]), longest(batch["inputs"]))


def test_mirrored_pictures_are_flipped_and_their_labels_mirrored() -> None:
    batch = batch_of("image", count=16)
    changed = mirror(batch, "image", torch.Generator().manual_seed(0))
    flipped = changed["points"][:, 0, 0] != batch["points"][:, 0, 0]
    assert 0 < flipped.sum() < 16
    torch.testing.assert_close(changed["inputs"][flipped], batch["inputs"][flipped].flip(-1))
    torch.testing.assert_close(changed["inputs"][~flipped], batch["inputs"][~flipped])


def test_count_varies_within_its_bounds() -> None:
    batch = batch_of("points")
    counts = {
        vary_count(batch, "points", torch.Generator().manual_seed(s))["inputs"].shape[1]
        for s in range(30)
    }
    assert len(counts) > 10
    assert min(counts) >= 300
    assert max(counts) <= 600


def test_what_does_not_fit_the_input_is_refused() -> None:
    with pytest.raises(ValueError, match="image"):
        augment(batch_of("image"), "image", ["quarter_turns"])
    with pytest.raises(KeyError):
        augment(batch_of("points"), "points", ["no such thing"])
