"""Attention to the nearest input points, against plain loops and torch's own distances."""

from __future__ import annotations

from operator import mul

import pytest
import torch

from onet_core.models.convolutional.neighbours import NeighbourFeatures, nearest, spacing
from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork


def points(count: int, seed: int = 0, batch: int = 2) -> torch.Tensor:
    return torch.rand(batch, count, 3, generator=torch.Generator().manual_seed(seed)) - 0.5


def test_nearest_agrees_with_all_distances() -> None:
    queries, cloud = points(50), points(200, seed=1)
    expected = torch.cdist(queries, cloud).topk(4, largest=False).indices
    torch.testing.assert_close(nearest(queries, cloud, 4), expected)


def test_spacing_of_a_lattice_is_its_step() -> None:
    line = torch.arange(8) * 0.05
    lattice = torch.cartesian_prod(line, line, line)[None]
    # The three others that are nearest are one step away, at corners as well as inside.
    torch.testing.assert_close(spacing(lattice, 4), torch.tensor([0.05]))
    assert spacing(lattice[:, :1], 4) > 0


@pytest.mark.parametrize("sizes", [0, 2])
def test_attention_equals_a_plain_loop(sizes: int) -> None:
    torch.manual_seed(0)
    module = NeighbourFeatures(channels=6, hidden=8, neighbours=3, surroundings=sizes).double()
    if module.fc_to_forms is not None:
        torch.nn.init.normal_(module.fc_to_forms.weight)
    queries, cloud = points(5, batch=1).double(), points(20, seed=1, batch=1).double()
    seen, known = torch.randn(1, 5, 6).double(), torch.randn(1, 20, 6).double()
    space = torch.tensor([0.04]).double()
    normals = torch.nn.functional.normalize(torch.randn(1, 20, sizes, 3), dim=-1).double()
    forms = 0.1 * torch.randn(1, 20, 3 * sizes, 10).double()
    code = {"cloud": cloud, "cloud_features": known, "spacing": space}
    code |= {"cloud_forms": forms, "cloud_normals": normals}
    got = module(queries, code, seen)
    for t in range(5):
        near = (queries[0, t] - cloud[0]).norm(dim=-1).argsort()[:3]
        nets = []
        for n in near:
            offset = queries[0, t] - cloud[0, n]
            units = [
                part
                for unit in (0.03, 0.04)
                for part in (*(offset / unit).clamp(-5, 5), (offset.norm() / unit).clamp(max=5))
            ]
            net = (
                module.fc_offset(torch.stack([*units, space[0] * 20]))
                + module.fc_neighbour(known[0, n])
                + module.fc_plane(seen[0, t])
            )
            if module.fc_to_forms is not None:
                x, y, z = offset
                powers = [1, x, y, z, x * x, x * y, x * z, y * y, y * z, z * z]
                values = [sum(map(mul, form, powers)) for form in forms[0, n]]
                outwards = module.fc_outwards(known[0, n])
                sides = [torch.tanh(normal @ outwards.detach()) for normal in normals[0, n]]
                far = [abs(height) for height in values[:4]]
                far += [max(float(square), 1e-12) ** 0.5 for square in values[4:]]
                far += [height * side for height, side in zip(values, 2 * sides, strict=False)]
                numbers = [min(max(float(d / u), -5.0), 5.0) for u in (0.03, 0.006) for d in far]
                net = net + module.fc_to_forms(torch.tensor(numbers).double())
            nets.append(module.fc_1(net.relu()).relu())
        net = torch.stack(nets)
        shares = module.fc_weight(net).softmax(0)
        mixed = torch.cat(
            [(shares[:, h, None] * net[:, 2 * h : 2 * h + 2]).sum(0) for h in range(4)]
        )
        torch.testing.assert_close(got[0, t], module.fc_out(mixed))


@pytest.mark.parametrize("count", [1, 3, 400])
def test_clouds_of_any_size_give_finite_logits_and_gradients(count: int) -> None:
    torch.manual_seed(0)
    network = ConvolutionalOccupancyNetwork(
        input_kind="points", plane_resolution=16, unet_depth=2, neighbours=8
    )
    queries = points(30, seed=2).requires_grad_()
    logits = network(queries, points(count))
    (gradient,) = torch.autograd.grad(logits.sum(), queries)
    assert logits.shape == (2, 30)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(gradient).all()


def test_order_of_the_cloud_does_not_matter() -> None:
    torch.manual_seed(0)
    network = ConvolutionalOccupancyNetwork(
        input_kind="points", plane_resolution=16, unet_depth=2, neighbours=8
    ).double()
    # As many as tell the spacing, so that all of them are used in any order.
    cloud, queries = points(400).double(), points(30, seed=2).double()
    shuffled = cloud[:, torch.randperm(400, generator=torch.Generator().manual_seed(3))]
    torch.testing.assert_close(network(queries, cloud), network(queries, shuffled))


def test_impossible_attention_is_refused() -> None:
    with pytest.raises(ValueError, match="divisible"):
        NeighbourFeatures(channels=8, hidden=10, neighbours=2)
    with pytest.raises(ValueError, match="neighbours"):
        ConvolutionalOccupancyNetwork(input_kind="voxels", neighbours=2)
