"""Neighbours seen by polynomials, against plain loops; clouds that are read both ways."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onet_core.models.convolutional.both_ways import both_ways
from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork
from onet_core.models.convolutional.quadratic import QuadraticNeighbours, damped, squared

TURN = torch.tensor([-1.0, 1.0, -1.0])
NETWORK = {
    "channels": 6, "hidden": 8, "plane_resolution": 8, "unet_depth": 2, "unet_width": 8,
    "neighbours": 3, "surroundings": [4, 12],
}  # fmt: skip


def monomials(offset: Tensor) -> Tensor:
    x, y, z = offset
    one = torch.ones_like(x)
    return torch.stack([one, x, y, z, x * x, x * y, x * z, y * y, y * z, z * z])


def random_code(count: int, channels: int, sizes: int) -> dict[str, Tensor]:
    normals = torch.nn.functional.normalize(torch.randn(1, count, sizes, 3).double(), dim=-1)
    away = 0.02 * torch.randn(1, count, sizes, 1).double()
    planes = torch.cat([away, normals, torch.zeros(1, count, sizes, 6).double()], dim=-1)
    rest = 0.1 * torch.randn(1, count, 2 * sizes, 10).double()
    return {
        "cloud": torch.rand(1, count, 3).double() - 0.5,
        "cloud_features": torch.randn(1, count, channels).double(),
        "cloud_forms": torch.cat([planes, rest], dim=2),
        "cloud_normals": normals,
        "spacing": torch.tensor([0.04]).double(),
    }


def test_attention_equals_a_plain_loop() -> None:
    torch.manual_seed(0)
    sizes = 2
    module = QuadraticNeighbours(
        channels=6, wide=10, hidden=8, neighbours=3, surroundings=sizes
    ).double()
    code = random_code(20, 6, sizes)
    cloud, known = code["cloud"][0], code["cloud_features"][0]
    queries, features = torch.rand(1, 5, 3).double() - 0.5, torch.randn(1, 5, 6).double()
    got = module(queries, code, features)
    for t, query in enumerate(queries[0]):
        nets = []
        for n in (query - cloud).norm(dim=-1).argsort()[:3]:
            offset = query - cloud[n]
            fading = 1 / (1 + (offset.norm() / (0.03 + 1.5 * 0.04)) ** 2)
            values = code["cloud_forms"][0, n] @ monomials(offset)
            heights, lines = values[: 2 * sizes], values[2 * sizes :]
            sides = (code["cloud_normals"][0, n] @ module.fc_outwards(known[n])).tanh()
            seen = [
                heights / 0.01,
                sides.repeat(2) * heights / 0.01,
                (heights[:sizes] / 0.02) ** 2,
                lines / 0.03**2,
                offset / 0.03,
                (offset @ offset / 0.03**2)[None],
                offset / 0.04,
                (offset @ offset / 0.04**2)[None],
                torch.ones(1).double(),
            ]
            net = module.fc_seen(fading * torch.cat(seen)) + module.fc_neighbour(known[n])
            net = net + module.fc_plane(features[0, t])
            nets.append(module.fc_1(net.relu()).relu())
        net = torch.stack(nets)
        share = module.fc_weight(net).softmax(0).repeat_interleave(2, dim=1)
        torch.testing.assert_close(got[0, t], module.fc_out((net * share).sum(0)))


def test_a_squared_plane_is_the_square_of_its_height() -> None:
    torch.manual_seed(0)
    plane = torch.cat([torch.randn(4), torch.zeros(6)]).double()
    for offset in torch.randn(10, 3).double():
        height = plane @ monomials(offset)
        torch.testing.assert_close(squared(plane) @ monomials(offset), height**2)


def test_what_is_damped_stays_bounded() -> None:
    far = 1e6 * torch.eye(3).double()
    seen = damped(far, torch.tensor([0.1]).double())
    assert seen.abs().max() == pytest.approx(0.1**2, rel=1e-6)
    near = damped(1e-9 * torch.eye(3).double(), torch.tensor([0.1]).double())
    torch.testing.assert_close(near[:, 0], torch.ones(3).double())


def network(**more: object) -> ConvolutionalOccupancyNetwork:
    torch.manual_seed(0)
    made = ConvolutionalOccupancyNetwork(input_kind="points", **{**NETWORK, **more})
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


@torch.no_grad()
def test_a_turned_cloud_has_the_same_code_with_its_halves_changed_and_turned() -> None:
    cloud = torch.rand(2, 60, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    encoder = network(quadratic=12).encoder
    code, turned = both_ways(encoder, cloud), both_ways(encoder, cloud * TURN)
    for name, flipped in (("xz", (-1, -2)), ("xy", (-1,)), ("yz", (-2,))):
        first, second = turned[name].flip(flipped).chunk(2, dim=1)
        torch.testing.assert_close(code[name], torch.cat([second, first], dim=1))
    # The first half is what the encoder says of the cloud as it is.
    plain = encoder(cloud)
    torch.testing.assert_close(code["xy"][:, :6], plain["xy"])
    first, second = turned["cloud_features"].chunk(2, dim=-1)
    torch.testing.assert_close(code["cloud_features"], torch.cat([second, first], dim=-1))
    torch.testing.assert_close(code["cloud_forms"], plain["cloud_forms"])


@torch.no_grad()
def test_a_network_that_reads_both_ways_has_twice_the_channels() -> None:
    cloud = torch.rand(1, 60, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    made = network(quadratic=12, both_ways=True)
    code = made.encode_inputs(cloud)
    assert code["cloud_features"].shape == (1, 60, 12)
    assert made.decode(cloud, torch.zeros(1, 0), code).shape == (1, 60)


@pytest.mark.parametrize(
    "more",
    [
        {"neighbours": 0, "quadratic": 12},
        {"neighbours": 0, "both_ways": True},
        {"surroundings": [], "quadratic": 12},
        {"decoder_hidden": 10, "quadratic": 12},
    ],
)
def test_what_does_not_fit_together_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"neighbour"):
        network(**more)
