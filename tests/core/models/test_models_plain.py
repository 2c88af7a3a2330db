"""The networks without reference vectors, against the same arithmetic written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.layers import precisely
from onet_core.models.occupancy_network import OccupancyNetwork

DECODERS = ["simple", "cbatchnorm", "cbatchnorm2", "batchnorm", "cbatchnorm_noresnet"]
ENCODERS = {
    "resnet18": ("image", (2, 3, 33, 33)),
    "pointnet_resnet": ("points", (2, 50, 3)),
    "pointnet_simple": ("points", (2, 50, 3)),
    "voxel_simple": ("voxels", (2, 32, 32, 32)),
}
State = dict[str, np.ndarray]


def make(input_kind: str, **arguments: Any) -> OccupancyNetwork:
    """A network whose every value matters: no zeros, no ones, statistics as after training."""
    torch.manual_seed(0)
    network = build_network(ModelDescription("d", "d", "occupancy_network", input_kind, arguments))
    assert isinstance(network, OccupancyNetwork)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif value.is_floating_point():
            width = value[0].numel() if value.dim() > 1 else 10
            value.normal_(0, width**-0.5)
    return network.eval()


def arrays(module: nn.Module) -> State:
    return {name: value.double().numpy() for name, value in module.state_dict().items()}


def rectify(x: np.ndarray, leak: float = 0.0) -> np.ndarray:
    return np.where(x > 0, x, leak * x)


def linear(state: State, name: str, x: np.ndarray) -> np.ndarray:
    """Linear layers, and convolutions of width 1 on (..., C)."""
    weight = state[f"{name}.weight"]
    bias = state.get(f"{name}.bias", 0.0)
    return x @ weight.reshape(len(weight), -1).T + bias


def standardise(state: State, name: str, x: np.ndarray) -> np.ndarray:
    return (x - state[f"{name}.running_mean"]) / np.sqrt(state[f"{name}.running_var"] + 1e-5)


def conditioned(state: State, name: str, x: np.ndarray, code: np.ndarray) -> np.ndarray:
    gamma, beta = (linear(state, f"{name}.conv_{part}", code) for part in ("gamma", "beta"))
    return gamma * standardise(state, f"{name}.bn", x) + beta


def affine(state: State, name: str, x: np.ndarray) -> np.ndarray:
    return standardise(state, name, x) * state[f"{name}.weight"] + state[f"{name}.bias"]


def plain_decoder(
    state: State, decoder: str, points: np.ndarray, z: np.ndarray, code: np.ndarray, leak: float
) -> np.ndarray:
    """Logits (T,) of one object, from the facts about each decoder."""
    if decoder == "cbatchnorm2":
        code = code + linear(state, "fc_z", z)
        net = linear(state, "conv_p", points)
    else:
        net = linear(state, "fc_p", points) + linear(state, "fc_z", z)
    if decoder in ("simple", "batchnorm"):
        net = net + linear(state, "fc_c", code)
    for i in range(5):
        if decoder == "simple":
            inner = linear(state, f"block{i}.fc_0", rectify(net))
            net = net + linear(state, f"block{i}.fc_1", rectify(inner))
        elif decoder == "batchnorm":
            inner = rectify(affine(state, f"block{i}.bn_0", net))
            inner = rectify(affine(state, f"block{i}.bn_1", linear(state, f"block{i}.fc_0", inner)))
            net = net + linear(state, f"block{i}.fc_1", inner)
        elif decoder == "cbatchnorm_noresnet":
            net = linear(state, f"fc_{i}", rectify(conditioned(state, f"bn_{i}", net, code), leak))
        else:
            block = f"blocks.{i}" if decoder == "cbatchnorm2" else f"block{i}"
            inner = rectify(conditioned(state, f"{block}.bn_0", net, code))
            inner = linear(state, f"{block}.fc_0", inner)
            inner = rectify(conditioned(state, f"{block}.bn_1", inner, code))
            net = net + linear(state, f"{block}.fc_1", inner)
    if decoder == "batchnorm":
        net = affine(state, "bn", net)
    elif decoder != "simple":
        net = conditioned(state, "bn_5" if decoder == "cbatchnorm_noresnet" else "bn", net, code)
    output = "conv_out" if decoder == "cbatchnorm2" else "fc_out"
    return linear(state, output, rectify(net, leak))[:, 0]


@pytest.mark.parametrize(
    ("decoder", "leaky"),
    [(decoder, False) for decoder in DECODERS]
    # The original's second decoder has no leaky form.
    + [(decoder, True) for decoder in DECODERS if decoder != "cbatchnorm2"],
)
def test_decoders_equal_plain_arithmetic(decoder: str, leaky: bool) -> None:
    network = make(
        "points",
        encoder="pointnet_simple",
        decoder=decoder,
        c_dim=6,
        z_dim=4,
        decoder_kwargs={"leaky": True} if leaky else {},
    )
    points, z, code = torch.rand(2, 40, 3) - 0.5, torch.randn(2, 4), torch.randn(2, 6)
    with torch.no_grad():
        logits = network.decode(points, z, code).numpy()
    state = arrays(network.decoder)
    for i in range(2):
        expected = plain_decoder(
            state, decoder, points[i].numpy(), z[i].numpy(), code[i].numpy(), 0.2 if leaky else 0.0
        )
        assert np.abs(logits[i] - expected).max() < 1e-4 * np.abs(expected).max()


def test_simple_pointnet_equals_plain_arithmetic() -> None:
    network = make("points", encoder="pointnet_simple", c_dim=6)
    cloud = torch.rand(1, 30, 3) - 0.5
    state = arrays(network.get_submodule("encoder"))
    net = linear(state, "fc_pos", cloud[0].numpy())
    for i in range(4):
        net = linear(state, f"fc_{i}", rectify(net))
        if i < 3:
            net = np.concatenate([net, np.broadcast_to(net.max(0), net.shape)], axis=1)
    expected = linear(state, "fc_c", rectify(net.max(0)))
    with torch.no_grad():
        code = network.encode_inputs(cloud)[0].numpy()
    assert np.abs(code - expected).max() < 1e-4 * np.abs(expected).max()


def test_latent_encoder_with_a_code_equals_plain_arithmetic() -> None:
    network = make("points", encoder="pointnet_simple", c_dim=6, z_dim=5)
    points, occupancies = torch.rand(1, 30, 3) - 0.5, (torch.rand(1, 30) > 0.5).float()
    code = torch.randn(1, 6)
    state = arrays(network.get_submodule("encoder_latent"))
    net = linear(state, "fc_0", occupancies[0].numpy()[:, None])
    net = net + linear(state, "fc_pos", points[0].numpy()) + linear(state, "fc_c", code[0].numpy())
    for i in range(1, 4):
        net = linear(state, f"fc_{i}", rectify(net))
        if i < 3:
            net = np.concatenate([net, np.broadcast_to(net.max(0), net.shape)], axis=1)
    mean, deviation = (linear(state, f"fc_{part}", net.max(0)) for part in ("mean", "logstd"))
    with torch.no_grad():
        posterior = network.infer_z(points, occupancies, code)
    np.testing.assert_allclose(posterior.mean[0].numpy(), mean, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(posterior.stddev.log()[0].numpy(), deviation, rtol=1e-4, atol=1e-4)


def test_one_code_for_each_shape_of_a_dataset() -> None:
    network = make("index", encoder="idx", c_dim=8, encoder_kwargs={"shapes": 5})
    code = network.encode_inputs(torch.tensor([3, 0]))
    assert torch.equal(code, network.get_parameter("encoder.weight")[[3, 0]])
    assert network.decode(torch.zeros(2, 7, 3), torch.zeros(2, 0), code).shape == (2, 7)


@pytest.mark.parametrize(
    ("decoder", "first", "last"),
    [
        ("simple", ["fc_p", "fc_z", "fc_c", "block0"], ["block4", "fc_out"]),
        ("cbatchnorm", ["fc_z", "fc_p", "block0"], ["block4", "bn", "fc_out"]),
        ("cbatchnorm2", ["fc_z", "conv_p", "blocks"], ["blocks", "bn", "conv_out"]),
        ("batchnorm", ["fc_z", "fc_c", "fc_p", "block0"], ["block4", "bn", "fc_out"]),
        ("cbatchnorm_noresnet", ["fc_z", "fc_p", "fc_0"], ["fc_4", "bn_0", "bn_1", "bn_2", "bn_3",
                                                           "bn_4", "bn_5", "fc_out"]),
    ],
)  # fmt: skip
def test_layers_come_in_the_original_order(decoder: str, first: list[str], last: list[str]) -> None:
    # Adam's state in a checkpoint goes by this order.
    network = make("points", encoder="pointnet_simple", decoder=decoder, c_dim=6, z_dim=4)
    order = list(dict.fromkeys(key.split(".")[0] for key in network.decoder.state_dict()))
    assert order[: len(first)] == first
    assert order[-len(last) :] == last
    parts = dict.fromkeys(key.split(".")[0] for key in network.state_dict())
    assert list(parts) == ["decoder", "encoder_latent", "encoder"]


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [(encoder, "cbatchnorm") for encoder in ENCODERS]
    + [("pointnet_simple", decoder) for decoder in DECODERS if decoder != "cbatchnorm"],
)
def test_training_step_in_bfloat16(encoder: str, decoder: str) -> None:
    kind, shape = ENCODERS[encoder]
    network = make(kind, encoder=encoder, decoder=decoder, c_dim=16, z_dim=4).train()
    points, inputs = torch.rand(2, 20, 3) - 0.5, torch.rand(shape)
    occupancies = (torch.rand(2, 20) > 0.5).float()
    with torch.autocast("cpu", torch.bfloat16):
        loss = -network.elbo(points, occupancies, inputs).mean()
    assert loss.dtype == torch.float32
    loss.backward()
    for name, value in network.named_parameters():
        assert value.grad is not None, name
        assert value.grad.isfinite().all(), name
        assert value.grad.any() or name.endswith(".bias"), name


def test_coordinates_keep_their_precision_in_bfloat16() -> None:
    layer = nn.Linear(3, 4)
    points = torch.full((1, 1, 3), 0.5)
    moved = points + 1e-4  # lost in bfloat16, whose next number after 0.5 is 0.5039
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert torch.equal(layer(points), layer(moved))
        assert not torch.equal(precisely(layer, points), precisely(layer, moved))
        torch.testing.assert_close(
            precisely(layer, points),
            nn.functional.linear(
                points.double(), layer.weight.double(), layer.bias.double()
            ).float(),
        )
