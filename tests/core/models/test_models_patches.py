"""What queries see of the voxels around them, against SciPy's interpolation and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from onet_core.models.convolutional import patches
from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork
from onet_core.models.convolutional.patches import PatchFeatures, around, periodic


def some_voxels(batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(batch, 32, 32, 32, generator=generator) > 0.7).float()


def some_points(count: int, edge: float = 1.1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(2, count, 3, generator=generator) - 0.5) * edge


@pytest.mark.parametrize("edge", [0.9, 1.1, 2.0])
def test_patches_agree_with_another_interpolation(edge: float) -> None:
    """Also around points outside of the cube, where all voxels are empty."""
    voxels, points, size = some_voxels(), some_points(40, edge), 5
    seen, place = around(points, voxels, size)
    steps = np.arange(size) - size // 2
    lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    for b in range(2):
        centre = (points[b].numpy().astype(np.float64) + 0.5) * 32 - 0.5
        at = (centre[:, None] + lattice).reshape(-1, 3).T
        # 30 empty voxels around: far enough for every lattice.
        expected = map_coordinates(np.pad(voxels[b].numpy(), 30), at + 30, order=1)
        np.testing.assert_allclose(seen[b], expected.reshape(40, -1), atol=1e-5)
    assert ((place >= 0) & (place <= 1)).all()


def test_places_repeat_from_voxel_to_voxel() -> None:
    places = torch.rand(10, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    torch.testing.assert_close(periodic(places), periodic(places + 1))
    values = periodic(places)
    assert values.shape == (10, 24)
    torch.testing.assert_close(values[:, 0], (2 * torch.pi * places[:, 0]).sin())
    torch.testing.assert_close(values[:, 23], (16 * torch.pi * places[:, 2]).cos())


def test_the_field_is_continuous_across_voxels() -> None:
    torch.manual_seed(0)
    module = PatchFeatures(channels=4, hidden=16, size=3).double()
    voxels = some_voxels().double()
    step = torch.tensor([1e-9, 0, 0], dtype=torch.float64)
    # Centres of voxels: there `around` passes from one patch to the next.
    points = (
        torch.randint(0, 31, (2, 30, 3), generator=torch.Generator().manual_seed(3)) + 0.5
    ) / 32
    points = points.double() - 0.5
    seen = torch.zeros(2, 30, 4, dtype=torch.float64)
    before, after = (module(points + sign * step, voxels, seen) for sign in (-1, 1))
    torch.testing.assert_close(before, after, atol=1e-5, rtol=0)


def test_a_moved_object_gives_a_moved_field() -> None:
    torch.manual_seed(0)
    module = PatchFeatures(channels=4, hidden=16, size=5)
    voxels, points = some_voxels(), some_points(50, 0.5)
    seen = torch.zeros(2, 50, 4)
    moved = module(points + torch.tensor([3 / 32, 0, 0]), voxels.roll(3, dims=1), seen)
    torch.testing.assert_close(moved, module(points, voxels, seen), atol=1e-4, rtol=1e-3)


def test_many_queries_read_each_voxel_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same features and gradients as by a patch for each query, of fewer rows."""
    torch.manual_seed(0)
    module = PatchFeatures(channels=4, hidden=16, size=5)
    voxels = torch.zeros(2, 32, 32, 32)
    voxels[0, 10:14, 8:20, 10:20] = 1
    voxels[1, 20:22, 20:22, 20:22] = 1
    points = some_points(3000, 0.3).requires_grad_()
    seen = torch.zeros(2, 3000, 4)
    rows = []
    module.fc_patch.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[:-1]))
    found = []
    for least in (10**6, 1):
        monkeypatch.setattr(patches, "_MANY", least)
        made = module(points, voxels, seen)
        given = (points, module.fc_patch.weight, module.fc_patch.bias, module.fc_out.weight)
        found.append((made, *torch.autograd.grad(made.square().sum(), given)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert rows[0].numel() == 6000
    assert rows[1].numel() < 5000
    # Few queries read more voxels than they are.
    few = module(points[:, :5], voxels, seen[:, :5])
    torch.testing.assert_close(few, found[0][0][:, :5], atol=1e-5, rtol=1e-4)
    assert rows[2].numel() == 10


def test_impossible_patches_are_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        PatchFeatures(channels=4, hidden=8, size=4)
    with pytest.raises(ValueError, match="voxels"):
        ConvolutionalOccupancyNetwork(input_kind="points", patch=3)
