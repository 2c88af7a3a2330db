"""The networks against vectors of the original implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import kl_divergence

from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.occupancy_network import OccupancyNetwork
from tests.reference import reference, reference_keys, reference_state

NETWORKS = {
    "img": ("image", {"encoder": "resnet18", "decoder": "cbatchnorm", "c_dim": 256}),
    "pointcloud": ("points", {"encoder": "pointnet_resnet", "decoder": "cbatchnorm", "c_dim": 512}),
    "voxels": ("voxels", {"encoder": "voxel_simple", "decoder": "cbatchnorm", "c_dim": 256}),
    "unconditional": ("none", {"decoder": "simple", "c_dim": 0, "z_dim": 128}),
}
PARAMETERS = {
    "img": 13_414_465,
    "pointcloud": 10_373_889,
    "voxels": 7_857_473,
    "unconditional": 298_369,
}


def make_network(name: str) -> OccupancyNetwork:
    kind, arguments = NETWORKS[name]
    description = ModelDescription(name, name, "occupancy_network", kind, dict(arguments))
    network = build_network(description)
    assert isinstance(network, OccupancyNetwork)
    return network


def filled_network(name: str) -> OccupancyNetwork:
    network = make_network(name)
    network.load_state_dict(reference_state(name))
    return network.eval()


def relative_error(ours: torch.Tensor, theirs: np.ndarray) -> float:
    """The largest difference over the largest value."""
    return float(np.abs(ours.detach().numpy() - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_checkpoint_keys_shapes_and_order(name: str) -> None:
    network = make_network(name)
    ours = [
        (key, tuple(value.shape), str(value.dtype).removeprefix("torch."))
        for key, value in network.state_dict().items()
    ]
    assert ours == reference_keys(name)
    assert sum(value.numel() for value in network.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_codes_logits_and_gradients(name: str) -> None:
    network, vectors = filled_network(name), reference(name)
    z = torch.from_numpy(vectors["z"])
    points = torch.from_numpy(vectors["points"]).expand(2, -1, -1)
    with torch.no_grad():
        if name == "unconditional":
            code = network.encode_inputs(torch.zeros(2, 0))
            assert code.shape == (2, 0)
        else:
            code = network.encode_inputs(torch.from_numpy(vectors["inputs"]))
            assert relative_error(code, vectors["c"]) < 1e-4
        assert relative_error(network.decode(points, z, code), vectors["logits"]) < 1e-4
    theirs = torch.from_numpy(vectors["grad"]).double()
    errors = errors_of_gradient(network.double(), points[:, :512], z, code, theirs)
    bar = 1e-4 * theirs.abs().max()
    assert float((errors[0] > bar).float().mean()) < 0.001
    assert bool((errors.amin(dim=0) < bar).all())


def errors_of_gradient(
    network: OccupancyNetwork,
    points: torch.Tensor,
    z: torch.Tensor,
    code: torch.Tensor,
    theirs: torch.Tensor,
) -> torch.Tensor:
    """Differences (32, B, P) from gradients (B, P, 3) at points (B, P, 3) and within a millionth.

    At the kink of a rectifier the last bit decides which of two gradients is found: with one
    thread the vectors' own, in double precision the other.
    """
    shifts = 1e-6 * torch.randn(32, *points.shape[1:], generator=torch.Generator().manual_seed(0))
    shifts[0] = 0
    errors = []
    for shift in shifts.double():
        places = (points.double() + shift).requires_grad_()
        logits = network.decode(places, z.double(), code.double())
        (ours,) = torch.autograd.grad(logits.sum(), places)
        errors.append((ours - theirs).abs().amax(dim=-1))
    return torch.stack(errors)


def test_latent_encoder_and_divergence() -> None:
    network, vectors = filled_network("unconditional"), reference("unconditional")
    points = torch.from_numpy(vectors["enc_points"])
    occupancies = torch.from_numpy(vectors["enc_occ"]).float()
    posterior = network.infer_z(points, occupancies, torch.zeros(len(points), 0))
    assert relative_error(posterior.mean, vectors["q_mean"]) < 1e-4
    assert relative_error(posterior.stddev.log(), vectors["q_logstd"]) < 1e-4
    divergence = kl_divergence(posterior, network.prior(len(points))).sum(-1)
    assert relative_error(divergence, vectors["kl"]) < 1e-4


def test_elbo_is_likelihood_minus_divergence() -> None:
    # Paper equation (4), put together by hand from the same sample of z.
    network, vectors = filled_network("unconditional"), reference("unconditional")
    points = torch.from_numpy(vectors["enc_points"])
    occupancies = torch.from_numpy(vectors["enc_occ"]).float()
    inputs = torch.zeros(len(points), 0)
    torch.manual_seed(5)
    elbo = network.elbo(points, occupancies, inputs)
    torch.manual_seed(5)
    z = network.infer_z(points, occupancies, inputs).rsample()
    logits = network.decode(points, z, inputs).double()
    # log sigmoid(l) where occupied, log(1 - sigmoid(l)) = log sigmoid(-l) where not.
    likelihood = -torch.log1p(torch.exp(torch.where(occupancies > 0.5, -logits, logits))).sum(-1)
    expected = likelihood - torch.from_numpy(vectors["kl"]).double()
    torch.testing.assert_close(elbo.double(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("decoder", "parameters"),
    [
        ("cbatchnorm", 2_106_625),
        ("cbatchnorm2", 2_106_625),
        ("batchnorm", 730_625),
        ("cbatchnorm_noresnet", 1_119_745),
    ],
)
def test_decoder_sizes(decoder: str, parameters: int) -> None:
    network = build_network(
        ModelDescription(
            "d", "d", "occupancy_network", "voxels", {"encoder": "voxel_simple", "decoder": decoder}
        )
    )
    assert (
        sum(value.numel() for value in network.get_submodule("decoder").parameters()) == parameters
    )


@pytest.mark.parametrize(
    "decoder", ["simple", "cbatchnorm", "cbatchnorm2", "batchnorm", "cbatchnorm_noresnet"]
)
def test_every_decoder_uses_code_and_latent(decoder: str) -> None:
    torch.manual_seed(0)
    network = build_network(
        ModelDescription(
            "d",
            "d",
            "occupancy_network",
            "voxels",
            {"encoder": "voxel_simple", "decoder": decoder, "c_dim": 8, "z_dim": 4},
        )
    )
    for value in network.parameters():  # the zeros of the initialisation would hide the code
        torch.nn.init.normal_(value, std=0.2)
    network.eval()
    points = torch.rand(1, 20, 3) - 0.5
    z, code = torch.randn(1, 4), torch.randn(1, 8)
    logits = network.decode(points, z, code)
    assert logits.shape == (1, 20)
    assert not torch.allclose(logits, network.decode(points, z + 1, code))
    assert not torch.allclose(logits, network.decode(points, z, code + 1))


def test_fresh_blocks_pass_their_input_through() -> None:
    # fc_1 starts at zero and gamma at one, so only the input and output layers act.
    network = make_network("voxels")
    for i in range(5):
        block = network.decoder.get_submodule(f"block{i}")
        assert not block.get_parameter("fc_1.weight").any()
        assert (block.get_parameter("bn_0.conv_gamma.bias") == 1).all()
        assert not block.get_parameter("bn_0.conv_beta.weight").any()
