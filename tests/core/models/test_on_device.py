"""Neighbours, fits and volumes for graphics cards, beside the search trees and plain sums."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.fx.experimental import _config

from onet_core import devices
from onet_core.models.convolutional import on_device
from onet_core.models.convolutional.neighbours import nearest
from onet_core.models.convolutional.network import (
    ConvolutionalOccupancyNetwork,
    ImagePlanesNetwork,
)
from onet_core.models.convolutional.surroundings import (
    fit_on_device,
    fit_surroundings,
    half_turned_on_device,
)
from onet_core.models.convolutional.volume import PointVolume
from onet_core.models.prepared import prepare

COUNTS = (8, 24)


@pytest.fixture
def clouds() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    balls = torch.nn.functional.normalize(torch.randn((2, 300, 3), generator=generator), dim=-1)
    return balls * torch.tensor([0.5, 0.3, 0.15]) + 0.005 * torch.randn(
        (2, 300, 3), generator=generator
    )


def test_nearest_points_are_those_of_the_trees(clouds: torch.Tensor) -> None:
    queries = torch.rand((2, 150, 3), generator=torch.Generator().manual_seed(1)) - 0.5
    assert torch.equal(on_device.nearest(queries, clouds, 5), nearest(queries, clouds, 5))


def test_eigenvectors_are_numpys() -> None:
    generator = torch.Generator().manual_seed(0)
    some = torch.randn((200, 3, 5), generator=generator)
    matrices = some @ some.mT
    values, vectors = on_device.eigenvectors(matrices)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrices), rtol=1e-3, atol=1e-4)
    again = vectors * values.unsqueeze(-2) @ vectors.mT
    torch.testing.assert_close(again, matrices, atol=1e-4, rtol=1e-4)


def test_positive_matrices_are_solved() -> None:
    generator = torch.Generator().manual_seed(0)
    some = torch.randn((50, 6, 9), generator=generator)
    matrices, x = some @ some.mT + torch.eye(6), torch.randn((50, 6), generator=generator)
    right = (matrices @ x.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(on_device.solve_positive(matrices, right), x, atol=1e-3, rtol=1e-3)


def test_fits_are_those_of_the_trees(clouds: torch.Tensor) -> None:
    described, forms, normals = fit_on_device(clouds, COUNTS)
    for i, cloud in enumerate(clouds.numpy()):
        expected = fit_surroundings(cloud, COUNTS)
        # Normals are of either sign, and the heights over planes and sheets with them.
        sign = np.sign((normals[i].numpy() * expected.normals).sum(-1))
        signs = np.concatenate([sign, sign, np.ones_like(sign)], axis=1)[..., None]
        assert np.quantile(np.abs(described[i].numpy() - expected.described), 0.999) < 1e-4
        assert np.quantile(np.abs(forms[i].numpy() * signs - expected.forms), 0.999) < 1e-4


def test_a_new_volume_says_nothing_and_then_reaches_far(clouds: torch.Tensor) -> None:
    torch.manual_seed(0)
    volume = PointVolume(channels=4, resolution=8, width=8)
    features = torch.randn(2, 300, 4)
    assert not volume(clouds, features).any()
    torch.nn.init.normal_(volume.out.weight)
    changed = features.clone()
    changed[:, clouds[0, :, 0].argmin()] += 10
    difference = (volume(clouds, changed) - volume(clouds, features)).abs().amax((0, 1))
    assert difference[-1].max() > 1e-4


def test_a_volumes_cells_hold_means_and_numbers() -> None:
    volume = PointVolume(channels=1, resolution=4, width=8)
    points = torch.tensor([[[-0.4, 0.1, 0.4], [-0.45, 0.2, 0.3], [0.4, 0.4, 0.4]]])
    cells = volume._gathered(points, torch.tensor([[[1.0], [3.0], [7.0]]]))
    assert cells[0, :, 0, 2, 3].tolist() == pytest.approx([2.0, np.log(3)])
    assert cells[0, :, 3, 3, 3].tolist() == pytest.approx([7.0, np.log(2)])
    assert cells[0, 1].count_nonzero() == 2


def test_a_prepared_field_reads_the_volume_too(clouds: torch.Tensor) -> None:
    torch.manual_seed(0)
    network = ConvolutionalOccupancyNetwork(
        input_kind="points", channels=8, hidden=8, plane_resolution=8, unet_depth=2, unet_width=8,
        neighbours=4, surroundings=COUNTS, volume_resolution=8, volume_width=8,
    ).eval()  # fmt: skip
    assert network.encoder.encoder.volume is not None
    torch.nn.init.normal_(network.encoder.encoder.volume.out.weight)
    points = torch.rand(1, 200, 3) - 0.5
    with torch.no_grad():
        code = network.encode_inputs(clouds[:1])
        expected = network.decode(points, torch.zeros(1, 0), code)[0]
    field = prepare(network, torch.zeros(1, 0), code)
    torch.testing.assert_close(field(points[0]), expected, atol=1e-4, rtol=1e-4)


def test_only_points_have_volumes() -> None:
    with pytest.raises(ValueError, match="volume"):
        ConvolutionalOccupancyNetwork(input_kind="voxels", volume_resolution=16)
    with pytest.raises(ValueError, match="multiple"):
        PointVolume(channels=4, resolution=6, width=8)


def test_half_a_turn_of_what_was_fitted_is_fitted_to_half_a_turn(clouds: torch.Tensor) -> None:
    found = half_turned_on_device(*fit_on_device(clouds, COUNTS))
    turned = clouds * clouds.new_tensor([-1, 1, -1])
    for one, other in zip(found, fit_on_device(turned, COUNTS), strict=True):
        # The numbers that are compared are free of the normals' signs, or large only rarely.
        assert np.quantile((one.abs() - other.abs()).abs(), 0.99) < 1e-4


@pytest.mark.parametrize("kind", ["points", "voxels", "image"])
def test_nothing_of_a_network_stays_on_the_processor(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the device "meta" nothing is computed, but tensors of two devices don't go together."""
    monkeypatch.setattr(devices, "is_card", lambda device: True)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    size = {"channels": 8, "hidden": 16, "plane_resolution": 16}
    local = {"unet_depth": 2, "unet_width": 8, **size}
    network: torch.nn.Module
    if kind == "points":
        network = ConvolutionalOccupancyNetwork(
            input_kind=kind, neighbours=8, surroundings=COUNTS, volume_resolution=8, **local
        )
        seen = torch.empty((1, 300, 3), device="meta")
    elif kind == "voxels":
        network = ConvolutionalOccupancyNetwork(input_kind=kind, patch=5, patch_width=16, **local)
        seen = torch.empty((1, 32, 32, 32), device="meta")
    else:
        network = ImagePlanesNetwork(c_dim=32, plane_width=16, **size)
        seen = torch.empty((1, 3, 64, 64), device="meta")
    network = network.to("meta").eval().requires_grad_(False)
    with _config.patch(meta_nonzero_assume_all_nonzero=True):
        code = network.encode_inputs(seen)
        made = prepare(network, torch.empty((1, 0), device="meta"), code)
        assert made(torch.empty((100, 3), device="meta")).device.type == "meta"
    assert {value.device.type for value in code.values()} == {"meta"}
