"""The convolutional networks: coordinates checked against plain loops, maps against symmetry."""

from __future__ import annotations

import pytest
import torch

from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork, ImagePlanesNetwork
from onet_core.models.convolutional.planes import (
    PLANES,
    CellMaxima,
    cell_index,
    cells_of_planes,
    plane_coordinates,
    sample_features,
    scatter_mean,
)
from onet_core.models.layers import convolved

PADDING = 0.1


def random_points(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, count, 3, generator=generator) - 0.5


@pytest.mark.parametrize("learns", [False, True])
def test_scatter_and_pool_equal_plain_loops(learns: bool) -> None:
    points, resolution = random_points(60), 4
    features = torch.randn(2, 60, 5, generator=torch.Generator().manual_seed(1))
    index = cell_index(plane_coordinates(points, "xz", PADDING), resolution)
    of_all = cells_of_planes(points, resolution, PADDING)
    assert torch.equal(of_all[:, list(PLANES).index("xz")], index)
    mean = scatter_mean(features, index, resolution)
    with torch.set_grad_enabled(learns):
        pooled = CellMaxima(of_all, resolution)(features)
    for b in range(2):
        for n in range(60):
            x, z = ((points[b, n, [0, 2]] / 1.1 + 0.5) * resolution).floor().long().tolist()
            same = [m for m in range(60) if index[b, m] == index[b, n]]
            assert index[b, n] == x + resolution * z
            torch.testing.assert_close(mean[b, :, z, x], features[b, same].mean(0))
            beside = [features[b, cells[b] == cells[b, n]].amax(0) for cells in of_all.unbind(1)]
            torch.testing.assert_close(pooled[b, n], torch.stack(beside).sum(0))


def test_planes_read_back_what_a_linear_function_wrote() -> None:
    # Bilinear interpolation reproduces a linear function away from the border.
    resolution = 16
    centre = ((torch.arange(resolution) + 0.5) / resolution - 0.5) * (1 + PADDING)
    code = {}
    for name in PLANES:
        height, width = torch.meshgrid(centre, centre, indexing="ij")
        code[name] = (2 * width - 3 * height).expand(1, 1, -1, -1)
    points = random_points(200)[:1] * 0.9
    x, y, z = points.unbind(-1)
    expected = (2 * x - 3 * z) + (2 * x - 3 * y) + (2 * y - 3 * z)
    torch.testing.assert_close(sample_features(code, points, PADDING)[..., 0], expected)


def test_grid_reads_back_what_a_linear_function_wrote() -> None:
    centre = (torch.arange(32) + 0.5) / 32 - 0.5
    x, y, z = torch.meshgrid(centre, centre, centre, indexing="ij")
    points = random_points(200)[:1] * 0.9
    expected = points @ torch.tensor([2.0, -3.0, 5.0])
    read = sample_features({"grid": (2 * x - 3 * y + 5 * z)[None, None]}, points, PADDING)
    torch.testing.assert_close(read[..., 0], expected)


def test_voxel_planes_lie_where_point_planes_lie() -> None:
    # One voxel's column must land in the plane's cell that the same place as a point falls into.
    torch.manual_seed(0)
    encoder = ConvolutionalOccupancyNetwork(input_kind="voxels").encoder.encoder
    for module in (encoder.conv_0, encoder.conv_1, *encoder.columns.values()):
        torch.nn.init.ones_(module.weight)
        torch.nn.init.zeros_(module.bias)
    voxels = torch.zeros(1, 32, 32, 32)
    voxels[0, 4, 20, 27] = 1
    place = (torch.tensor([[[4.5, 20.5, 27.5]]]) / 32) - 0.5
    code = encoder(voxels)
    for name in PLANES:
        strongest = int(code[name][0, 0].argmax())
        row, column = divmod(strongest, 64)
        expected = plane_coordinates(place, name, PADDING)[0, 0] * 64 - 0.5
        assert abs(column - expected[0]) <= 1
        assert abs(row - expected[1]) <= 1


@pytest.mark.parametrize("count", [1, 300, 2000])
def test_any_number_of_points_in_any_order(count: int) -> None:
    torch.manual_seed(0)
    network = ConvolutionalOccupancyNetwork(input_kind="points", plane_resolution=32).eval()
    cloud, queries = random_points(count), random_points(50, seed=2)
    empty = torch.zeros(2, 0)
    with torch.no_grad():
        logits = network.decode(queries, empty, network.encode_inputs(cloud))
        shuffled = cloud[:, torch.randperm(count)]
        again = network.decode(queries, empty, network.encode_inputs(shuffled))
    assert logits.shape == (2, 50)
    torch.testing.assert_close(logits, again, atol=1e-5, rtol=1e-4)


def test_objects_of_a_batch_do_not_mix() -> None:
    torch.manual_seed(0)
    network = ConvolutionalOccupancyNetwork(input_kind="points", plane_resolution=32).eval()
    cloud, queries = random_points(200), random_points(50, seed=2)
    with torch.no_grad():
        both = network.decode(queries, torch.zeros(2, 0), network.encode_inputs(cloud))
        alone = network.decode(queries[1:], torch.zeros(1, 0), network.encode_inputs(cloud[1:]))
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=1e-4)


def test_picture_network_gives_planes_of_the_size_asked_for() -> None:
    torch.manual_seed(0)
    network = ImagePlanesNetwork(plane_resolution=32, channels=16, plane_width=64).eval()
    with torch.no_grad():
        code = network.encode_inputs(torch.rand(2, 3, 96, 96))
        logits = network.decode(random_points(10), torch.zeros(2, 0), code)
    assert {name: tuple(plane.shape) for name, plane in code.items()} == dict.fromkeys(
        PLANES, (2, 16, 32, 32)
    )
    assert logits.shape == (2, 10)


def test_impossible_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="points"):
        ConvolutionalOccupancyNetwork(input_kind="image")
    with pytest.raises(ValueError, match="resolution"):
        ImagePlanesNetwork(plane_resolution=20)


def test_convolutions_of_volumes_are_torchs_own() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv3d(2, 5, 3, padding=1)
    values = torch.randn(2, 2, 6, 7, 8)
    expected = layer(values)
    torch.testing.assert_close(convolved(layer, values), expected)
    layer.eval()
    with torch.no_grad():
        torch.testing.assert_close(convolved(layer, values), expected, atol=1e-5, rtol=1e-5)
